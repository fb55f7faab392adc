import { z } from 'zod';
import { catalogDump, readDump } from '#catalog/dumps';
import { readTaskOutcome } from '#catalog/task-outcome';
import { chooseDumped } from '#model/choose-dumped';
import { describeDump } from '#model/describe-dump';
import { throwDumpContradictions } from '#model/dump-claims';
import { text } from '#model/plan-field';
import { fields } from '#model/read-input';
import { dumpMetrics } from '#model/task-metrics';
import { drillVolumeGiB } from '#model/volume-size';
import { edge } from './edge.ts';

/**
 * The dump that a task says it took is committed, its manifest says the same, and the catalog knows it; and how large a
 * volume its restore takes, where it is restored with its rows.
 * @throws BackupIncomplete
 */
export const handler = edge({
  name: 'confirm-dump',
  input: fields({
    source: text('the name of a source'),
    resultKey: text('the key of a task result'),
    execution: text("the execution's ARN"),
    /** when the execution began */
    since: z.iso.datetime('an instant').transform((since) => new Date(since)),
  }),

  async run({ source, resultKey, execution, since }, { plan, vault, measure }) {
    const { result } = await readTaskOutcome(vault.store, 'dump', resultKey, since);
    const manifest = await readDump(vault.store, source, result.dump);
    throwDumpContradictions(manifest, result, { source, execution });
    await catalogDump(vault.store, manifest);
    await measure?.(dumpMetrics(result));
    const { dump, kind, rawBytes, storedBytes } = result;
    const hasRows = kind === 'dump' && chooseDumped(plan, source).dump.restoreTest;
    const sizeBytes = hasRows ? manifest.databases.reduce((sum, one) => sum + one.sizeBytes, 0) : 0;
    return { dump, kind, rawBytes, storedBytes, volumeGiB: drillVolumeGiB(sizeBytes), ...describeDump(result) };
  },
});
