import { defineCommand } from '#cli/command';
import { openMachines, stateOption, whoAsks } from '#cli/open-machines';

export const command = defineCommand({
  name: 'stop',
  summary: 'end an execution that runs, waits or stands still',
  help: `Ends one execution, and the tasks that it began. A backup that is stopped never happened; a restore that is stopped
clears away what it laid down, unless its server had started already: then that is kept for a look. It cannot be gone on
with: start it again.`,
  examples: ['lifeboat stop full-main-20261122T020000Z --reason "the disk is slow now"'],
  arguments: { execution: { summary: 'id of an execution (`lifeboat status` shows what runs)' } },
  options: { reason: { flags: '--reason <text>', summary: 'why' }, state: stateOption },

  async run({ execution, reason, state }, context) {
    const machines = await openMachines(context, state);
    try {
      const { arn, name, status } = await machines.describe(execution);
      if (status !== 'RUNNING') return context.output.print(`${name} has ended already: ${status}`, { arn, status });
      await machines.stop(
        arn,
        'Stopped',
        `by ${await whoAsks(context, machines)}${reason === undefined ? '' : `: ${reason}`}`,
      );
      context.output.print(`${name} is stopped`, { arn, status: 'ABORTED' });
    } finally {
      machines.close();
    }
  },
});
