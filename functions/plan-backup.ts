import { z } from 'zod';
import { takenByFiring } from '#catalog/taken-by-firing';
import { answerChars } from '#model/answer-chars';
import { chooseSource } from '#model/choose-source';
import { InputInvalid } from '#model/failure';
import { type BackupInput, readBackupInput, requesterOf } from '#model/machine-input';
import type { PostgresSource } from '#model/postgres-source';
import { fields } from '#model/read-input';
import { serverLanes } from '#model/server-lanes';
import { sourceRoleArn } from '#model/source-role';
import type { Bucket } from '#runtime/open-bucket';
import { edge } from './edge.ts';

/** What Step Functions hands from state to state is 256 KiB at most, and each source takes a part of it. */
const most = { sources: 1_000, messageChars: 300 };

/** Here no task has a role. */
const localRoles = 'arn:aws:iam::000000000000:role/lifeboat-local-';

/**
 * What is to be backed up, from what the machine was started with: `{}`, `{"source":"main","type":"incremental"}`,
 * `{"sources":["main","orders"]}`. In lanes, so that no server is read by more at the same time than the plan allows. A
 * scheduled one that was taken before is not taken again.
 */
export const handler = edge({
  name: 'plan-backup',
  input: fields({ input: z.unknown() }),

  async run({ input }, { plan, vault, environment }) {
    const asked = readBackupInput(input);
    const names = asked.source === undefined ? asked.sources : [asked.source];
    const chosen = names?.map((name) => chooseSource(plan, name, asked.sources ? 'sources' : 'source')) ?? plan.sources;
    if (chosen.length > most.sources) throw tooMany(chosen.length);
    const sources = await stillDue(vault.store, chosen, asked);
    const kind = asked.type === 'incremental' ? 'incr' : 'full';
    const roles = environment.LIFEBOAT_SOURCE_ROLES ?? localRoles;
    const { all, perServer } = plan.concurrency;
    return {
      requestedBy: requesterOf(asked),
      concurrency: all,
      /** of each source's failure in the answer; people are told all of it */
      messageChars: answerChars(sources.length, most.messageChars),
      planned: sources.map(({ name }) => name),
      lanes: serverLanes(sources, perServer, ({ name }) => ({ source: name, kind, role: sourceRoleArn(roles, name) })),
    };
  },
});

async function stillDue(
  store: Bucket['store'],
  sources: readonly PostgresSource[],
  { type = 'full', scheduledTime }: BackupInput,
): Promise<readonly PostgresSource[]> {
  if (scheduledTime === undefined) return sources;
  const firing = { type, scheduledTime: new Date(scheduledTime) };
  const taken = await Promise.all(sources.map(({ name }) => takenByFiring(store, name, firing)));
  return sources.filter((_, index) => taken[index] === undefined);
}

const tooMany = (sources: number): InputInvalid =>
  new InputInvalid(
    'sources',
    `${sources} of them`,
    `at most ${most.sources.toLocaleString('en')} in one execution`,
    'start several, each with a part of them in "sources"',
  );
