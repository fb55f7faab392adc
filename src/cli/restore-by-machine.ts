import type { CommandContext } from '#cli/command';
import { describeRestored } from '#cli/describe-restore';
import { followExecution } from '#cli/follow-execution';
import { tellQuestion } from '#cli/tell-question';
import { parseExecutionArn } from '#model/arn';
import { restoreRecordSchema } from '#model/task-result';
import type { Machines } from '#runtime/machines';

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
  const { output } = context;
  const arn = await machines.start(kind, input);
  const { name } = parseExecutionArn(arn)!;
  await onStarted(name);
  if (!wait) {
    return output.print(`started ${name}: it asks for an approval, see \`lifeboat status\``, { execution: arn });
  }
  const { output: record } = await followExecution(machines, arn, context, await tellQuestion(arn, machines, context));
  const restored = restoreRecordSchema.safeParse(record);
  const made = (record as { to?: string; arn?: string } | null) ?? {};
  const other = made.arn === undefined ? `restore ${name} succeeded` : `${made.to} is there: ${made.arn}`;
  output.print(restored.success ? describeRestored(restored.data) : other, record);
}
