import { measureExpiredWal } from '#catalog/measure-expired-wal';
import { gatherRetentionFacts } from '#catalog/retention-facts';
import { requireNoWriter } from '#catalog/writers-at-work';
import { type CommandContext, defineCommand } from '#cli/command';
import { expireByMachine } from '#cli/expire-by-machine';
import { expiringSnapshots, tellExpiringSnapshots } from '#cli/expiring-snapshots';
import { expiryTables } from '#cli/expiry-tables';
import { stateOption } from '#cli/open-machines';
import { UsageInvalid } from '#cli/usage-invalid';
import { describePurge } from '#model/describe-purge';
import { LeaseHeld } from '#model/failure';
import { readRetentionInput } from '#model/machine-input';
import { oneLine } from '#model/plain-text';
import { noRules, planPurge } from '#model/purge';
import { choosePurge } from '#model/purge-choice';
import { openStoreAt } from '#runtime/open-bucket';

export const command = defineCommand({
  name: 'purge',
  summary: 'remove everything that is stored of one source, once people have said yes',
  help: `For a source that is retired, or whose data has to be erased. No window, no generation and no proof keeps anything; what stays is
what somebody holds (\`lifeboat hold\`), what a restore names that is asked about or approved, what the bucket's lock does not let
go, what cannot be read, and what these need: that is told, and the reason. Nothing can be restored from what went.

It always waits for somebody's \`lifeboat approve\`, to exactly what was shown. --dry-run works that out here, and changes nothing.

It is refused while a backup or a dump is taken, and when one was taken before people had answered: take the source's schedules
out of the plan first. Its receiver may run, but WAL that it stores after the plan was made stays; so stop the server, or
take its replication user away, purge, and only then take the source out of the plan.

In a bucket with versions and a lock, what was removed lies under delete markers for as many days as the lock has.`,
  examples: [
    'lifeboat purge orders --reason "retired, contract ended" --dry-run',
    'lifeboat purge orders --reason "retired, contract ended"',
  ],
  arguments: { source: { summary: 'source in the plan' } },
  options: {
    reason: { flags: '--reason <text>', summary: 'why; needed: whoever approves sees it, and it is kept as evidence' },
    dryRun: { flags: '--dry-run', summary: 'tell what would go, and remove nothing' },
    noWait: { flags: '--no-wait', summary: 'start it and do not wait for its end' },
    requestedBy: { flags: '--requested-by <name>', summary: 'who asks for it (default: the user)' },
    state: stateOption,
  },

  async run({ source: given, reason, dryRun, noWait, requestedBy, state }, context) {
    const { name: source } = choosePurge(await context.plan(), given);
    // what is wrong with it is said here already
    const input = readRetentionInput({ source, purge: true, ...(reason === undefined ? {} : { reason }) });
    if (!dryRun) return expireByMachine({ input, requestedBy, wait: !noWait, state }, context);
    if (noWait) throw new UsageInvalid('--dry-run starts nothing', 'leave out --no-wait or --dry-run');
    return tellPurge(source, oneLine(reason!, 500), context);
  },
});

async function tellPurge(source: string, reason: string, context: CommandContext): Promise<void> {
  const { plan: readPlan, environment, output, now, signal } = context;
  const plan = await readPlan();
  const store = await openStoreAt(plan.bucket, environment);
  const at = now();
  const refused = await requireNoWriter(store, source, at).then(
    () => undefined,
    (failure) => {
      if (failure instanceof LeaseHeld) return failure.message;
      throw failure;
    },
  );
  const decided = planPurge(await gatherRetentionFacts(store, plan, source, at, { purge: true }), reason, at);
  const wal = await measureExpiredWal(store, decided, signal);
  const chosen = choosePurge(plan, source);
  const asked = { plan, store, environment, now: at, purge: { reason } };
  const snapshots = chosen.kind === 'rds' ? await expiringSnapshots(chosen, noRules, asked) : undefined;
  const text = [
    describePurge(decided, wal),
    ...(refused === undefined ? [] : [`  refused      now: ${refused}`]),
    '  dry run      nothing was removed; without --dry-run people are asked first',
    ...expiryTables(decided),
    ...(snapshots ? [tellExpiringSnapshots(snapshots)] : []),
  ];
  output.print(text.join('\n'), {
    ...decided,
    dryRun: true,
    refused: refused ?? null,
    expiringWal: wal,
    ...(snapshots && { snapshots }),
  });
}
