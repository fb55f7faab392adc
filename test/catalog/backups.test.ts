import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import {
  catalogBackup,
  commitBackup,
  committedBackups,
  type FoundBackup,
  findBackups,
  readBackup,
  readChain,
  rebuildCatalog,
} from '#catalog/backups';
import { readCatalog, recordInCatalog } from '#catalog/projection';
import { type BackupId, backupId } from '#model/backup-id';
import { Aborted, InputInvalid, ObjectDamaged, ObjectMissing, StoreUnavailable } from '#model/failure';
import { type Manifest, parseManifest, summarize } from '#model/manifest';
import { backupObjectKey, catalogKey, manifestKey } from '#store/bucket-layout';
import { openDirectoryStore } from '#store/directory-store';
import type { ObjectStore } from '#store/object-store';

const folders: string[] = [];
after(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

async function bucket(): Promise<ObjectStore> {
  const folder = mkdtempSync(join(tmpdir(), 'lifeboat-catalog-'));
  folders.push(folder);
  return openDirectoryStore(folder);
}

const golden = parseManifest(readFileSync(new URL('../golden/manifest.json', import.meta.url), 'utf8'), 'golden');
const source = 'orders';

const manifestOf = (day: number): Manifest => ({
  ...golden,
  backup: backupId(new Date(Date.UTC(2026, 10, day)), 'full'),
  kind: 'full',
  parent: null,
});

/** A bucket with committed backups of these days; only some of them are in the catalog. */
async function scene(days: readonly number[], cataloged: readonly number[] = days) {
  const store = await bucket();
  const manifests = days.map(manifestOf);
  for (const manifest of manifests) await commitBackup(store, manifest);
  for (const day of cataloged) await catalogBackup(store, manifestOf(day));
  return { store, manifests, summaries: manifests.map(summarize) };
}

/** The same store, which notes the keys that are read. */
function watched(store: ObjectStore): { store: ObjectStore; read: string[] } {
  const read: string[] = [];
  const watching = new Proxy(store, {
    get(target, name: keyof ObjectStore) {
      const member = target[name];
      if (typeof member !== 'function') return member;
      return (...args: unknown[]) => {
        if (name === 'get') read.push(String(args[0]));
        return (member as (...given: unknown[]) => unknown).apply(target, args);
      };
    },
  });
  return { store: watching, read };
}

test('a backup exists when its manifest does', async () => {
  const { store, manifests, summaries } = await scene([1], []);
  assert.deepEqual(await readBackup(store, source, manifests[0]!.backup), manifests[0]);
  assert.deepEqual(await committedBackups(store, source), summaries);
});

test('a backup is committed once: the second writer is refused, and nothing is changed', async () => {
  const { store, manifests } = await scene([1]);
  const [first] = manifests as [Manifest];
  await assert.rejects(commitBackup(store, { ...first, requestedBy: 'somebody else' }), (failure: unknown) => {
    assert.ok(failure instanceof ObjectDamaged);
    assert.match(failure.message, /manifest\.json exists already: backup \S+ was committed by somebody else$/);
    return true;
  });
  assert.deepEqual(await readBackup(store, source, first.backup), first);
});

test('of writers that commit at the same time one succeeds', async () => {
  const store = await bucket();
  const tries = Array.from({ length: 8 }, (_, n) =>
    commitBackup(store, { ...manifestOf(1), requestedBy: `writer ${n}` }),
  );
  const endings = await Promise.allSettled(tries);
  assert.equal(endings.filter(({ status }) => status === 'fulfilled').length, 1);
  const winner = endings.findIndex(({ status }) => status === 'fulfilled');
  assert.equal((await readBackup(store, source, manifestOf(1).backup)).requestedBy, `writer ${winner}`);
});

test('a commit that is stopped commits nothing', async () => {
  const store = await bucket();
  await assert.rejects(commitBackup(store, manifestOf(1), AbortSignal.abort()), Aborted);
  assert.deepEqual(await findBackups(store, source), []);
});

test('backups are told in the order in which they began, each with what it is', async () => {
  const { store, manifests } = await scene([3, 1]);
  const put = (id: BackupId, name: string, text: string) =>
    store.put(`${source}/backups/${id}/${name}`, Buffer.from(text));
  const [uncommitted, unreadable] = [manifestOf(2).backup, manifestOf(4).backup];
  await put(uncommitted, 'base.tar.000000', 'half');
  await put(unreadable, 'manifest.json', '{"format":"lifeboat/1"}');
  await store.put(`${source}/backups/notes/readme`, Buffer.from('not a backup'));
  await store.put(`${source}/backups/readme`, Buffer.from('nor this'));
  await store.put(`customers/backups/${manifestOf(5).backup}/manifest.json`, Buffer.from('somebody else'));
  const found = await findBackups(store, source);
  assert.deepEqual(
    found.map(({ state, id }) => [state, id]),
    [
      ['committed', manifests[1]!.backup],
      ['uncommitted', uncommitted],
      ['committed', manifests[0]!.backup],
      ['unreadable', unreadable],
    ],
  );
  const { failure } = found[3] as FoundBackup & { state: 'unreadable' };
  assert.match(failure.message, new RegExp(`^${manifestKey(source, unreadable)} is not a manifest: `));
  assert.deepEqual((await committedBackups(store, source)).length, 2);
});

test('a manifest that belongs to another backup or source makes a folder unreadable', async () => {
  const { store, manifests } = await scene([1]);
  const strayed = manifestOf(2).backup;
  const text = Buffer.from(JSON.stringify(manifests[0]));
  await store.put(manifestKey(source, strayed), text);
  await store.put(manifestKey('customers', manifests[0]!.backup), text);
  const message = /is the manifest of orders\/20261101T000000000Z-full$/;
  for (const [where, id] of [
    [source, strayed],
    ['customers', manifests[0]!.backup],
  ] as const) {
    const found = (await findBackups(store, where)).find((backup) => backup.id === id)!;
    assert.equal(found.state, 'unreadable', where);
    assert.match((found as FoundBackup & { state: 'unreadable' }).failure.message, message);
    await assert.rejects(
      readBackup(store, where, id),
      (failure) => failure instanceof ObjectDamaged && message.test(failure.message),
    );
  }
  assert.deepEqual(
    (await committedBackups(store, source)).map(({ backup }) => backup),
    [manifests[0]!.backup],
  );
});

test('a backup that was never committed is not there, one that the catalog knows is gone', async () => {
  const { store, manifests } = await scene([1]);
  await assert.rejects(readBackup(store, source, manifestOf(9).backup), (failure: unknown) => {
    assert.ok(failure instanceof InputInvalid);
    assert.match(
      failure.message,
      /^backup: "20261109T000000000Z-full" is not allowed: expected a committed backup of orders$/,
    );
    return true;
  });
  await store.delete(manifestKey(source, manifests[0]!.backup));
  await assert.rejects(readBackup(store, source, manifests[0]!.backup), ObjectMissing);
});

test('a listing reads the catalog alone, however many backups there are', async () => {
  const { store, summaries } = await scene([1, 2, 3, 4, 5]);
  const { store: watching, read } = watched(store);
  assert.deepEqual(await committedBackups(watching, source), summaries);
  assert.deepEqual(read, [catalogKey(source)]);
});

test('a catalog that is behind costs a read for each backup that it does not know', async () => {
  const { store, manifests, summaries } = await scene([1, 2, 3], [2]);
  const { store: watching, read } = watched(store);
  assert.deepEqual(await committedBackups(watching, source), summaries);
  const unknown = [manifests[0]!, manifests[2]!].map(({ backup }) => manifestKey(source, backup));
  assert.deepEqual(read, [catalogKey(source), ...unknown]);
});

const noCatalogs: [string, string | undefined][] = [
  ['lost', undefined],
  ['empty', ''],
  ['cut off', '{"format":"lifeboat-catalog/1","backups":[{"fo'],
  ['null', 'null'],
  ['of another format', '{"format":"lifeboat-catalog/2","backups":[]}'],
  ['without backups', '{"format":"lifeboat-catalog/1"}'],
  ['of strange backups', '{"format":"lifeboat-catalog/1","backups":[{"backup":"x"}]}'],
  ['of bytes that are no text', '\xff\xfe\0'],
];
for (const [what, text] of noCatalogs) {
  test(`a catalog that is ${what} changes no answer, and is whole after the next backup or a rebuild`, async () => {
    const { store, summaries } = await scene([1, 2]);
    await store.delete(catalogKey(source));
    if (text !== undefined) await store.put(catalogKey(source), Buffer.from(text, 'latin1'));
    assert.deepEqual(await committedBackups(store, source), summaries);
    await commitBackup(store, manifestOf(3));
    await catalogBackup(store, manifestOf(3));
    const all = [...summaries, summarize(manifestOf(3))];
    assert.deepEqual(await committedBackups(store, source), all);
    await rebuildCatalog(store, source);
    assert.deepEqual((await readCatalog(store, source)).backups, all);
  });
}

test('a catalog that knows backups which were deleted does not bring them back', async () => {
  const { store, manifests, summaries } = await scene([1, 2]);
  await store.delete(manifestKey(source, manifests[0]!.backup));
  assert.deepEqual(await committedBackups(store, source), summaries.slice(1));
  await rebuildCatalog(store, source);
  assert.deepEqual((await readCatalog(store, source)).backups, summaries.slice(1));
});

test('a rebuild looks at every manifest and answers what it found', async () => {
  const { store, manifests, summaries } = await scene([1, 2]);
  await store.put(`${source}/backups/${manifestOf(3).backup}/base.tar.000000`, Buffer.from('half'));
  const { store: watching, read } = watched(store);
  const found = await rebuildCatalog(watching, source);
  assert.deepEqual(
    found.map(({ state }) => state),
    ['committed', 'committed', 'uncommitted'],
  );
  for (const { backup } of manifests) assert.ok(read.includes(manifestKey(source, backup)));
  assert.deepEqual((await readCatalog(store, source)).backups, summaries);
});

test('many that record at the same time lose nothing', async () => {
  const { store } = await scene([]);
  const days = Array.from({ length: 12 }, (_, n) => n + 1);
  await Promise.all(days.map((day) => catalogBackup(store, manifestOf(day))));
  assert.deepEqual(
    (await readCatalog(store, source)).backups,
    days.map((day) => summarize(manifestOf(day))),
  );
});

test('recording the same backup twice leaves one', async () => {
  const { store } = await scene([1]);
  await catalogBackup(store, manifestOf(1));
  assert.equal((await readCatalog(store, source)).backups.length, 1);
});

test('who finds the catalog changed every time gives up, and says so', async () => {
  const { store } = await scene([1]);
  let puts = 0;
  const losing: ObjectStore = Object.assign(Object.create(store), {
    put: async () => {
      puts++;
      return { stored: false };
    },
    head: store.head.bind(store),
    get: store.get.bind(store),
  });
  await assert.rejects(
    recordInCatalog(losing, source, () => []),
    (failure: unknown) => {
      assert.ok(failure instanceof StoreUnavailable);
      assert.equal(failure.message, `${catalogKey(source)} was changed by others ${puts} times in a row`);
      return true;
    },
  );
  assert.ok(puts > 5);
});

test('sources have a catalog each', async () => {
  const { store } = await scene([1]);
  const other = { ...manifestOf(2), source: 'customers' };
  await commitBackup(store, other);
  await catalogBackup(store, other);
  assert.deepEqual(
    (await committedBackups(store, source)).map(({ backup }) => backup),
    [manifestOf(1).backup],
  );
  assert.deepEqual(
    (await committedBackups(store, 'customers')).map(({ backup }) => backup),
    [other.backup],
  );
});

test('a chain is read from the manifests, which must say what the plan was made from', async () => {
  const { store, manifests, summaries } = await scene([1, 2]);
  const chain = manifests.map(({ backup }) => backup);
  for (const manifest of manifests) await putObjects(store, manifest);
  assert.deepEqual(await readChain(store, source, chain, summaries), manifests);
  const lied = [summaries[0]!, { ...summaries[1]!, rawBytes: 1 }];
  await assert.rejects(
    readChain(store, source, chain, lied),
    /manifest\.json says otherwise than catalog\/orders\/backups\.json/,
  );
  await assert.rejects(readChain(store, source, chain, summaries.slice(1)), ObjectDamaged);
});

/** Bytes as many as the manifest says. */
async function putObjects(store: ObjectStore, manifest: Manifest): Promise<void> {
  for (const { name, storedBytes } of [manifest.index, manifest.serverManifest, ...manifest.parts])
    await store.put(backupObjectKey(source, manifest.backup, name), Buffer.alloc(storedBytes));
}
