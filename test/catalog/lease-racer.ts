import { acquireLease } from '#catalog/lease';
import { createDirectoryStore } from '#store/directory-store';

/** One of several processes that want the same lease at the same time. */
const store = await createDirectoryStore(process.argv[2]!);
process.send!('ready');
process.once('message', () => {
  acquireLease(store, 'orders', 'backup', {
    holder: { host: 'racer', pid: process.pid },
    durationMs: 5_000,
    clockSkewMs: 0,
  }).then(
    () => process.send!('taken'),
    (failure: Error) => process.send!(failure.name),
  );
});
process.once('disconnect', () => process.exit());
