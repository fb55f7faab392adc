import { resolve } from 'node:path';
import { type CommandContext, defineCommand } from '#cli/command';
import { parseLsn } from '#model/lsn';
import { isSegmentName } from '#model/wal-segment';
import { WalSpool } from '#recovery/wal-spool';
import { startDetached } from '#runtime/this-process';

export const command = defineCommand({
  name: 'wal-fetch',
  summary: 'fetch one WAL file (for restore_command)',
  help: `For restore_command in postgresql.conf of a cluster that is being recovered:

  restore_command = 'lifeboat wal-fetch --plan /etc/lifeboat/plan.yml --source orders %f %p'

Which system's WAL is wanted is read from global/pg_control, since PostgreSQL runs restore_command in its data
directory; elsewhere name it with --system-id. The file appears when all of it has been checked.

Ends with 0 when the file is there, with 1 when WAL ends here or there is no such history file, and with 255 for
everything else, on which PostgreSQL stops. A segment that is missing though later WAL is stored is such a case: with a
1 PostgreSQL would start, and the rows after the gap would be gone without a word.

The segments that follow are fetched ahead, into pg_wal/lifeboat.prefetch; it goes when recovery is over.`,
  examples: [
    'lifeboat wal-fetch --plan /etc/lifeboat/plan.yml --source orders 000000010000000000000003 pg_wal/RECOVERYXLOG',
    'lifeboat wal-fetch --source orders --system-id 7445812344987123456 00000002.history /tmp/00000002.history',
  ],
  arguments: {
    file: { summary: 'what is wanted, as %f gives it' },
    path: { summary: 'where to put it, as %p gives it' },
  },
  options: {
    source: { flags: '--source <name>', summary: 'source in the plan (needed when it has several)' },
    systemId: { flags: '--system-id <number>', summary: 'whose WAL (default: from global/pg_control)' },
    until: {
      flags: '--until <lsn>',
      summary: 'where the recovery target is: WAL that is missing after it counts as its end',
      parse: parseLsn,
    },
    noPrefetch: { flags: '--no-prefetch', summary: 'fetch nothing ahead' },
  },

  async run({ file, path, source, systemId, until, noPrefetch }, context) {
    const to = resolve(context.cwd, path);
    const spool = isSegmentName(file) && !noPrefetch ? WalSpool.beside(to) : undefined;
    if (await spool?.take(file, to)) return 0;
    const [{ fetchWalFile }, { openArchive }] = await Promise.all([
      import('#recovery/fetch-wal'),
      import('#cli/wal-archive'),
    ]);
    const archive = await openArchive(context, source, systemId);
    const { signal } = context;
    const ended = await fetchWalFile({ ...archive, name: file, to, signal, ...(until && { neededUntil: until }) });
    if (ended.outcome !== 'fetched') {
      context.output.note(`${file}: ${ended.outcome}`);
      return 1;
    }
    if (ended.from === 'segment' && spool && !(await spool.isServed())) startPrefetch(context, archive, file);
    return 0;
  },
});

/** A process of its own, since this one has to end for PostgreSQL to go on. */
function startPrefetch(
  { planPath, cwd }: CommandContext,
  { source, systemId }: { source: string; systemId: string },
  after: string,
): void {
  const plan = ['--plan', resolve(cwd, planPath), '--source', source, '--system-id', systemId];
  startDetached(['wal-prefetch', ...plan, after], cwd);
}
