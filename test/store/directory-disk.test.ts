import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readlinkSync } from 'node:fs';
import {
  type FileHandle,
  mkdir,
  mkdtemp,
  open,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { StoreRefused, StoreUnavailable } from '#model/failure';
import { directoryFailure } from '#store/directory-failure';
import { inItsFolder } from '#store/directory-folders';
import { DirectoryRoot } from '#store/directory-root';
import { createDirectoryStore, openDirectoryStore } from '#store/directory-store';
import type { ObjectStore } from '#store/object-store';
import { all, read, stored } from './contract.ts';

describe('a directory as a store, on disk', () => {
  let parent: string;
  let root: string;
  let store: ObjectStore;

  beforeEach(async () => {
    parent = await mkdtemp(join(tmpdir(), 'lifeboat-disk-'));
    root = join(parent, 'bucket');
    store = await createDirectoryStore(root);
  });
  afterEach(() => rm(parent, { recursive: true }));

  test('parts of a backup can be read with cat', async () => {
    await store.put('pg/backups/x/base.tar.000000', Buffer.from('one '));
    await store.put('pg/backups/x/base.tar.000001', Buffer.from('two'));
    const shown = execFileSync('sh', ['-c', 'cat pg/backups/x/base.tar.*'], { cwd: root });
    assert.equal(shown.toString(), 'one two');
  });

  test('is for its owner alone', async () => {
    await store.put('pg/x.y', Buffer.from('secret'));
    assert.equal((await stat(root)).mode & 0o777, 0o700);
    assert.equal((await stat(join(root, 'pg'))).mode & 0o777, 0o700);
    assert.equal((await stat(join(root, 'pg/x.y'))).mode & 0o777, 0o600);
  });

  test('that does not exist is refused with a hint, and not made', async () => {
    const path = join(parent, 'nowhere');
    await assert.rejects(openDirectoryStore(path), (failure) => {
      assert.ok(failure instanceof StoreRefused);
      assert.match(failure.hint ?? '', /mkdir -m 700/);
      return true;
    });
    await assert.rejects(stat(path));
    await writeFile(path, 'a file');
    await assert.rejects(openDirectoryStore(path), StoreRefused);
  });

  test('is not written to by opening and reading', async () => {
    await mkdir(join(parent, 'fresh'));
    const fresh = await openDirectoryStore(join(parent, 'fresh'));
    assert.equal(await fresh.head('a'), undefined);
    assert.deepEqual(await all(fresh.list('')), []);
    assert.equal(await fresh.abortStaleUploads(new Date()), 0);
    assert.deepEqual(await readdir(join(parent, 'fresh')), []);
  });

  test('that vanishes is refused by everything, and never made again', async () => {
    await store.put('a/b.c', Buffer.from('x'));
    async function* body() {
      yield Buffer.from('x');
      await rename(root, `${root}.gone`);
    }
    await assert.rejects(store.put('a/d.e', body()), StoreRefused);
    await assert.rejects(store.put('a/b.c', Buffer.from('y')), StoreRefused);
    await assert.rejects(store.put('a/b.c', Buffer.from('y'), { condition: { etag: 'x' } }), StoreRefused);
    await assert.rejects(store.head('a/b.c'), StoreRefused);
    await assert.rejects(store.get('a/b.c'), StoreRefused);
    await assert.rejects(store.delete('a/b.c'), StoreRefused);
    await assert.rejects(all(store.list('')), StoreRefused);
    await assert.rejects(all(store.folders('')), StoreRefused);
    await assert.rejects(store.abortStaleUploads(new Date()), StoreRefused);
    assert.deepEqual(await readdir(parent), ['bucket.gone']);
  });

  test('whose place is taken by an empty directory, as when it is unmounted, is refused as well', async () => {
    await store.put('a/b.c', Buffer.from('x'));
    await rename(root, `${root}.gone`);
    await mkdir(root);
    await assert.rejects(store.put('a/d.e', Buffer.from('x')), StoreRefused);
    await assert.rejects(store.head('a/b.c'), StoreRefused);
    await assert.rejects(all(store.list('')), StoreRefused);
    assert.deepEqual(await readdir(root), []);
    await rm(root, { recursive: true });
    await rename(`${root}.gone`, root);
    assert.equal((await read(store, 'a/b.c')).toString(), 'x');
  });

  test('keeps foreign files out of its listings, and its own folder out of reach', async () => {
    await store.put('a/b.c', Buffer.from('x'));
    await writeFile(join(root, 'README'), 'not ours');
    await mkdir(join(root, 'some.directory'));
    assert.deepEqual(
      (await all(store.list(''))).map((object) => object.key),
      ['a/b.c'],
    );
    await store.put('.lifeboat/lock', Buffer.from('an object'));
    assert.equal((await stat(join(root, '.lifeboat/lock')).catch(() => ({ size: 0 }))).size, 0);
    assert.deepEqual(await all(store.folders('')), ['.lifeboat/', 'a/']);
  });

  test('does not list a folder in which nothing is, as a killed delete leaves it', async () => {
    await mkdir(join(root, 'empty/deeper'), { recursive: true });
    assert.deepEqual(await all(store.folders('')), []);
    await store.put('empty/deeper/x.y', Buffer.from('x'));
    await store.delete('empty/deeper/x.y');
    assert.deepEqual(await readdir(root), ['.lifeboat']);
  });

  test('gives each generation its own etag, however fast they follow and whatever the clock says', async () => {
    const etags = new Set<string>();
    for (let i = 0; i < 200; i++) etags.add(stored(await store.put('a.b', Buffer.from('same'))).etag);
    assert.equal(etags.size, 200);
    const inTheFuture = new Date(Date.now() + 3_600_000);
    await utimes(join(root, 'a.b'), inTheFuture, inTheFuture);
    const before = (await store.head('a.b'))!;
    const after = stored(await store.put('a.b', Buffer.from('same'), { condition: { etag: before.etag } }));
    assert.ok(after.lastModified >= before.lastModified);
    assert.notEqual(after.etag, before.etag);
  });

  test('answers a put when its file and every folder up to the bucket are synced, and not before', async (t) => {
    const synced: string[] = [];
    const handle = await open(root);
    const fileHandle: FileHandle = Object.getPrototypeOf(handle);
    await handle.close();
    const sync = fileHandle.sync;
    t.mock.method(fileHandle, 'sync', function (this: FileHandle) {
      synced.push(readlinkSync(`/proc/self/fd/${this.fd}`).replace(/uploads\/.*/, 'uploads/*'));
      return sync.call(this);
    });
    await store.put('a/b/c.d', Buffer.from('x'), { condition: 'absent' });
    assert.deepEqual(synced, [join(root, '.lifeboat/uploads/*'), join(root, 'a/b'), join(root, 'a'), root]);
    synced.length = 0;
    await store.put('a/b/c.d', Buffer.from('y'));
    assert.deepEqual(synced, [join(root, '.lifeboat/uploads/*'), join(root, 'a/b'), join(root, 'a'), root]);
    synced.length = 0;
    await store.delete('a/b/c.d');
    assert.deepEqual(synced, [root]);
  });

  test('makes a folder again that a delete removes before the object is in it', async () => {
    let attempts = 0;
    await inItsFolder(await DirectoryRoot.open(root), join(root, 'a/b/c.d'), async () => {
      attempts++;
      if (attempts > 1 && attempts < 5) await rm(join(root, attempts % 2 === 0 ? 'a/b' : 'a'), { recursive: true });
      await writeFile(join(root, 'a/b/c.d'), 'x');
    });
    assert.equal(attempts, 5);
  });

  test('goes on where its own folder was lost, as when the objects alone were copied', async () => {
    await store.put('a.b', Buffer.from('1'));
    const { etag } = stored(await store.put('a.b', Buffer.from('2')));
    await rm(join(root, '.lifeboat'), { recursive: true });
    stored(await store.put('a.b', Buffer.from('3'), { condition: { etag } }));
    await rm(join(root, '.lifeboat'), { recursive: true });
    await store.delete('a.b');
    assert.deepEqual(await all(store.list('')), []);
  });

  test('leaves nothing behind in its own folder', async () => {
    await store.put('a.b', Buffer.from('x'));
    await store.put('a.b', Buffer.from('y'));
    await store.put('a.b', Buffer.from('y'), { condition: 'absent' });
    await store.delete('a.b');
    assert.deepEqual(await readdir(join(root, '.lifeboat/uploads')), []);
  });

  test('reads a file that somebody cut short as what it is now, and finds one damaged that shrinks meanwhile', async () => {
    await store.put('a.b', Buffer.alloc(3_000_000));
    const { body } = await store.get('a.b');
    await writeFile(join(root, 'a.b'), 'short');
    await assert.rejects(async () => {
      for await (const _ of body);
    }, /the file ends at byte/);
    assert.equal((await readFile(join(root, 'a.b'))).toString(), 'short');
  });
});

test('what the operating system refuses is named, with what to do', () => {
  const cases = {
    ENOSPC: [StoreRefused, /disk is full/],
    EROFS: [StoreRefused, /read-only/],
    EACCES: [StoreRefused, /give the user/],
    EIO: [StoreUnavailable, /dmesg/],
    EMFILE: [StoreUnavailable, /ulimit/],
  } as const;
  for (const [code, [kind, hint]] of Object.entries(cases)) {
    const failure = directoryFailure('put', '/srv/x', Object.assign(new Error(`${code}: no`), { code, errno: -5 }));
    assert.ok(failure instanceof kind, code);
    assert.match(failure.hint ?? '', hint);
    assert.match(failure.message, new RegExp(`put /srv/x: ${code}`));
  }
});
