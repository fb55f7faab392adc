import { z } from 'zod';
import { chooseManaged } from '#model/choose-source';
import { overdueDumps } from '#model/dump-findings';
import type { FindingChanges } from '#model/finding-changes';
import type { AskedDatabase } from '#model/managed-findings';
import type { ManagedSource } from '#model/managed-source';
import { text } from '#model/plan-field';
import { endNotice, findingNotice } from '#notify/finding-notice';
import { managedMetrics, watchManaged } from '#recovery/watch-managed';
import { openRds, type Rds } from '#runtime/rds';
import { edge } from './edge.ts';

/**
 * Every minute: what would be lost of the databases that RDS runs, and what is not as it should be. Beside `watch`, since
 * that one asks servers where they are, in a network from which RDS itself may not be reached.
 */
export const handler = edge({
  name: 'watch-managed',
  input: z.looseObject({ source: text('the name of a source').exactOptional() }),

  async run({ source }, { plan, vault: { store }, environment, now, publish, measure }, logger) {
    const sources = source === undefined ? plan.managed : [chooseManaged(plan, source)];
    const rds = openRds(environment);
    const tell = async ({ raised, ended }: FindingChanges) => {
      for (const finding of raised) await publish?.(findingNotice(finding));
      for (const finding of ended) await publish?.(endNotice(finding, now()));
    };
    const outcomes = await Promise.allSettled(
      sources.map(async (one) => {
        const away = one.copyTo && openRds(environment, one.copyTo.region);
        const ask = () => askRds(one, rds, away);
        const seen = await watchManaged({ store, source: one, region: rds.region, ask, now, tell });
        return { ...seen, source: one };
      }),
    );
    const seen = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []));
    for (const { source: one, watched } of seen)
      if (watched.unanswered) logger.warn(`${one.name}: RDS did not answer: ${watched.unanswered.why}`);
    await measure?.(
      seen.flatMap(({ source: one, watched }) => [
        ...managedMetrics(one.name, watched),
        ...overdueDumps(one, watched.findings),
      ]),
    );
    const failed = outcomes.find((outcome) => outcome.status === 'rejected');
    if (failed) throw failed.reason;
    return { findings: seen.flatMap(({ changes }) => changes.current) };
  },
});

async function askRds({ database }: ManagedSource, rds: Rds, away: Rds | undefined): Promise<AskedDatabase> {
  const [facts, snapshots, copies] = await Promise.all([
    rds.database(database),
    rds.snapshots(database),
    away?.snapshots(database),
  ]);
  return { database: facts, snapshots, copies };
}
