import { setTimeout as sleep } from 'node:timers/promises';
import { indexObject } from '#catalog/index-object';
import { embeddedInstallation } from '#harness/postgres-installations';
import { ProtectedSource } from '#harness/protected-source';
import { startStrictS3 } from '#harness/strict-s3-server';
import { parseObjectKey } from '#model/object-key';
import { readBack } from '#recovery/read-back';
import { openStore } from '#runtime/open-store';
import { collectWal } from '#tasks/collect-wal';
import { receiveWal } from '#tasks/receive-wal';

/**
 * How many requests S3 is sent: for a full backup, for each raw GB of it, and for each object of WAL with the two functions
 * that look at it. What `lifeboat cost` reckons with stands in src/model/cost-work.ts. Rows to copy: `node bench/requests.ts 300`.
 */
const megabytes = Number(process.argv[2] ?? 300);
const chunks = 20;

const s3 = await startStrictS3({ bucket: 'bench' });
const source = await ProtectedSource.create(embeddedInstallation());
try {
  const store = await openStore('s3://bench', s3.environment);
  const vault = { store, keyRing: source.vault.keyRing };
  const { connection } = source.server;
  await source.server.query(
    `create table filler as select md5(i::text) || md5((i + 1)::text) as a from generate_series(1, ${megabytes * 11_000}) i`,
  );
  await source.server.query('checkpoint');

  let from = s3.requests.length;
  const { manifest } = await source.backup('full', {
    ...{ store, connection, lanes: 2 },
    wal: collectWal({ source: 'orders', ...vault, connection, level: 1 }),
  });
  const gigabytes = manifest.rawBytes / 1e9;
  tell(`a full backup of ${gigabytes.toFixed(2)} GB, ${(manifest.storedBytes / 1e9).toFixed(2)} GB stored`, from, 1);
  tell('  for each raw GB', from, gigabytes);

  from = s3.requests.length;
  const receiver = new AbortController();
  const begun = Promise.withResolvers<void>();
  let stored = 0;
  const ended = receiveWal({
    source: 'orders',
    ...vault,
    connectOptions: async () => connection,
    slot: 'lifeboat',
    walChunkSeconds: 0.1,
    level: 1,
    lease: { holder: { host: 'bench', pid: 1 } },
    signal: receiver.signal,
    log(event) {
      if (event.kind === 'receiving') begun.resolve();
      if (event.kind === 'stored') stored++;
    },
  });
  await begun.promise;
  from = s3.requests.length;
  stored = 0;
  while (stored < chunks) {
    await source.server.query('create table if not exists x (); drop table x');
    await sleep(120);
  }
  tell(`receiving one object of WAL (${stored} were)`, from, stored);
  receiver.abort();
  await ended.catch(() => undefined);

  const keys: string[] = [];
  for await (const { key } of store.list('orders/wal/')) keys.push(key);
  from = s3.requests.length;
  for (const key of keys) {
    const object = parseObjectKey(key)!;
    await readBack(vault, object, { now: () => new Date(), signal: AbortSignal.timeout(60_000) });
    await indexObject(store, object);
  }
  tell('reading it back, and indexing it', from, keys.length);
} finally {
  await source.remove();
  await s3.close();
}

function tell(what: string, from: number, divisor: number): void {
  const counts = new Map<string, number>();
  for (const line of s3.requests.slice(from)) {
    const method = /^GET \?|^GET [^ ]*list-type/.test(line) ? 'LIST' : line.split(' ')[0]!;
    counts.set(method, (counts.get(method) ?? 0) + 1);
  }
  const each = [...counts].map(([method, count]) => `${(count / divisor).toFixed(1)} ${method}`);
  console.log(`${what}: ${each.join(', ')}`);
}
