import type { CommandContext } from '#cli/command';
import { followExecution } from '#cli/follow-execution';
import { openMachines, whoAsks } from '#cli/open-machines';
import { startedText } from '#cli/started-text';
import { tellQuestion } from '#cli/tell-question';
import { parseExecutionArn } from '#model/arn';
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
    if (!wait) {
      const text = startedText(parseExecutionArn(arn)!.name, machines, asked.state, context);
      return context.output.print(text, { execution: arn });
    }
    const tell = await tellQuestion(arn, machines, context, asked.state);
    const { output: ended } = await followExecution(machines, arn, context, tell);
    const { told } = ended as { told: string };
    context.output.print(told, { ...(ended as object), execution: arn });
  } finally {
    machines.close();
  }
}
