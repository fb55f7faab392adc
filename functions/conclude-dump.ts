import { z } from 'zod';
import { recordDumpProof } from '#catalog/dumps';
import { endedDumpProof } from '#catalog/ended-dump-proof';
import { brief } from '#model/brief';
import { describeDumpProof } from '#model/describe-dump';
import { dumpIdSchema } from '#model/dump-id';
import { text } from '#model/plan-field';
import { fields } from '#model/read-input';
import { dumpProofMetrics } from '#model/task-metrics';
import { edge } from './edge.ts';

const instant = z.iso.datetime('an instant');

/** Record what a look at a dump showed, or that it could not be carried out; the same once more changes nothing. */
export const handler = edge({
  name: 'conclude-dump',
  input: fields({
    source: text('the name of a source'),
    dump: dumpIdSchema,
    execution: text("the execution's ARN"),
    resultKey: text('the key of a task result'),
    /** why there is no result; null when there is one */
    failure: z.looseObject({ name: z.string(), message: z.string() }).nullable(),
    /** when the execution began */
    startedAt: instant,
    finishedAt: instant,
  }),

  async run(ended, { vault, measure }) {
    const proof = await endedDumpProof(vault.store, ended);
    const key = await recordDumpProof(vault.store, proof);
    await measure?.(dumpProofMetrics(proof));
    const { ok, verdict, dump } = proof;
    return { ok, verdict, dump, key, ...brief(describeDumpProof(proof), 4000) };
  },
});
