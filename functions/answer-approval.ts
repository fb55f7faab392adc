import { z } from 'zod';
import { decisions } from '#model/approval';
import { oneOf, text } from '#model/plan-field';
import { fields } from '#model/read-input';
import { provenCaller } from '#runtime/proven-caller';
import { takeAnswer } from '#runtime/take-answer';
import { edge } from './edge.ts';

/**
 * A person's yes or no to one plan: kept for good, and once it is decided brought to the execution that waits for it. With a proof
 * of who answers, it is kept who AWS says that is; the proof itself is neither kept nor told.
 */
export const handler = edge({
  name: 'answer-approval',
  input: fields({
    execution: text("the execution's ARN"),
    decision: oneOf(decisions),
    plan: text("the plan's hash, at least 12 of its hexadecimal digits", /^[0-9a-fA-F]{12,64}$/),
    by: text('who answers, at most 200 letters', /^(?=.*\S)[^\n]{1,200}$/),
    reason: text('a reason of at most 500 letters', /^[\s\S]{1,500}$/).nullish(),
    // looked at by provenCaller, whose messages show nothing of it
    proof: z.unknown().optional(),
  }),

  async run({ execution, reason, proof, ...given }, world, logger) {
    const { environment, now } = world;
    const iam = await provenCaller(proof, { execution, ...given }, { environment, now: now() });
    const taken = await takeAnswer(world, execution, { ...given, iam, reason: reason ?? null });
    const { output, yes, missing, again, sent, untold } = taken;
    logger.info('answered', { execution, ...output, missing, again, sent });
    if (untold !== undefined) logger.error('nobody was told of this yes', { execution, reason: untold });
    return { execution, ...output, yes, missing, ...(untold === undefined ? {} : { untold }) };
  },
});
