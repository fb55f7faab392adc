import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, type TestContext, test } from 'node:test';
import { checkObjects } from '#catalog/check-objects';
import { startStrictS3 } from '#harness/strict-s3-server';
import { type Failure, ObjectDamaged, ObjectMissing, StoreRefused } from '#model/failure';
import { type Manifest, parseManifest } from '#model/manifest';
import { openStore } from '#runtime/open-store';
import { backupObjectKey } from '#store/bucket-layout';

const golden = parseManifest(readFileSync(new URL('../golden/manifest.json', import.meta.url), 'utf8'), 'golden');
const small = <T extends { storedBytes: number }>(stored: T): T => ({ ...stored, storedBytes: 3 });
const manifest: Manifest = {
  ...golden,
  index: small(golden.index),
  serverManifest: small(golden.serverManifest),
  parts: golden.parts.map(small),
};
const keys = [manifest.index, manifest.serverManifest, ...manifest.parts].map(({ name }) =>
  backupObjectKey(manifest.source, manifest.backup, name),
);
const part = keys.at(-1)!;

async function storedBackup(t: TestContext) {
  const server = await startStrictS3({ bucket: 'strict-bucket' });
  t.after(server.close);
  const store = await openStore('s3://strict-bucket', server.environment);
  for (const key of keys) await store.put(key, Buffer.from('abc'));
  server.requests.length = 0;
  return { server, store, check: () => checkObjects(store, manifest) };
}

async function refused(check: () => Promise<void>, kind: new (...all: never[]) => Failure): Promise<Failure> {
  const failure = await check().catch((error: unknown) => error);
  assert.ok(failure instanceof kind, String(failure));
  return failure as Failure;
}

describe('before a backup is restored', () => {
  test('one that is complete costs one listing', async (t) => {
    const { server, check } = await storedBackup(t);
    await check();
    assert.equal(server.requests.length, 1);
  });

  test('one of which something is missing is refused, and said what, and that a copy may be on its way', async (t) => {
    const { store, check } = await storedBackup(t);
    await store.delete(part);
    const { message, hint } = await refused(check, ObjectMissing);
    assert.equal(message, `${part} of backup ${manifest.backup} is not there`);
    assert.match(hint ?? '', /in a copy of a bucket it may be on its way still/);
    await store.delete(keys[0]!);
    assert.match((await refused(check, ObjectMissing)).message, /index\.jsonl and 1 more of backup .* are not there$/);
  });

  test('one of which something has another size is refused', async (t) => {
    const { store, check } = await storedBackup(t);
    await store.put(part, Buffer.from('abcd'));
    const { message } = await refused(check, ObjectDamaged);
    assert.equal(message, `${part} of backup ${manifest.backup} has 4 bytes, the manifest says 3`);
  });

  test('one of which something is archived is refused until it is thawed', async (t) => {
    const { server, check } = await storedBackup(t);
    server.bucket.archive(part, 'GLACIER');
    const { message, hint } = await refused(check, StoreRefused);
    assert.equal(message, `${part} of backup ${manifest.backup} is in GLACIER`);
    assert.match(hint ?? '', /thaw every object of s3:\/\/strict-bucket\/.*\/ with `aws s3api restore-object`/);
    server.bucket.thaw(part);
    await refused(check, StoreRefused);
    server.bucket.completeThaws();
    await check();
    assert.ok(
      server.requests.every((request) => request.startsWith('GET ?')),
      'whoever may list needs no other right',
    );
  });
});
