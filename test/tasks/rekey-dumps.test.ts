import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { commitDump } from '#catalog/dumps';
import { storeKinds } from '#harness/stores';
import { parseDumpManifest } from '#model/dump-manifest';
import { keyFileRing, masterKeyId } from '#pipeline/data-key';
import { withRewraps } from '#recovery/rewrapped-ring';
import { listKeys } from '#tasks/list-keys';
import { rekeySource } from '#tasks/rekey';

const golden = parseDumpManifest(
  readFileSync(new URL('../golden/dump-manifest.json', import.meta.url), 'utf8'),
  'golden',
);

const newRing = () => {
  const key = randomBytes(32);
  return keyFileRing([{ id: masterKeyId(key), key }]);
};

test('after a rekey the new key alone opens a dump, and until then the list says that only the old one does', async (t) => {
  const { store, close } = await storeKinds[0]![1]();
  t.after(close);
  const [old, current] = [newRing(), newRing()];
  const context = `orders/${golden.dump}`;
  const { dataKey, wrapped } = await old.create(context);
  await commitDump(store, { ...golden, encryption: { cipher: 'aes-256-gcm', key: wrapped } });
  const search = { source: 'orders', backups: true, wal: true, signal: new AbortController().signal };
  const onObjects = () => undefined;
  const onlyThose = async () =>
    (await listKeys(store, { ...search, onObjects })).keys.map(({ onlyDumps }) => onlyDumps);
  assert.deepEqual(await onlyThose(), [[golden.dump]]);

  const work = { ...search, store, current, old: [old], dryRun: false, now: () => new Date(), onObjects };
  const outcome = await rekeySource({ ...work, onRewrapped: () => undefined });
  assert.deepEqual([outcome.rewrapped, outcome.problemCount], [1, 0]);
  assert.deepEqual(await withRewraps(current, store).unwrap(wrapped, context), dataKey);
  assert.deepEqual(await onlyThose(), [[], []]);
});
