import { z } from 'zod';
import { answerQuestion, outputOf } from '#catalog/answer-question';
import { ApprovalRefused, decisions } from '#model/approval';
import { oneOf, text } from '#model/plan-field';
import { fields } from '#model/read-input';
import { provenCaller } from '#runtime/proven-caller';
import { stepFunctionsOf } from '#runtime/step-functions';
import { edge } from './edge.ts';

/**
 * A person's yes or no to one plan: kept for good, then brought to the execution that waits for it. With a proof of who
 * answers, it is kept who AWS says that is; the proof itself is neither kept nor told.
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

  async run({ execution, reason, proof, ...given }, { plan, vault, now, ...world }, logger) {
    const { environment } = world;
    const iam = await provenCaller(proof, { execution, ...given }, { environment, now: now() });
    const work = { store: vault.store, plan, now: now() };
    const taken = await answerQuestion(work, execution, { ...given, iam, reason: reason ?? null });
    const output = outputOf(taken.answer);
    const sent = await stepFunctionsOf(world).sendTaskSuccess(taken.taskToken, output);
    logger.info('answered', { execution, ...output, again: taken.again, sent });
    if (sent === 'nobody waits' && !taken.again) throw tooLate(execution);
    return { execution, ...output };
  },
});

const tooLate = (execution: string): ApprovalRefused =>
  new ApprovalRefused(`${execution.split(':').at(-1)} does not wait for an answer any more`, {
    operation: 'answer question',
    subject: execution,
    hint: 'it was stopped, or its time was over: see `lifeboat executions`, and start it again to be asked again',
  });
