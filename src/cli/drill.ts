import { defineCommand } from '#cli/command';
import { followExecution } from '#cli/follow-execution';
import { openMachines, stateOption, whoAsks } from '#cli/open-machines';
import { parseBackupId } from '#model/backup-id';
import { chooseSource } from '#model/choose-source';
import { InputInvalid } from '#model/failure';

export const command = defineCommand({
  name: 'drill',
  summary: 'prove a backup by restoring it',
  help: `Restores into a throw-away place, starts the server, replays, asks the plan's checks, compares all page checksums, and
records the proof: the point reached, the answers, and how long each phase took. What was restored is removed again,
however it ends. Every backup is drilled by itself once it is verified; this asks for one more, of the daemon or of the stack.

Without a backup it restores the newest one to its latest point; --target random takes an instant that nobody chose.`,
  examples: ['lifeboat drill', 'lifeboat drill 20261120T051345123Z-full', 'lifeboat drill --target random --no-wait'],
  arguments: { backup: { summary: 'id of a backup', optional: true, parse: (text: string) => parseBackupId(text).id } },
  options: {
    source: { flags: '--source <name>', summary: 'source in the plan (needed when it has several)' },
    target: { flags: '--target <which>', summary: 'newest or random (default: newest)', parse: parseTarget },
    noWait: { flags: '--no-wait', summary: 'start it and do not wait for its end' },
    requestedBy: { flags: '--requested-by <name>', summary: 'who asks for it (default: the user)' },
    state: stateOption,
  },

  async run({ backup, source, target, noWait, requestedBy, state }, context) {
    if (backup && target)
      throw new InputInvalid('--target', target, 'nothing beside a backup', 'leave one of them out');
    const { name } = chooseSource(await context.plan(), source, '--source');
    const machines = await openMachines(context, state);
    try {
      const input = {
        source: name,
        ...(backup ? { backup } : {}),
        ...(target ? { target } : {}),
        requestedBy: requestedBy ?? (await whoAsks(context, machines)),
      };
      const arn = await machines.start('drill', input);
      if (noWait) return context.output.print(`started ${arn}`, { execution: arn });
      const { output, name: execution } = await followExecution(machines, arn, context);
      context.output.print(`drill ${execution} succeeded: \`lifeboat status\` shows the proof`, output);
    } finally {
      machines.close();
    }
  },
});

function parseTarget(text: string, field: string): 'newest' | 'random' {
  if (text === 'newest' || text === 'random') return text;
  throw new InputInvalid(field, text, 'newest or random');
}
