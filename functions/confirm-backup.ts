import { z } from 'zod';
import { readBackup } from '#catalog/backups';
import { readTaskOutcome } from '#catalog/task-outcome';
import { throwContradictions } from '#model/backup-claims';
import { describeCommit } from '#model/describe-commit';
import { text } from '#model/plan-field';
import { fields } from '#model/read-input';
import { backupMetrics } from '#model/task-metrics';
import { edge } from './edge.ts';

/** The backup that a task says it took is committed, and its manifest says the same. @throws BackupIncomplete */
export const handler = edge({
  name: 'confirm-backup',
  input: fields({
    source: text('the name of a source'),
    resultKey: text('the key of a task result'),
    execution: text("the execution's ARN"),
    /** when the execution began */
    since: z.iso.datetime('an instant').transform((since) => new Date(since)),
  }),

  async run({ source, resultKey, execution, since }, { vault, measure }) {
    const { result } = await readTaskOutcome(vault.store, 'base-backup', resultKey, since);
    const manifest = await readBackup(vault.store, source, result.backup);
    throwContradictions(manifest, result, { source, execution });
    await measure?.(backupMetrics(result));
    const { backup, kind, rawBytes, storedBytes, durationMs } = result;
    return { source, backup, kind, rawBytes, storedBytes, durationMs, ...describeCommit(result) };
  },
});
