import { answerQuestion, isDecided, outputOf } from '#catalog/answer-question';
import { ApprovalRefused, type GivenAnswer } from '#model/approval';
import { approvalNotice } from '#notify/approval-notice';
import type { FunctionWorld } from '#runtime/function-world';
import { stepFunctionsOf, type TaskAnswer } from '#runtime/step-functions';

export interface TakenAnswer {
  /** what the machine gets, or what this person said */
  output: ReturnType<typeof outputOf>;
  /** who said yes so far */
  yes: string[];
  /** how many more have to; 0: it is decided */
  missing: number;
  again: boolean;
  /** undefined: it waits for more people */
  sent: TaskAnswer | undefined;
  /** why those who are asked for their yes could not be told of this one */
  untold: string | undefined;
}

/**
 * Keep a person's answer. The one that decides is brought to the execution that waits; after any other yes people are told
 * how many are missing.
 * @throws ApprovalRefused, InputInvalid, AnswerUndelivered
 */
export async function takeAnswer(
  { plan, vault, now, publish, ...world }: FunctionWorld,
  execution: string,
  given: GivenAnswer,
): Promise<TakenAnswer> {
  const taken = await answerQuestion({ store: vault.store, plan, now: now() }, execution, given);
  const { standing, again, taskToken, question } = taken;
  const said = { yes: standing.yes.map(({ by }) => by), missing: standing.missing, again };
  if (isDecided(standing) && taskToken !== undefined) {
    const output = outputOf(standing);
    const sent = await stepFunctionsOf(world).sendTaskSuccess(taskToken, output);
    if (sent === 'nobody waits' && !again) throw tooLate(execution);
    return { output, ...said, sent, untold: undefined };
  }
  const output = outputOf({ ...standing, yes: [taken.answer], final: taken.answer });
  // the answer counts, whether people can be told or not: whoever gives it learns that they were not
  const untold = again
    ? undefined
    : await publish?.(approvalNotice(question, plan, standing)).then(
        () => undefined,
        ({ message }: Error) => message,
      );
  return { output, ...said, sent: undefined, untold };
}

const tooLate = (execution: string): ApprovalRefused =>
  new ApprovalRefused(`${execution.split(':').at(-1)} does not wait for an answer any more`, {
    operation: 'answer question',
    subject: execution,
    hint: 'see `lifeboat executions` before you start it again: it was stopped, its time was over, or this answer was brought there by somebody else, and it goes on',
  });
