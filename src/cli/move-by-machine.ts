import type { CommandContext } from '#cli/command';
import { describeMove } from '#cli/describe-move';
import { followExecution } from '#cli/follow-execution';
import { openMachines, whoAsks } from '#cli/open-machines';
import { startedText } from '#cli/started-text';
import { tellQuestion } from '#cli/tell-question';
import { parseExecutionArn } from '#model/arn';
import type { Machines } from '#runtime/machines';
import { RemoteFailure } from '#runtime/remote-failure';

export interface AskedMove {
  machine: 'failover' | 'failback';
  /** of the machine, without who asks */
  input: object;
  requestedBy: string | undefined;
  wait: boolean;
  state: string | undefined;
}

/**
 * Let a machine move the primary of a group: it shows what waits for a yes, and tells how it goes and what it cost.
 * @throws RemoteFailure when it fails, or somebody says no; what openMachines throws
 */
export async function moveByMachine(asked: AskedMove, context: CommandContext): Promise<void> {
  const { machine, input, wait, state } = asked;
  const machines = await openMachines(context, state);
  try {
    await warnOfOtherStack(machines, context);
    const requestedBy = asked.requestedBy ?? (await whoAsks(context, machines));
    const arn = await machines.start(machine, { ...input, requestedBy });
    const { name } = parseExecutionArn(arn)!;
    if (!wait) {
      const text = startedText(name, machines, state, context);
      const asks =
        machine === 'failback' ? '; the switchover that asks is an execution of its own: lifeboat status' : '';
      return context.output.print(`${text}${asks}`, { execution: arn });
    }
    const onState =
      machine === 'failover'
        ? await tellQuestion(arn, machines, context, state)
        : followSwitchover(name, machines, context, state);
    const { output } = await followExecution(machines, arn, context, onState);
    context.output.print(describeMove(machine, name, output), { ...(output as object), execution: arn });
  } finally {
    machines.close();
  }
}

/** Both stacks can move a group, and neither knows of a move of the other's before that is copied. */
async function warnOfOtherStack(machines: Machines, context: CommandContext): Promise<void> {
  const stack = machines.kind === 'stack' ? await context.stack() : undefined;
  const recoveryRegion = (await context.writtenPlan()).aws?.recoveryRegion;
  if (!stack || recoveryRegion === undefined || stack.region === recoveryRegion) return;
  context.output.warn(
    `${stack.region} is asked; groups are watched and moved from ${recoveryRegion} (--region ${recoveryRegion}): ask this one only while nothing is moved there`,
  );
}

/** A failback asks nobody: the switchover that it starts does, by an execution of its own, which is told meanwhile. */
function followSwitchover(
  name: string,
  machines: Machines,
  context: CommandContext,
  stateDirectory: string | undefined,
): (state: string) => Promise<void> {
  let followed = false;
  return async (state) => {
    if (state !== 'Switch over' || followed) return;
    const running = await machines.list('RUNNING');
    const ours = running.find(
      (one) =>
        one.machine === 'failover' && one.name.startsWith(`${name.slice(0, 50)}-`) && one.name.endsWith('-switchover'),
    );
    if (!ours) return;
    followed = true;
    try {
      await followExecution(
        machines,
        ours.arn,
        context,
        await tellQuestion(ours.arn, machines, context, stateDirectory),
      );
    } catch (failure) {
      if (!(failure instanceof RemoteFailure)) throw failure; // what the switchover failed with, the failback fails with
    }
  };
}
