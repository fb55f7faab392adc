import type { CommandContext } from '#cli/command';
import { ConnectionFailed } from '#model/failure';
import { readEndpoint, stateDirectoryOf } from '#runtime/daemon-endpoint';
import type { Machines } from '#runtime/machines';
import { thisUser } from '#runtime/this-process';

/** For every command that asks the daemon. */
export const stateOption = {
  flags: '--state <directory>',
  summary: "the daemon's state (default: lifeboat.state beside the plan)",
} as const;

/** @throws ConnectionFailed when no daemon runs there */
export async function openDaemon(context: CommandContext, state: string | undefined): Promise<Machines> {
  const machines = await findDaemon(context, state);
  if (machines) return machines;
  const directory = stateDirectoryOf(state, context);
  throw new ConnectionFailed(`no daemon of this plan is running: nobody answers for ${directory}`, {
    operation: 'ask the daemon',
    subject: directory,
    hint: 'start it with `lifeboat up`, or name its state directory with --state',
  });
}

/** undefined when no daemon of this plan runs. */
export async function findDaemon(context: CommandContext, state: string | undefined): Promise<Machines | undefined> {
  const endpoint = await readEndpoint(stateDirectoryOf(state, context));
  if (!endpoint) return undefined;
  const machines = new (await import('#runtime/machines')).Machines(endpoint);
  if (await machines.answer()) return machines;
  machines.close();
  return undefined;
}

/** Who asks, where nobody says. */
export const whoAsks = ({ environment }: CommandContext): string =>
  environment.SUDO_USER ?? environment.USER ?? environment.LOGNAME ?? thisUser();
