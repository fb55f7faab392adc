import type { CommandContext } from '#cli/command';
import { UsageInvalid } from '#cli/usage-invalid';
import { ConnectionFailed } from '#model/failure';
import { readEndpoint, stateDirectoryOf } from '#runtime/daemon-endpoint';
import type { Machines } from '#runtime/machines';
import { thisPerson } from '#runtime/this-process';

/** For every command that asks a daemon, where it does not ask a stack. */
export const stateOption = {
  flags: '--state <directory>',
  summary: "the daemon's state (default: lifeboat.state beside the plan)",
} as const;

/** The machines of the stack, else of the daemon. @throws ConnectionFailed when no daemon runs there; what findStack throws */
export async function openMachines(context: CommandContext, state: string | undefined): Promise<Machines> {
  // what a daemon runs can be looked at, and ended, while somebody edits its plan
  const unread = await unreadPlan(context);
  const machines = await (unread === undefined ? findMachines(context, state) : findDaemon(context, state));
  if (machines) return machines;
  if (unread !== undefined) throw unread;
  const directory = stateDirectoryOf(state, context);
  throw new ConnectionFailed(`no daemon of this plan is running: nobody answers for ${directory}`, {
    operation: 'ask the daemon',
    subject: directory,
    hint: 'start it with `lifeboat up`, or name its state directory with --state, or a stack on AWS with --stack',
  });
}

/** undefined when the plan has no stack, and no daemon of it runs. @throws what findStack throws; UsageInvalid */
export async function findMachines(context: CommandContext, state: string | undefined): Promise<Machines | undefined> {
  if (state !== undefined && context.given.stack !== undefined) {
    throw new UsageInvalid('--state is of a daemon and --stack of AWS', 'leave one of them out');
  }
  const stack = state === undefined ? await context.stack() : undefined;
  if (stack) return (await import('#runtime/stack-machines')).stackMachines(stack, context.environment);
  return findDaemon(context, state);
}

async function findDaemon(context: CommandContext, state: string | undefined): Promise<Machines | undefined> {
  const endpoint = await readEndpoint(stateDirectoryOf(state, context));
  if (!endpoint) return undefined;
  const machines = (await import('#runtime/daemon-machines')).daemonMachines(endpoint);
  if (await machines.answer()) return machines;
  machines.close();
  return undefined;
}

async function unreadPlan({ given, writtenPlan }: CommandContext): Promise<unknown> {
  if (given.stack !== undefined) return undefined;
  return writtenPlan().then(
    () => undefined,
    (failure: unknown) => failure,
  );
}

/** Who asks, where nobody says: to AWS the identity of these credentials, here the user. @throws what callerArn throws */
export async function whoAsks({ environment }: CommandContext, machines: Machines): Promise<string> {
  if (machines.kind === 'stack') {
    const arn = await (await import('#runtime/prove-caller')).callerArn(environment);
    // a user's path may have 512 letters, and names nobody else
    return arn.replace(/(?<=:user\/).*\//, '');
  }
  return thisPerson(environment);
}
