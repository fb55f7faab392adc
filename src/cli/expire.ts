import { type ExpiringWal, measureExpiredWal } from '#catalog/measure-expired-wal';
import { gatherRetentionFacts } from '#catalog/retention-facts';
import { type CommandContext, defineCommand } from '#cli/command';
import { expireByMachine } from '#cli/expire-by-machine';
import { expiringSnapshots, tellExpiringSnapshots } from '#cli/expiring-snapshots';
import { expiryTables } from '#cli/expiry-tables';
import { stateOption } from '#cli/open-machines';
import { UsageInvalid } from '#cli/usage-invalid';
import { describeRetention } from '#model/describe-retention';
import { expiresMost } from '#model/expires-most';
import { formatBytes } from '#model/format-bytes';
import { planRetention } from '#model/retention';
import { chooseRetention } from '#model/retention-choice';
import type { RetentionPlan } from '#model/retention-record';
import { openStoreAt } from '#runtime/open-bucket';

export const command = defineCommand({
  name: 'expire',
  summary: "remove what the plan's retention does not keep",
  help: `What stays is said by the plan's retention: every instant of the window, the last good backup (and dump) of so many days,
weeks, months and years, and always the last proven one, what others build on, and what is held (\`lifeboat hold\`). While
nothing is proven, nothing that was committed goes.

--dry-run works it out here, from the bucket (and RDS, of a database that it runs), and changes nothing: what goes and why,
what stays by which rule, what can be restored before and afterwards, and how many bytes go. Without it the daemon or the
stack works it out, removes it and checks what is left; this asks for it, and tells how it goes.

Where more than half of what can be restored would go, and could have gone a week ago, it is refused without --most: the clock
may be wrong, or the plan; or it runs for the first time. With --most it is shown, and waits for somebody's \`lifeboat approve\`.

In a bucket with versions and a lock nothing is lost at once: what was removed can be brought back for as many days as the
lock has. In a directory, and of snapshots in RDS, it is gone.`,
  examples: ['lifeboat expire --dry-run', 'lifeboat expire orders', 'lifeboat expire orders --dry-run --json'],
  arguments: { source: { summary: 'source in the plan (needed when it has several)', optional: true } },
  options: {
    named: { flags: '--source <name>', summary: 'the same, as backup and drill take it' },
    dryRun: { flags: '--dry-run', summary: 'tell what would go, and remove nothing' },
    most: { flags: '--most', summary: 'ask for approval to remove it even if it is most of what there is' },
    noWait: { flags: '--no-wait', summary: 'start it and do not wait for its end' },
    requestedBy: { flags: '--requested-by <name>', summary: 'who asks for it (default: the user)' },
    state: stateOption,
  },

  async run({ source: given, named, dryRun, most, noWait, requestedBy, state }, context) {
    if (given !== undefined && named !== undefined && given !== named)
      throw new UsageInvalid('expire is of one source at a time', `leave out ${given} or --source ${named}`);
    const { source } = chooseRetention(await context.plan(), given ?? named);
    const input = { source: source.name, ...(most && { most: true }) };
    if (!dryRun) return expireByMachine({ input, requestedBy, wait: !noWait, state }, context);
    if (noWait) throw new UsageInvalid('--dry-run starts nothing', 'leave out --no-wait or --dry-run');
    return tellPlan(source.name, context);
  },
});

async function tellPlan(source: string, { plan: readPlan, environment, output, now, signal }: CommandContext) {
  const plan = await readPlan();
  const { source: chosen, rules } = chooseRetention(plan, source);
  const store = await openStoreAt(plan.bucket, environment);
  const at = now();
  const facts = await gatherRetentionFacts(store, plan, source, at);
  const decided = planRetention(facts, rules, at);
  const most = expiresMost(facts, rules, decided);
  const wal = await measureExpiredWal(store, decided, signal);
  const snapshots =
    chosen.kind === 'rds' ? await expiringSnapshots(chosen, rules, { plan, store, environment, now: at }) : undefined;
  const text = [describe(decided, wal, most), ...(snapshots ? [tellExpiringSnapshots(snapshots)] : [])].join('\n');
  output.print(text, {
    ...decided,
    dryRun: true,
    most: most ?? null,
    expiringWal: wal,
    ...(snapshots && { snapshots }),
  });
}

function describe(plan: RetentionPlan, wal: ExpiringWal, most: string | undefined): string {
  const pieces = [
    ...(wal.pieces > 0 ? [`${wal.pieces} pieces that nothing needs`] : []),
    ...(wal.chunks > 0 ? [`${wal.chunks} chunks of segments that are stored as a whole`] : []),
  ];
  const walWords = pieces.length === 0 ? 'nothing' : `${pieces.join(', ')}: ${formatBytes(wal.bytes)}`;
  return [
    describeRetention(plan),
    `  WAL now      ${walWords}`,
    `  altogether   ${formatBytes(plan.bytes + wal.bytes)} would go; nothing was removed`,
    ...(most === undefined ? [] : [`  refused      without --most: ${most}`]),
    ...expiryTables(plan),
  ].join('\n');
}
