import type { CommandContext } from '#cli/command';
import { followExecution } from '#cli/follow-execution';
import { openMachines, whoAsks } from '#cli/open-machines';
import { tellQuestion } from '#cli/tell-question';
import type { RetentionInput } from '#model/machine-input';

interface AskedExpiry {
  input: RetentionInput;
  requestedBy: string | undefined;
  wait: boolean;
  state: string | undefined;
}

/**
 * Start the machine `retention`, and look on; what it asks is shown with how to answer.
 * @throws RemoteFailure when it fails; what openMachines throws
 */
export async function expireByMachine({ wait, ...asked }: AskedExpiry, context: CommandContext): Promise<void> {
  const machines = await openMachines(context, asked.state);
  try {
    const requestedBy = asked.requestedBy ?? (await whoAsks(context, machines));
    const arn = await machines.start('retention', { ...asked.input, requestedBy });
    if (!wait) return context.output.print(`started ${arn}`, { execution: arn });
    const { output: ended } = await followExecution(machines, arn, context, await tellQuestion(arn, machines, context));
    const { told } = ended as { told: string };
    context.output.print(told, { ...(ended as object), execution: arn });
  } finally {
    machines.close();
  }
}
