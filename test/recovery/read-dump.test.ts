import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { dumpId } from '#model/dump-id';
import type { DumpManifest, DumpPart } from '#model/dump-manifest';
import { KeyUnusable, ObjectDamaged, ObjectMissing } from '#model/failure';
import { keyFileRing, masterKeyId } from '#pipeline/data-key';
import type { DumpHeader } from '#pipeline/dump-header';
import { writeContainer } from '#pipeline/write-container';
import { openDump } from '#recovery/read-dump';
import { dumpObjectKey, dumpPartName, globalsName } from '#store/bucket-layout';
import { createDirectoryStore } from '#store/directory-store';
import type { ObjectStore } from '#store/object-store';

const folder = mkdtempSync(join(tmpdir(), 'lifeboat-read-dump-'));
const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');
const dump = dumpId(new Date('2026-11-20T05:13:45.123Z'), 'dump');
const source = 'orders';
const databases = [
  [randomBytes(3000), randomBytes(2000)],
  [randomBytes(1000), randomBytes(10)],
];
let store: ObjectStore;
let manifest: DumpManifest;

/** In clear, so that nothing but what is compared can tell. */
async function put(name: string, place: Partial<DumpHeader>, content: Buffer): Promise<DumpPart> {
  const header = {
    format: 'lifeboat/1',
    kind: 'dump',
    cipher: 'none',
    serial: 0,
    source,
    dump,
    ...place,
  } as DumpHeader;
  const bytes = Buffer.concat(await Array.fromAsync(writeContainer(header, undefined, [content], 1)));
  await store.put(dumpObjectKey(source, dump, name), bytes);
  return { name, rawBytes: content.length, storedBytes: bytes.length, sha256: sha256(bytes) };
}

before(async () => {
  store = await createDirectoryStore(folder);
  const at = '2026-11-20T05:13:45.123Z';
  const globals = { ...(await put(globalsName, { kind: 'globals' }, Buffer.from('SELECT 1;'))), passwords: true };
  const dumped = [];
  for (const [database, parts] of databases.entries()) {
    const stored = [];
    for (const [part, content] of parts.entries())
      stored.push(await put(dumpPartName(database, part), { database, part }, content));
    const whole = Buffer.concat(parts);
    dumped.push({
      ...{ name: `d${database}`, owner: 'o', encoding: 'UTF8', collate: 'C', ctype: 'C', sizeBytes: 0, startedAt: at },
      ...{ finishedAt: at, parts: stored, rawBytes: whole.length, sha256: sha256(whole) },
    });
  }
  manifest = {
    ...{ format: 'lifeboat-dump/1', source, dump, kind: 'dump', server: { version: '15.4', major: 15 }, client: '15' },
    ...{ globals, databases: dumped, rawBytes: 0, storedBytes: 0, compression: { codec: 'zstd', level: 1 } },
    ...{ encryption: null, startedAt: at, finishedAt: at, requestedBy: 'test', execution: null },
  };
});
after(() => rmSync(folder, { recursive: true }));

const changed = (change: (copy: DumpManifest) => void): DumpManifest => {
  const copy = structuredClone(manifest);
  change(copy);
  return copy;
};
const read = async (of: DumpManifest, database = 0) =>
  Buffer.concat(await Array.fromAsync(openDump({ store, keyRing: undefined }, of).archive(database)));

test('an archive is its parts, one after the other, and the globals are what they were', async () => {
  for (const [place, parts] of databases.entries())
    assert.ok((await read(manifest, place)).equals(Buffer.concat(parts)));
  const globals = openDump({ store, keyRing: undefined }, manifest).globals();
  assert.equal(Buffer.concat(await Array.fromAsync(globals)).toString(), 'SELECT 1;');
});

const lies: [what: string, change: (copy: DumpManifest) => void, message: RegExp][] = [
  [
    'its parts in another order',
    ({ databases: [one] }) => one!.parts.reverse(),
    /000001 says it is orders \S+ dump 0 1, expected orders \S+ dump 0 0/,
  ],
  [
    'a part of another database',
    ({ databases: [one, two] }) => one!.parts.splice(1, 1, two!.parts[1]!),
    /says it is .* dump 1 1, expected .* dump 0 1/,
  ],
  [
    'the globals for a part',
    ({ databases: [one], globals: { passwords: _, ...file } }) => one!.parts.splice(0, 1, file),
    /says it is .* globals, expected .* dump 0 0/,
  ],
  [
    'a part too few',
    ({ databases: [one] }) => one!.parts.pop(),
    /the archive of database d0 .* has 3000 bytes .*expected 5000/,
  ],
  [
    'another digest of a part',
    ({ databases: [one] }) => Object.assign(one!.parts[0]!, { sha256: 'f'.repeat(64) }),
    /dump\.000000 has \d+ bytes with SHA-256 \w+, the manifest says \d+ and f{64}/,
  ],
  ['another stored length', ({ databases: [one] }) => one!.parts[0]!.storedBytes++, /dump\.000000 has \d+ bytes/],
  [
    'another raw length',
    ({ databases: [one] }) => one!.parts[0]!.rawBytes++,
    /holds 3000 bytes, the manifest says 3001/,
  ],
  [
    'another digest of the archive',
    ({ databases: [one] }) => Object.assign(one!, { sha256: 'f'.repeat(64) }),
    /the archive of database d0 .* and f{64}/,
  ],
  ['another source', (copy) => void Object.assign(copy, { source: 'others' }), /others/],
];
for (const [what, change, message] of lies) {
  test(`a manifest that tells ${what} is found out`, async () => {
    const failure = await read(changed(change)).then(
      () => assert.fail('it was read'),
      (thrown: Error) => thrown,
    );
    assert.ok(failure instanceof ObjectDamaged || failure instanceof ObjectMissing, failure.stack);
    assert.match(failure.message, message);
  });
}

test('a dump in clear is refused under a plan that encrypts, before anything is read', async () => {
  const key = randomBytes(32);
  const keyRing = keyFileRing([{ id: masterKeyId(key), key }]);
  await assert.rejects(Array.fromAsync(openDump({ store, keyRing }, manifest).archive(0)), KeyUnusable);
});

test('a reader that leaves early is let go', async () => {
  for await (const _ of openDump({ store, keyRing: undefined }, manifest).archive(0)) break;
  const stop = AbortSignal.abort(new Error('stopped'));
  await assert.rejects(Array.fromAsync(openDump({ store, keyRing: undefined }, manifest, stop).archive(0)), /stopped/);
});
