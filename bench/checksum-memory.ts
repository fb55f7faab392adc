import { createHash, randomBytes } from 'node:crypto';
import { commitBackup } from '#catalog/backups';
import { backupId } from '#model/backup-id';
import { advance, lsn } from '#model/lsn';
import type { Manifest } from '#model/manifest';
import { objectCreatedEvent } from '#model/object-created';
import { backupObjectKey, manifestKey } from '#store/bucket-layout';
import { WalWriter } from '#tasks/wal-writer';
import { DeployedFunctions } from '../test/stack/deployed-functions.ts';

/**
 * How much memory the bundled checksum-verifier takes at most, by what arrives: encrypted WAL that does not compress, in
 * segments of up to 256 MiB, and manifests of up to 40,000 parts. Each is read by a process of its own, as Lambda runs it.
 * Wanted: below 256 MiB, however large the object is.
 */
const plan = `
bucket: stack
encryption: { kmsKey: stack }
aws: { stack: lifeboat-prod, region: eu-central-1 }
sources: { orders: { connection: { host: 127.0.0.1, user: lifeboat, password: "secret:orders" } } }
`;
const source = 'orders';
const systemId = '7710121666982256801';
const deployed = await DeployedFunctions.create(plan);
const { store, keyRing } = deployed.vault;

try {
  for (const mebibytes of [1, 16, 64, 256]) await measure(`WAL of ${mebibytes} MiB`, await storeWal(mebibytes << 20));
  for (const parts of [100, 10_000, 40_000]) await measure(`a manifest of ${parts} parts`, await storeManifest(parts));
} finally {
  await deployed.close();
}

async function measure(what: string, key: string): Promise<void> {
  const stored = (await store.head(key))!;
  const began = performance.now();
  const { payload, error } = await deployed.invoke('checksum-verifier', objectCreatedEvent(store.url, stored));
  const tookMs = Math.round(performance.now() - began);
  const mebibytes = Math.round((await deployed.maxRssBytes('checksum-verifier')) / 2 ** 20);
  await deployed.stop('checksum-verifier');
  const outcome = error ? `${error.errorType}: ${error.errorMessage}` : (payload as { outcome: string }).outcome;
  console.log(`${what}: ${outcome}, at most ${mebibytes} MiB, ${tookMs} ms`);
}

async function storeWal(segmentSize: number): Promise<string> {
  // a system has segments of one size
  const system = { source, systemId: String(7710121666982256801n + BigInt(segmentSize)), segmentSize };
  const writer = await WalWriter.create({ store, keyRing, ...system, level: 1 });
  const start = lsn(BigInt(segmentSize) * 7n);
  const before = new Set(await keysOf('orders/wal/'));
  await writer.put({
    ...{ timeline: 1, start, end: advance(start, segmentSize), time: new Date() },
    bytes: randomBytes(segmentSize),
  });
  return (await keysOf('orders/wal/')).find((key) => !before.has(key))!;
}

async function keysOf(prefix: string): Promise<string[]> {
  return (await Array.fromAsync(store.list(prefix))).map(({ key }) => key);
}

async function storeManifest(count: number): Promise<string> {
  const id = backupId(new Date(Date.now() - count * 1000), 'full');
  const index = Buffer.alloc(count * 2000, 'the index of frames ');
  const sha256 = createHash('sha256').update(index).digest('hex');
  const parts = Array.from({ length: count }, (_, part) => ({
    ...{ name: `base.tar.${String(part).padStart(6, '0')}`, archive: 'base', part, rawBytes: 2 ** 28, storedBytes: 3 },
    sha256,
  }));
  const files = [...parts.map(({ name }) => name), 'backup_manifest.json'];
  for (const name of files) await store.put(backupObjectKey(source, id, name), Buffer.from('abc'));
  await store.put(backupObjectKey(source, id, 'index.jsonl'), index);
  const at = { lsn: '0/3000028', timeline: 1, time: new Date().toISOString() };
  const manifest: Manifest = {
    ...{ format: 'lifeboat/1', source, backup: id, kind: 'full', parent: null },
    server: {
      ...{ version: '18.4', major: 18, systemId, segmentSize: 1 << 24, blockSize: 8192, dataChecksums: true },
      superuser: 'postgres',
    },
    ...{ start: at, stop: at, tablespaces: [], parts },
    index: { name: 'index.jsonl', storedBytes: index.length, sha256 },
    serverManifest: { name: 'backup_manifest.json', storedBytes: 3, sha256 },
    ...{ rawBytes: 1, storedBytes: 1, compression: { codec: 'zstd', level: 3 }, encryption: null },
    ...{ finishedAt: new Date().toISOString(), requestedBy: 'bench', execution: null },
  };
  await commitBackup(store, manifest);
  return manifestKey(source, id);
}
