import { readQuestion } from '#catalog/matters';
import type { CommandContext } from '#cli/command';
import { answerLines, planLines } from '#cli/describe-question';
import { defaultPlan, samePlace } from '#cli/same-place';
import { parseExecutionArn } from '#model/arn';
import type { Machines } from '#runtime/machines';
import { openStoreAt } from '#runtime/open-bucket';

/** For followExecution: once an execution waits for a person's yes, its plan is shown, and how to answer. `state`: --state, as given */
export async function tellQuestion(
  arn: string,
  machines: Machines,
  context: CommandContext,
  stateDirectory: string | undefined,
): Promise<(state: string) => Promise<void>> {
  const { machine, name } = parseExecutionArn(arn)!;
  const { output, environment, plan } = context;
  const store = await openStoreAt((await plan()).bucket, environment);
  const place = samePlace(context, { kind: machines.kind, state: stateDirectory });
  const terminal = `any terminal of this machine${context.planPath === defaultPlan ? `, in ${context.cwd}` : ''}`;
  const where = machines.kind === 'daemon' ? terminal : 'anybody whom AWS and the plan let answer';
  let asked = false;
  return async (state) => {
    if (state !== 'Ask for approval' || asked) return;
    const found = await readQuestion(store, { machine, name });
    if (!found) return;
    asked = true;
    const { plan: text, expiresAt, required = 1 } = found.question;
    const what = required === 1 ? 'a yes or no' : `the yes of ${required} different people, or one no`;
    output.note(planLines(text).join('\n'));
    output.note(
      [
        `waits until ${expiresAt} for ${what}, from ${where}:`,
        ...answerLines(found.question, place).map((line) => `  ${line}`),
      ].join('\n'),
    );
  };
}
