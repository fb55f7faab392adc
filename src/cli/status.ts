import { defineCommand } from '#cli/command';
import { findDaemon, stateOption } from '#cli/daemon';
import { describeStatus } from '#cli/describe-status';
import { gatherStatus } from '#cli/gather-status';
import { chooseSource } from '#model/choose-source';
import { readEndpoint, stateDirectoryOf } from '#runtime/daemon-endpoint';

export const command = defineCommand({
  name: 'status',
  summary: 'what is safe, what runs, what is wrong and what to do',
  help: `For each source: the last backup that a drill has proven, the window of instants that can be restored, what would be lost
if it died now (RPO) and how long a recovery would take (RTO), both measured and held against what the plan promises. Then
what runs, what waits for a person with the command that answers it, and what is wrong with what to do about it.

Asks the daemon for a measurement of this moment; without one it tells what the bucket knows. Nothing is changed. The exit
code is 9 when something is wrong or no daemon runs.`,
  examples: ['lifeboat status', 'lifeboat status --source orders --json'],
  options: {
    source: { flags: '--source <name>', summary: 'only this one' },
    state: stateOption,
  },

  async run({ source, state }, context) {
    const plan = await context.plan();
    const sources = source === undefined ? plan.sources : [chooseSource(plan, source, '--source')];
    const machines = await findDaemon(context, state);
    try {
      const endpoint = await readEndpoint(stateDirectoryOf(state, context));
      const report = await gatherStatus(sources, context, machines && endpoint && { endpoint, machines });
      context.output.print(describeStatus(report), { ...report, daemon: report.daemon ?? null });
      return report.problems.length > 0 || !report.daemon ? 9 : 0;
    } finally {
      machines?.close();
    }
  },
});
