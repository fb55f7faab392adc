import { defineCommand } from '#cli/command';
import { openMachines, stateOption, whoAsks } from '#cli/open-machines';
import { restoreByMachine } from '#cli/restore-by-machine';
import { chooseManaged } from '#model/choose-source';
import { readRdsRestoreInput } from '#model/machine-input';

export const command = defineCommand({
  name: 'rds-restore',
  summary: 'bring a database of RDS back, as a new one',
  help: `Makes a new instance or cluster out of a database that RDS runs: as it was at an instant, at the latest one that RDS can
restore (the default), or in one of its snapshots. The one that is there is not touched, and nothing uses the new one until
you point it there. It has no public address.

A machine does it: it makes a plan, and asks an approver for a yes to it. \`lifeboat window\` tells which instants there are,
\`lifeboat backups\` which snapshots.`,
  examples: [
    'lifeboat rds-restore --source ledger --to ledger-restored --time 2026-11-20T05:13:45Z',
    'lifeboat rds-restore --source books --to books-restored --instance-class db.r6g.large --security-group sg-0123abcd',
    'lifeboat rds-restore --source ledger --to ledger-old --snapshot lifeboat-ledger-snapshot-ledger-20261120t010000z',
  ],
  options: {
    source: { flags: '--source <name>', summary: 'source in the plan (needed when RDS runs several)' },
    to: { flags: '--to <identifier>', summary: 'of the instance or cluster to make', required: true },
    time: { flags: '--time <instant>', summary: 'target: an instant with its zone' },
    snapshot: { flags: '--snapshot <identifier>', summary: 'target: a snapshot' },
    instanceClass: { flags: '--instance-class <class>', summary: "of the new instance; a cluster's needs one" },
    subnetGroup: { flags: '--subnet-group <name>', summary: 'where it lies (default: where the database lies)' },
    securityGroup: {
      flags: '--security-group <id>',
      summary: "who may connect (default: the VPC's)",
      repeatable: true,
    },
    requestedBy: { flags: '--requested-by <name>', summary: 'who asks for it (default: the user)' },
    reason: { flags: '--reason <text>', summary: 'why, for whoever approves and for the evidence' },
    noWait: { flags: '--no-wait', summary: 'do not wait for its end' },
    state: stateOption,
  },

  async run({ source, noWait, state, securityGroup, requestedBy, ...given }, context) {
    const { name } = chooseManaged(await context.plan(), source, '--source');
    const wanted = Object.entries(given).filter(([, value]) => value !== undefined);
    const groups = securityGroup.length === 0 ? {} : { securityGroups: securityGroup };
    const input = { source: name, ...Object.fromEntries(wanted), ...groups };
    // what is wrong with it is said here already
    readRdsRestoreInput(input);
    const machines = await openMachines(context, state);
    try {
      const asked = { ...input, requestedBy: requestedBy ?? (await whoAsks(context, machines)) };
      await restoreByMachine(machines, { input: asked, wait: !noWait, state, kind: 'rds-restore' }, context);
    } finally {
      machines.close();
    }
  },
});
