import type { CommandContext } from '#cli/command';
import { describeRestored } from '#cli/describe-restore';
import { followExecution } from '#cli/follow-execution';
import { startedText } from '#cli/started-text';
import { tellQuestion } from '#cli/tell-question';
import { parseExecutionArn } from '#model/arn';
import { restoreRecordSchema } from '#model/task-result';
import type { Machines } from '#runtime/machines';

export interface AskedRestore {
  input: object;
  wait: boolean;
  /** --state, as given */
  state: string | undefined;
  kind?: 'restore' | 'rds-restore';
  onStarted?: (name: string) => Promise<void>;
}

/**
 * Let the machine restore: it plans, asks for a yes to the plan, looks again and carries it out.
 * @throws RemoteFailure when it fails, or somebody says no
 */
export async function restoreByMachine(
  machines: Machines,
  { input, wait, state, kind = 'restore', onStarted }: AskedRestore,
  context: CommandContext,
): Promise<void> {
  const { output } = context;
  const arn = await machines.start(kind, input);
  const { name } = parseExecutionArn(arn)!;
  await onStarted?.(name);
  if (!wait) return output.print(startedText(name, machines, state, context), { execution: arn });
  const tell = await tellQuestion(arn, machines, context, state);
  const { output: record } = await followExecution(machines, arn, context, tell);
  const restored = restoreRecordSchema.safeParse(record);
  const made = (record as { to?: string; arn?: string } | null) ?? {};
  const other = made.arn === undefined ? `restore ${name} succeeded` : `${made.to} is there: ${made.arn}`;
  output.print(restored.success ? describeRestored(restored.data) : other, record);
}
