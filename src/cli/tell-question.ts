import { readQuestion } from '#catalog/matters';
import type { CommandContext } from '#cli/command';
import { samePlace } from '#cli/same-place';
import { answerCommand } from '#model/approval';
import { parseExecutionArn } from '#model/arn';
import type { Machines } from '#runtime/machines';
import { openStoreAt } from '#runtime/open-bucket';

/** For followExecution: once an execution waits for a person's yes, its plan is shown, and how to answer. */
export async function tellQuestion(
  arn: string,
  machines: Machines,
  context: CommandContext,
): Promise<(state: string) => Promise<void>> {
  const { machine, name } = parseExecutionArn(arn)!;
  const { output, environment, plan } = context;
  const store = await openStoreAt((await plan()).bucket, environment);
  const { before, behind } = samePlace(context);
  const where =
    machines.kind === 'daemon' ? 'any terminal of this machine' : 'anybody whom AWS and the plan let answer';
  let asked = false;
  return async (state) => {
    if (state !== 'Ask for approval' || asked) return;
    const found = await readQuestion(store, { machine, name });
    if (!found) return;
    asked = true;
    const { plan: text, planHash, expiresAt, required = 1 } = found.question;
    const what = required === 1 ? 'a yes or no' : `the yes of ${required} different people, or one no`;
    output.note(text);
    output.note(
      `waits until ${expiresAt} for ${what}, from ${where}:\n` +
        `  ${before}${answerCommand('approve', name, planHash, behind)}\n` +
        `  ${before}${answerCommand('reject', name, planHash, behind)}`,
    );
  };
}
