import { readQuestion } from '#catalog/matters';
import type { CommandContext } from '#cli/command';
import { describeRestored } from '#cli/describe-restore';
import { followExecution } from '#cli/follow-execution';
import { samePlace } from '#cli/same-place';
import { answerCommand } from '#model/approval';
import { parseExecutionArn } from '#model/arn';
import { restoreRecordSchema } from '#model/task-result';
import type { Machines } from '#runtime/machines';
import { openStoreAt } from '#runtime/open-bucket';

/**
 * Let the machine restore: it plans, asks for a yes to the plan, looks again and carries it out.
 * @throws RemoteFailure when it fails, or somebody says no
 */
export async function restoreByMachine(
  machines: Machines,
  input: object,
  wait: boolean,
  context: CommandContext,
  kind: 'restore' | 'rds-restore' = 'restore',
  onStarted: (name: string) => Promise<void> = async () => undefined,
): Promise<void> {
  const { output, environment, plan } = context;
  const arn = await machines.start(kind, input);
  const { machine, name } = parseExecutionArn(arn)!;
  await onStarted(name);
  if (!wait) {
    return output.print(`started ${name}: it asks for an approval, see \`lifeboat status\``, { execution: arn });
  }
  const store = await openStoreAt((await plan()).bucket, environment);
  const { before, behind } = samePlace(context);
  const where =
    machines.kind === 'daemon' ? 'any terminal of this machine' : 'anybody whom AWS and the plan let answer';
  let asked = false;
  const { output: record } = await followExecution(machines, arn, context, async (state) => {
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
  });
  const restored = restoreRecordSchema.safeParse(record);
  const made = (record as { to?: string; arn?: string } | null) ?? {};
  const other = made.arn === undefined ? `restore ${name} succeeded` : `${made.to} is there: ${made.arn}`;
  output.print(restored.success ? describeRestored(restored.data) : other, record);
}
