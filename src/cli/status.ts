import { type CommandContext, defineCommand } from '#cli/command';
import { describeStatus } from '#cli/describe-status';
import { type AskedPlace, gatherStatus } from '#cli/gather-status';
import { findMachines, stateOption } from '#cli/open-machines';
import { samePlace } from '#cli/same-place';
import { chooseAny } from '#model/choose-source';
import { readEndpoint, stateDirectoryOf } from '#runtime/daemon-endpoint';
import type { Machines } from '#runtime/machines';

export const command = defineCommand({
  name: 'status',
  summary: 'what is safe, what runs, what is wrong and what to do',
  help: `For each source: the last backup that a drill has proven, the window of instants that can be restored, what would be lost
if it died now (RPO) and how long a recovery would take (RTO), both measured and held against what the plan promises. Then
what runs, what waits for a person with the command that answers it, and what is wrong with what to do about it.

Of more than 20 sources it shows what was measured of each within the last three minutes, and looks itself where nothing was.

Asks the daemon for a measurement of this moment; without one it tells what the bucket knows, which on AWS is measured every
minute. Nothing is changed. The exit code is 9 when something is wrong, or nothing runs the plan.`,
  examples: [
    'lifeboat status',
    'lifeboat status --source orders --json',
    'lifeboat status --stack lifeboat-prod --region eu-central-1',
  ],
  options: {
    source: { flags: '--source <name>', summary: 'only this one' },
    state: stateOption,
  },

  async run({ source, state }, context) {
    const plan = await context.plan();
    const all = [...plan.sources, ...plan.managed];
    const sources = source === undefined ? all : [chooseAny(plan, source, '--source')];
    const machines = await findMachines(context, state);
    try {
      const report = await gatherStatus(sources, context, machines && (await askedBy(machines, state, context)));
      const { daemon = null, stack = null } = report;
      const place = samePlace(context, { kind: machines?.kind, state });
      context.output.print(describeStatus(report, place), { ...report, daemon, stack });
      return report.problems.length > 0 || !(daemon ?? stack) ? 9 : 0;
    } finally {
      machines?.close();
    }
  },
});

async function askedBy(machines: Machines, state: string | undefined, context: CommandContext): Promise<AskedPlace> {
  const stack = machines.kind === 'stack' ? await context.stack() : undefined;
  return { machines, stack, endpoint: stack ? undefined : await readEndpoint(stateDirectoryOf(state, context)) };
}
