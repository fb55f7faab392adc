import { defineCommand } from '#cli/command';
import { openMachines, stateOption, whoAsks } from '#cli/open-machines';
import { type SamePlace, samePlace } from '#cli/same-place';
import { stopCause, stopError } from '#model/ended-unrecorded';
import { shellWord } from '#notify/shell-word';

export const command = defineCommand({
  name: 'stop',
  summary: 'end an execution that runs, waits or stands still',
  help: `Ends one execution, and the tasks that it began. A backup that is stopped never happened; a restore that is stopped
clears away what it laid down, unless its server had started already: then that is kept for a look. It cannot be gone on
with: start it again. Nothing that moves a primary is undone: it may be fenced, and none promoted; what to look at is said.`,
  examples: ['lifeboat stop full-main-20261122T020000Z --reason "the disk is slow now"'],
  arguments: { execution: { summary: 'id of an execution (`lifeboat status` shows what runs)' } },
  options: { reason: { flags: '--reason <text>', summary: 'why' }, state: stateOption },

  async run({ execution, reason, state }, context) {
    const machines = await openMachines(context, state);
    try {
      const { arn, name, machine, status, input } = await machines.describe(execution);
      if (status !== 'RUNNING') return context.output.print(`${name} has ended already: ${status}`, { arn, status });
      await machines.stop(arn, stopError, stopCause(await whoAsks(context, machines), reason));
      const place = samePlace(context, { kind: machines.kind, state });
      const left = leftBy(machine, input, place);
      context.output.print([`${name} is stopped`, ...left].join('\n'), { arn, status: 'ABORTED', left });
    } finally {
      machines.close();
    }
  },
});

/** What it may leave, and what leads on from there: from outside nobody knows how far it has come. */
function leftBy(machine: string, input: unknown, { before, behind }: SamePlace): string[] {
  const named = (field: string): string => {
    const name = (input as Record<string, unknown> | null)?.[field];
    return typeof name === 'string' ? ` ${shellWord(name)}` : '';
  };
  const lines = (what: string, look: string, on: string): string[] => [
    what,
    `  look:     ${before}lifeboat ${look}${behind}`,
    `  lead on:  ${before}lifeboat ${on}${behind}`,
  ];
  const moved = 'what it had begun stays as it is: the old primary may be fenced, and no other one promoted';
  if (machine === 'failover') return lines(moved, `groups${named('group')}`, `failover${named('group')}`);
  if (machine === 'failback')
    return lines(
      `${moved}; a switchover that it had begun is stopped, too`,
      `groups${named('group')}`,
      `failover${named('group')}`,
    );
  if (machine === 'system-recovery')
    return lines(
      'what it had begun stays as it is: applications may be stopped, and servers restored beside the old ones',
      'groups',
      `recover-system${named('system')}`,
    );
  return [];
}
