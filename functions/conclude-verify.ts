import { z } from 'zod';
import { concludeVerification } from '#catalog/conclude-verification';
import { backupIdSchema } from '#model/backup-id';
import { brief } from '#model/brief';
import { text } from '#model/plan-field';
import { fields } from '#model/read-input';
import { verificationMetrics } from '#model/task-metrics';
import { edge } from './edge.ts';

const step = fields({
  resultKey: text('a key'),
  failure: z.looseObject({ name: z.string(), message: z.string() }).nullable(),
});

/** What reading a backup back found, of all steps together. */
export const handler = edge({
  name: 'conclude-verify',
  input: fields({
    source: text('the name of a source'),
    backup: backupIdSchema,
    /** of the manifest that was read back */
    version: text('the version of a manifest'),
    execution: text("the execution's ARN"),
    /** when the execution began */
    since: z.iso.datetime('an instant').transform((since) => new Date(since)),
    steps: z.array(step).min(1),
  }),

  async run(verification, { vault, measure }) {
    const { source, backup } = verification;
    const { ok, problem } = await concludeVerification(vault.store, verification);
    // a backup that could not be read as a whole may be a good one
    if (ok || problem?.name === 'BackupDamaged') await measure?.(verificationMetrics(source, ok));
    return { source, backup, ok, problem: problem && brief(problem, 4000) };
  },
});
