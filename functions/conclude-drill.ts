import { z } from 'zod';
import { requireNotExpired } from '#catalog/drill-expired';
import { drillProof } from '#catalog/drill-proof';
import { recordProof } from '#catalog/proofs';
import { backupIdSchema } from '#model/backup-id';
import { brief } from '#model/brief';
import { describeDrill } from '#model/describe-drill';
import { text } from '#model/plan-field';
import { fields } from '#model/read-input';
import { targetInputSchema } from '#model/restore-request';
import { drillMetrics } from '#model/task-metrics';
import { edge } from './edge.ts';

const instant = z.iso.datetime('an instant');

/** Record what a drill showed, or that it could not be carried out; the same once more changes nothing. @throws BackupExpired */
export const handler = edge({
  name: 'conclude-drill',
  input: fields({
    source: text('the name of a source'),
    backup: backupIdSchema,
    target: targetInputSchema,
    execution: text("the execution's ARN"),
    resultKey: text('the key of a task result'),
    /** why there is no result; null when there is one */
    failure: z.looseObject({ name: z.string(), message: z.string() }).nullable(),
    startedAt: instant,
    finishedAt: instant,
  }),

  async run(drill, { vault, measure }) {
    const proof = await drillProof(vault.store, drill);
    await requireNotExpired(vault.store, proof, drill.target.immediate === true);
    const key = await recordProof(vault.store, proof);
    await measure?.(drillMetrics(proof));
    const { ok, verdict, backup } = proof;
    return { ok, verdict, backup, key, ...brief(describeDrill(proof), 4000) };
  },
});
