import { defineCommand } from '#cli/command';
import { describeRecovered, recoveredSchema } from '#cli/describe-recovered';
import { followExecution } from '#cli/follow-execution';
import { openMachines, stateOption, whoAsks } from '#cli/open-machines';
import { startedText } from '#cli/started-text';
import { tellQuestion } from '#cli/tell-question';
import { parseExecutionArn } from '#model/arn';
import { chooseSystem } from '#model/choose-system';
import { readSystemRecoveryInput } from '#model/machine-input';

export const command = defineCommand({
  name: 'recover-system',
  summary: 'bring several sources and their applications back together',
  help: `Brings a system of the plan back: its applications are stopped, each of its sources is restored beside the old one, in
the order of what depends on what, its settings are put, the applications are started, and its health checks are asked.
Without --time each source comes back to its latest point; with it all come back to the same instant, and where one of them
cannot get there nothing is touched.

A machine does it: it makes one plan for all of it, and asks for a yes to that. Until the applications start everything is
put back as it was when something fails; from then on it stops, and tells. What was restored is never removed. Ctrl-C ends
the looking on, not the recovery.`,
  examples: [
    'lifeboat recover-system shop',
    `lifeboat recover-system shop --time '2026-11-20 05:13:45Z' --reason "the storage of the site is lost"`,
  ],
  arguments: { system: { summary: 'system in the plan (needed when it has several)', optional: true } },
  options: {
    time: {
      flags: '--time <instant>',
      summary: 'the same instant for all, with its zone (default: the latest of each)',
    },
    requestedBy: { flags: '--requested-by <name>', summary: 'who asks for it (default: the user)' },
    reason: { flags: '--reason <text>', summary: 'why, for whoever approves and for the evidence' },
    noWait: { flags: '--no-wait', summary: 'let the machine do it, and do not wait for its end' },
    state: stateOption,
  },

  async run({ system, time, requestedBy, reason, noWait, state }, context) {
    const { name: chosen } = chooseSystem(await context.plan(), system);
    const given = { ...(time === undefined ? {} : { time }), ...(reason === undefined ? {} : { reason }) };
    const input = readSystemRecoveryInput({ system: chosen, ...given });
    const machines = await openMachines(context, state);
    try {
      const asked = { ...input, requestedBy: requestedBy ?? (await whoAsks(context, machines)) };
      const arn = await machines.start('system-recovery', asked);
      const { name } = parseExecutionArn(arn)!;
      if (noWait) {
        return context.output.print(startedText(name, machines, state, context), { execution: arn });
      }
      const tell = await tellQuestion(arn, machines, context, state);
      const { output } = await followExecution(machines, arn, context, tell);
      const { success, data } = recoveredSchema.safeParse(output);
      context.output.print(success ? describeRecovered(data) : `system-recovery ${name} succeeded`, output);
    } finally {
      machines.close();
    }
  },
});
