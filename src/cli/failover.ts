import { defineCommand } from '#cli/command';
import { moveByMachine } from '#cli/move-by-machine';
import { stateOption } from '#cli/open-machines';
import { chooseGroup } from '#model/choose-group';
import { readFailoverInput } from '#model/machine-input';

export const command = defineCommand({
  name: 'failover',
  summary: 'move a primary to the other site, when its own is gone',
  help: `Moves the primary of a group to its other site: it looks whether that one is ready, makes a plan with what would be lost, asks
for a yes to exactly this plan, looks again, fences the old primary, promotes the other server, moves names, capacity and
settings, waits until the health checks are well, and tells everybody. \`lifeboat groups\` shows how the sites are now.

Before the promotion a failure puts everything back; after it nothing goes back: start the same command again, and it does
what is left. Nothing is promoted while the old primary may still take writes.

--planned loses nothing: writes are stopped first, and it is refused when the primary does not answer. --rehearse moves nothing:
it restores a copy from the bucket and does with that what can be done. --force goes on where the old primary cannot be fenced: TWO
PRIMARIES may then take writes, and what the old one takes is lost. It always needs a person's yes, to a plan that says so.

A machine does it: of \`lifeboat up\`, or of the stack on AWS. Ctrl-C ends the looking on, not the move.`,
  examples: [
    'lifeboat failover',
    'lifeboat failover shop --reason "region eu-central-1 is down"',
    'lifeboat failover shop --planned --to west --reason "maintenance"',
    'lifeboat failover shop --rehearse',
  ],
  arguments: { group: { summary: 'group in the plan (needed when it has several)', optional: true } },
  options: {
    to: { flags: '--to <site>', summary: 'where to (default: the site that does not have the primary)' },
    planned: { flags: '--planned', summary: 'while the primary is well: stop writes first, and lose nothing' },
    rehearse: { flags: '--rehearse', summary: 'try it on a restored copy, and move nothing' },
    force: { flags: '--force', summary: 'go on when the old primary cannot be fenced (two may take writes!)' },
    requestedBy: { flags: '--requested-by <name>', summary: 'who asks for it (default: the user)' },
    reason: { flags: '--reason <text>', summary: 'why, for whoever approves and for the evidence' },
    noWait: { flags: '--no-wait', summary: 'let the machine do it, and do not wait for its end' },
    state: stateOption,
  },

  async run({ group, requestedBy, noWait, state, to, reason, ...how }, context) {
    const { name } = chooseGroup(await context.plan(), group);
    const flags = Object.fromEntries(Object.entries(how).filter(([, given]) => given));
    const given = { ...(to === undefined ? {} : { to }), ...(reason === undefined ? {} : { reason }) };
    const input = { group: name, ...flags, ...given };
    // what is wrong with it is said here already
    readFailoverInput(input);
    if (how.force) context.output.warn(forceMeans);
    await moveByMachine({ machine: 'failover', input, requestedBy, wait: !noWait, state }, context);
  },
});

const forceMeans =
  '--force: where the old primary cannot be fenced, the other server is promoted all the same. If the old one lives, both take writes ' +
  'from then on, and what the old one takes is lost. First make sure by other means that it is off: power, network, console';
