import { isDecided, nameOf, outputOf } from '#catalog/answer-question';
import { putQuestion } from '#catalog/approvals';
import { readQuestion } from '#catalog/matters';
import { requiredBy } from '#model/approval-rules';
import { listOf, text, wholeNumber } from '#model/plan-field';
import { fields } from '#model/read-input';
import { approvalNotice } from '#notify/approval-notice';
import { stepFunctionsOf } from '#runtime/step-functions';
import { edge } from './edge.ts';

/**
 * Keep a question, and apart from it the token of the state that waits for its answer, and tell people. Asked once more with
 * another token, what was decided of the same plan goes there at once.
 */
export const handler = edge({
  name: 'ask-approval',
  input: fields({
    execution: text("the execution's ARN"),
    machine: text('the name of a machine'),
    source: text('the name of a source, or of a system'),
    /** of a system */
    sources: listOf(text('the name of a source'), 'names of sources').exactOptional(),
    planHash: text("a plan's hash: 64 hexadecimal digits", /^[0-9a-f]{64}$/),
    plan: text('the plan, as people are to read it'),
    requestedBy: text('who asks for it'),
    taskToken: text("a task's token"),
    expiresInSeconds: wholeNumber(1, 31_536_000),
  }),

  async run({ expiresInSeconds, ...asked }, { plan, vault, now, publish, ...world }, logger) {
    const expiresAt = new Date(now().getTime() + expiresInSeconds * 1000).toISOString();
    const required = requiredBy(asked.machine, plan);
    const times = { askedAt: now().toISOString(), expiresAt };
    const question = { format: 'lifeboat-question/1' as const, ...asked, ...times, required };
    const name = nameOf(asked.execution);
    const number = await putQuestion(vault.store, name, question);
    const { standing } = (await readQuestion(vault.store, name))!;
    const answered = isDecided(standing);
    logger.info('asked', { execution: asked.execution, number, required, answered });
    if (answered) await stepFunctionsOf(world).sendTaskSuccess(asked.taskToken, outputOf(standing));
    else await publish?.(approvalNotice(question, plan, standing));
    return { execution: asked.execution, number, answered };
  },
});
