import { readBackup } from '#catalog/backups';
import { readTaskOutcome } from '#catalog/task-outcome';
import { throwContradictions } from '#model/backup-claims';
import { formatDuration } from '#model/duration';
import { formatBytes } from '#model/format-bytes';
import { text } from '#model/plan-field';
import { fields } from '#model/read-input';
import { edge } from './edge.ts';

/** The backup that a task says it took is committed, and its manifest says the same. @throws BackupIncomplete */
export const handler = edge({
  name: 'confirm-backup',
  input: fields({
    source: text('the name of a source'),
    resultKey: text('the key of a task result'),
    execution: text("the execution's ARN"),
  }),

  async run({ source, resultKey, execution }, { vault }) {
    const { result } = await readTaskOutcome(vault.store, 'base-backup', resultKey);
    const manifest = await readBackup(vault.store, source, result.backup);
    throwContradictions(manifest, result, { source, execution });
    const { backup, kind, rawBytes, storedBytes, durationMs, stop } = result;
    const size = `${formatBytes(rawBytes)} copied in ${formatDuration(durationMs)}, stored as ${formatBytes(storedBytes)}`;
    const remarks = [
      ...(result.fallback === null ? [] : [`a full backup was taken: ${result.fallback}`]),
      ...result.warnings,
    ];
    const what = [size, `restores to ${stop.time} and later`, ...remarks.slice(0, 10)].join('\n');
    return {
      source,
      backup,
      kind,
      rawBytes,
      storedBytes,
      durationMs,
      title: `backup ${backup} of ${source} is committed`,
      what,
    };
  },
});
