import { type Matter, readMatters } from '#catalog/matters';
import type { CommandContext } from '#cli/command';
import { type Answer, describeEnd, type Question, standingOf } from '#model/approval';
import { Failure } from '#model/failure';
import { oneLine } from '#model/plain-text';
import type { ExecutionStanding } from '#runtime/machines';
import { openStoreAt } from '#runtime/open-bucket';

export interface Asked {
  /** a line for each plan that people were asked about, and one for each of their answers */
  lines: string[];
  questions: {
    planHash: string;
    /** as people see it */
    plan: string;
    askedAt: string;
    expiresAt: string;
    required: number;
    answers: Answer[];
    end: string;
  }[];
  /** what it waits for an answer to */
  open: Question | undefined;
}

/** What an execution asked people, and what became of that. Who may not read the bucket, or has no plan, sees why it is not shown. */
export async function askedBy(execution: ExecutionStanding, context: CommandContext): Promise<Asked> {
  if (!asking.has(execution.machine)) return { lines: [], questions: [], open: undefined };
  try {
    const store = await openStoreAt((await context.plan()).bucket, context.environment);
    const matters = await readMatters(store, execution);
    return describeMatters(matters, { status: execution.status, now: context.now() });
  } catch (failure) {
    if (!(failure instanceof Failure)) throw failure;
    return { lines: [`cannot be shown: ${failure.message}`], questions: [], open: undefined };
  }
}

/** The machines that ask. */
export const asking: ReadonlySet<string> = new Set([
  'restore',
  'rds-restore',
  'system-recovery',
  'failover',
  'retention',
]);

export function describeMatters(matters: readonly Matter[], { status, now }: { status: string; now: Date }): Asked {
  const told = matters.map((matter, index) => {
    const { question, answers } = matter;
    const { planHash, plan, askedAt, expiresAt, required = 1 } = question;
    const { yes, final, missing } = standingOf(question, answers);
    const next = matters[index + 1]?.question;
    const isOver = now >= new Date(expiresAt);
    const waits = status === 'RUNNING' ? `waits until ${expiresAt}` : 'was not decided';
    const ends = [
      ...(next ? [`superseded by plan ${next.planHash.slice(0, 12)} at ${next.askedAt}`] : []),
      ...(final ? [oneLine(describeEnd(yes, final))] : []),
      ...(isOver ? [`expired at ${expiresAt}`] : []),
      `${waits}: ${missing} of ${required} ${required === 1 ? 'person' : 'people'} missing`,
    ];
    return {
      lines: [
        `plan ${planHash.slice(0, 12)} at ${askedAt}: ${ends[0]}`,
        ...answers.map(({ decision, by, iam, at, reason }) =>
          oneLine(
            `${decision === 'approve' ? 'yes' : 'no'} by ${by}${iam === undefined || iam === by ? '' : ` (${iam})`} at ${at}${reason === null ? '' : `: ${reason}`}`,
          ),
        ),
      ],
      question: { planHash, plan, askedAt, expiresAt, required, answers, end: ends[0]! },
      waits: status === 'RUNNING' && !next && !final && !isOver ? question : undefined,
    };
  });
  return {
    lines: told.flatMap(({ lines }) => lines),
    questions: told.map(({ question }) => question),
    open: told.at(-1)?.waits,
  };
}
