import { z } from 'zod';
import { chooseSource } from '#model/choose-source';
import { overdueDumps } from '#model/dump-findings';
import type { FindingChanges } from '#model/finding-changes';
import { metricRecords } from '#model/metric';
import { text } from '#model/plan-field';
import { watchMetrics } from '#model/watch-metrics';
import { endNotice, findingNotice } from '#notify/finding-notice';
import { type AskedServer, watchSource } from '#recovery/watch-source';
import { askServer } from '#runtime/server-position';
import { edge } from './edge.ts';

/** Every minute: what would be lost, how long a recovery would take, and what is not as it should be. */
export const handler = edge({
  name: 'watch',
  input: z.looseObject({ source: text('the name of a source').exactOptional() }),

  async run({ source }, { plan, vault, environment, now, publish, measure }, logger) {
    const sources = source === undefined ? plan.sources : [chooseSource(plan, source)];
    const tell = async ({ raised, ended }: FindingChanges) => {
      for (const finding of raised) await publish?.(findingNotice(finding));
      for (const finding of ended) await publish?.(endNotice(finding, now()));
    };
    const watched = await Promise.allSettled(
      sources.map(async (one) => {
        const ask = (): Promise<AskedServer> => askServer(one.connection, environment);
        const seen = await watchSource({ store: vault.store, source: one, askServer: ask, now, tell });
        return { source: one, ...seen };
      }),
    );
    for (const { name, outcome } of sources.map(({ name }, index) => ({ name, outcome: watched[index]! }))) {
      if (outcome.status === 'rejected') logger.error(`${name} could not be watched`, outcome.reason as Error);
    }
    const seen = watched.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []));
    await measure?.([
      ...seen.flatMap(({ source: one, measured, lastBackupAt }) => [
        ...watchMetrics(one.name, measured, lastBackupAt),
        ...overdueDumps(one, measured.findings),
      ]),
      ...(source === undefined ? metricRecords(null, { WatchedSources: seen.length }) : []),
    ]);
    const failed = watched.find((outcome) => outcome.status === 'rejected');
    if (failed) throw failed.reason;
    return { findings: seen.flatMap(({ changes }) => changes.current) };
  },
});
