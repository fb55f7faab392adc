import { createDirectoryStore } from '#store/directory-store';
import { receiveWal } from '#tasks/receive-wal';

/** A receiver in a process of its own, to be killed. It says when it receives. */
const { connection, bucket } = JSON.parse(process.argv[2]!);
await receiveWal({
  source: 'orders',
  store: await createDirectoryStore(bucket),
  keyRing: undefined,
  connectOptions: async () => connection,
  slot: 'lifeboat',
  walChunkSeconds: 0.05,
  level: 1,
  lease: { holder: { host: 'child', pid: process.pid }, durationMs: 500, clockSkewMs: 0 },
  signal: new AbortController().signal,
  log(event) {
    if (event.kind === 'receiving') process.send!('receiving');
  },
});
