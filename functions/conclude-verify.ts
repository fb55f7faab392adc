import { z } from 'zod';
import { concludeVerification } from '#catalog/conclude-verification';
import { backupIdSchema } from '#model/backup-id';
import { brief } from '#model/brief';
import { text } from '#model/plan-field';
import { fields } from '#model/read-input';
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
    execution: text("the execution's ARN"),
    /** when the execution began */
    since: z.iso.datetime('an instant').transform((since) => new Date(since)),
    steps: z.array(step).min(1),
  }),

  async run(verification, { vault }) {
    const { source, backup } = verification;
    const { ok, problem } = await concludeVerification(vault.store, verification);
    return { source, backup, ok, problem: problem && brief(problem, 4000) };
  },
});
