import { join } from 'node:path';
import { defineCommand } from '#cli/command';
import { openArchive } from '#cli/wal-archive';
import { fetchWholeSegment } from '#recovery/fetch-wal';
import { prefetchWal } from '#recovery/prefetch-wal';
import { WalSpool } from '#recovery/wal-spool';
import { thisProcess } from '#runtime/this-process';

export const command = defineCommand({
  name: 'wal-prefetch',
  summary: 'keep the next WAL segments ready (started by wal-fetch)',
  help: `Started by wal-fetch in the data directory of a cluster that is being recovered. Keeps the 16 segments that follow
the one that PostgreSQL asked for last in pg_wal/lifeboat.prefetch. Ends by itself: at the end of complete segments, or
a minute after PostgreSQL last asked. One of them lives in a data directory at a time.`,
  examples: ['lifeboat wal-prefetch --source orders --system-id 7445812344987123456 000000010000000000000003'],
  arguments: { after: { summary: 'the segment that PostgreSQL has' } },
  options: {
    source: { flags: '--source <name>', summary: 'source in the plan (needed when it has several)' },
    systemId: { flags: '--system-id <number>', summary: 'whose WAL (default: from global/pg_control)' },
  },

  async run({ after, source, systemId }, context) {
    const archive = await openArchive(context, source, systemId);
    await prefetchWal({
      spool: new WalSpool(join(context.cwd, 'pg_wal', 'lifeboat.prefetch')),
      after,
      segmentSize: archive.segmentSize,
      pid: thisProcess().pid,
      fetch: (name, to, signal) => fetchWholeSegment({ ...archive, name, to, signal }),
      ahead: 16,
      parallel: 4,
      idleMs: 60_000,
      signal: context.signal,
    });
  },
});
