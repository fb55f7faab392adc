import { readQuestion } from '#catalog/approvals';
import type { CommandContext } from '#cli/command';
import { describeRestored } from '#cli/describe-restore';
import { followExecution } from '#cli/follow-execution';
import { samePlace } from '#cli/same-place';
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
): Promise<void> {
  const { output, environment, plan } = context;
  const arn = await machines.start(kind, input);
  const { machine, name } = parseExecutionArn(arn)!;
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
    const hash = found.question.planHash.slice(0, 12);
    output.note(found.question.plan);
    output.note(
      `waits until ${found.question.expiresAt} for a yes or no, from ${where}:\n` +
        `  ${before}lifeboat approve ${name} --plan ${hash}${behind}\n` +
        `  ${before}lifeboat reject ${name} --plan ${hash}${behind}`,
    );
  });
  const restored = restoreRecordSchema.safeParse(record);
  const made = (record as { to?: string; arn?: string } | null) ?? {};
  const other = made.arn === undefined ? `restore ${name} succeeded` : `${made.to} is there: ${made.arn}`;
  output.print(restored.success ? describeRestored(restored.data) : other, record);
}
