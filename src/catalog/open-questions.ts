import { z } from 'zod';
import { changeProjection, type Projection, readProjection } from '#catalog/change-projection';
import { readMatters } from '#catalog/matters';
import { answerSchema, describeEnd, type Question, questionSchema, standingOf } from '#model/approval';
import type { ExecutionName } from '#model/arn';
import { oneLine } from '#model/plain-text';
import { approvalsFolder, openQuestionsKey } from '#store/bucket-layout';
import type { ObjectStore } from '#store/object-store';

/** What waits for an answer; without its token, which nobody needs to see. */
const openSchema = questionSchema.omit({ taskToken: true, tokenDigest: true }).extend({
  number: z.number().int().positive(),
  /** who said yes so far, where one is not enough */
  yes: z.array(answerSchema.pick({ by: true, iam: true, at: true, reason: true })).default([]),
});
export type OpenQuestion = z.infer<typeof openSchema>;

/** A question that ended without a yes. */
const endedSchema = openSchema.pick({ execution: true, machine: true, source: true, planHash: true }).extend({
  outcome: z.enum(['rejected', 'expired', 'superseded']),
  at: z.iso.datetime(),
  /** one line, for people */
  why: z.string(),
});
export type EndedQuestion = z.infer<typeof endedSchema>;

/** That somebody has said yes: what it names is being restored. */
const approvedSchema = openSchema.extend({ approvedAt: z.iso.datetime() });

interface Questions {
  format: 'lifeboat-questions/1';
  open: OpenQuestion[];
  /** of the last days */
  approved: z.infer<typeof approvedSchema>[];
  /** of the last day */
  ended: EndedQuestion[];
}

const projection: Projection<Questions> = {
  key: openQuestionsKey,
  schema: z.strictObject({
    format: z.literal('lifeboat-questions/1'),
    open: z.array(openSchema),
    approved: z.array(approvedSchema).default([]),
    ended: z.array(endedSchema).default([]),
  }),
  empty: { format: 'lifeboat-questions/1', open: [], approved: [], ended: [] },
};

/** As long as a machine that restores may take (statemachines/restore.asl.json, rds-restore.asl.json). */
const restoringMs = 5 * 24 * 3600 * 1000;

/** As long as people look for what became of a question. */
const endedMs = 24 * 3600 * 1000;

/** What waits for an answer now, oldest first; one read, however many were answered. */
export async function listOpenQuestions(store: ObjectStore, now: Date): Promise<OpenQuestion[]> {
  const { open } = await readProjection(store, projection);
  return open.filter(({ expiresAt }) => now < new Date(expiresAt));
}

/** What ended without a yes within the last day, oldest first. */
export async function listEndedQuestions(store: ObjectStore, now: Date): Promise<EndedQuestion[]> {
  return settled(await readProjection(store, projection), now).ended;
}

/**
 * What people are asked about, and what may still be being restored since somebody has said yes: nothing of it may go. One read.
 */
export async function listRestoring(store: ObjectStore, now: Date): Promise<OpenQuestion[]> {
  const { open, approved } = settled(await readProjection(store, projection), now);
  // what retention asks about is to go
  return [...open, ...approved].filter(({ machine }) => machine !== 'retention');
}

/**
 * Have the list say how an execution's question stands: by what is stored, so that it may be noted again and by anybody. After a yes
 * it is remembered for as long as it may be at work.
 */
export async function noteStanding(store: ObjectStore, name: ExecutionName, now: Date): Promise<void> {
  await changeProjection(store, projection, async (content) => {
    // what is stored may have changed while others noted theirs
    const found = await standingIn(store, name);
    const of = (one: { execution: string }) => one.execution === found.execution;
    return settled(
      {
        ...content,
        open: [...content.open.filter((one) => !of(one)), ...(found.open ? [found.open] : [])].sort(byTime),
        approved: [...content.approved.filter((one) => !of(one)), ...(found.approved ? [found.approved] : [])],
        ended: [...content.ended.filter((one) => !of(one)), ...found.ended],
      },
      now,
    );
  });
}

interface Found {
  execution: string | undefined;
  open: OpenQuestion | undefined;
  approved: Questions['approved'][number] | undefined;
  ended: EndedQuestion[];
}

async function standingIn(store: ObjectStore, name: ExecutionName): Promise<Found> {
  const matters = await readMatters(store, name);
  const newest = matters.at(-1);
  const ended = matters.slice(0, -1).map(({ question }, index) => {
    const next = matters[index + 1]!.question;
    const why = `plan ${next.planHash.slice(0, 12)} took its place at ${next.askedAt}`;
    return endedOf(question, 'superseded', next.askedAt, why);
  });
  if (!newest) return { execution: undefined, open: undefined, approved: undefined, ended };
  const { question, number, answers } = newest;
  const { yes, final } = standingOf(question, answers);
  const { taskToken: _, tokenDigest: __, ...shown } = question;
  const said = yes.map(({ by, iam, at, reason }) => ({ by, ...(iam === undefined ? {} : { iam }), at, reason }));
  const open = { ...shown, number, yes: said };
  const { execution } = question;
  if (!final) return { execution, open, approved: undefined, ended };
  if (final.decision === 'approve')
    return { execution, open: undefined, approved: { ...open, approvedAt: final.at }, ended };
  const why = `${describeEnd(yes, final)}${final.reason === null ? '' : `: ${oneLine(final.reason)}`}`;
  return {
    execution,
    open: undefined,
    approved: undefined,
    ended: [...ended, endedOf(question, 'rejected', final.at, why)],
  };
}

const endedOf = (
  { execution, machine, source, planHash }: Pick<Question, 'execution' | 'machine' | 'source' | 'planHash'>,
  outcome: EndedQuestion['outcome'],
  at: string,
  why: string,
): EndedQuestion => ({ execution, machine, source, planHash, outcome, at, why });

/** What has expired is over, and what is long over is forgotten. */
function settled({ open, approved, ended, ...content }: Questions, now: Date): Questions {
  const isExpired = ({ expiresAt }: OpenQuestion) => now >= new Date(expiresAt);
  const isSince = (at: string, ms: number) => now.getTime() - Date.parse(at) < ms;
  const expired = open.filter(isExpired).map((one) => {
    const so = one.yes.length === 0 ? 'nobody answered' : `${one.yes.length} of ${one.required ?? 1} said yes`;
    return endedOf(one, 'expired', one.expiresAt, `${so} by ${one.expiresAt}`);
  });
  return {
    ...content,
    open: open.filter((one) => !isExpired(one)),
    approved: approved.filter(({ approvedAt }) => isSince(approvedAt, restoringMs)),
    ended: [...ended, ...expired].filter(({ at }) => isSince(at, endedMs)).sort((a, b) => (a.at < b.at ? -1 : 1)),
  };
}

/** Make the list of what waits anew, from the questions themselves. */
export async function rebuildOpenQuestions(store: ObjectStore, now: Date): Promise<void> {
  await changeProjection(store, projection, async () => {
    const all: Questions = { ...projection.empty, open: [], approved: [], ended: [] };
    for await (const name of askingExecutions(store)) {
      const { open, approved, ended } = await standingIn(store, name);
      if (open) all.open.push(open);
      if (approved) all.approved.push(approved);
      all.ended.push(...ended);
    }
    return settled({ ...all, open: all.open.sort(byTime), approved: all.approved.sort(byTime) }, now);
  });
}

async function* askingExecutions(store: ObjectStore): AsyncGenerator<ExecutionName> {
  for await (const machine of store.folders(approvalsFolder)) {
    for await (const name of store.folders(`${approvalsFolder}${machine}`)) {
      yield { machine: machine.slice(0, -1), name: name.slice(0, -1) };
    }
  }
}

const byTime = (a: OpenQuestion, b: OpenQuestion): number => (a.askedAt < b.askedAt ? -1 : 1);
