import { defineCommand } from '#cli/command';
import type { Output } from '#cli/output';
import { chooseSource } from '#model/choose-source';
import { formatDuration } from '#model/duration';
import { formatLsn, parseLsn } from '#model/lsn';
import { formatTimeline } from '#model/timeline';
import { openBucket } from '#runtime/open-bucket';
import { receiveSource } from '#tasks/receive-source';
import type { ReceiverEvent } from '#tasks/receive-wal';

export const command = defineCommand({
  name: 'receive-wal',
  summary: 'store WAL as it is written, until stopped',
  help: `Streams WAL from the server and stores what is new every walChunkSeconds (plan, default 5), whole segments when they
are full. The server keeps its WAL in a replication slot (plan: slot) until the bucket has it, so a receiver that was
away goes on where it ended; it keeps no state of its own and may run anywhere.

Run one for each source, as a service. A second one waits until the first is gone. Connections that break and a bucket
that does not answer are waited for; what needs a person (a lost slot, WAL that is not the one before) ends it.
SIGTERM stores what has arrived and ends with 0.

While it is away the slot fills the server's disk: set max_slot_wal_keep_size there, and watch this process.`,
  examples: ['lifeboat receive-wal --source orders', 'lifeboat receive-wal --source orders --until 0/5000000'],
  options: {
    source: { flags: '--source <name>', summary: 'source in the plan (needed when it has several)' },
    until: { flags: '--until <lsn>', summary: 'end when all WAL up to here is stored', parse: parseLsn },
  },

  async run({ source, until }, { plan, environment, signal, output }) {
    await receiveSource({
      source: chooseSource(await plan(), source, '--source'),
      vault: await openBucket(await plan(), environment),
      environment,
      signal,
      log: (event) => tell(event, output),
      untilLsn: until,
    });
  },
});

function tell(event: ReceiverEvent, output: Output): void {
  if (event.kind === 'receiving') {
    output.note(`receiving from ${formatLsn(event.start)} on timeline ${formatTimeline(event.timeline)}`);
  } else if (event.kind === 'stored') {
    output.note(`stored up to ${formatLsn(event.end)}`);
  } else if (event.kind === 'waiting') {
    output.warn(`${event.failure.message}; trying again in ${formatDuration(event.retryMs)}`);
  } else {
    output.warn(
      `WAL from ${formatLsn(event.after)} to ${formatLsn(event.before)} was never stored and the server has it no more: ` +
        'recovery from earlier backups ends there, so take a full backup now',
    );
  }
}
