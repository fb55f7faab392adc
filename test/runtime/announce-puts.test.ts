import assert from 'node:assert/strict';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { Aborted, InputInvalid } from '#model/failure';
import { announcePuts, type PutRecord } from '#runtime/announce-puts';
import { openStoreAt } from '#runtime/open-bucket';
import { createDirectoryStore } from '#store/directory-store';
import type { ObjectStore } from '#store/object-store';
import { storeContract, stored } from '../store/contract.ts';

const manifest = 'main/backups/20261120T051345123Z-full/manifest.json';
const chunk = 'main/wal/7421/00000001/000000010000000000000003.00000000-0001A2B0';

describe('a put that is announced', () => {
  let parent: string;
  let folder: string;
  let plain: ObjectStore;
  let store: ObjectStore;
  const complaints: string[] = [];
  beforeEach(async () => {
    parent = await mkdtemp(join(tmpdir(), 'lifeboat-announce-'));
    folder = join(parent, 'events');
    await mkdir(folder);
    plain = await createDirectoryStore(join(parent, 'bucket'));
    complaints.length = 0;
    store = announcePuts(plain, folder, (message) => complaints.push(message));
  });
  afterEach(() => rm(parent, { recursive: true }));

  const files = async () => (await readdir(folder)).sort();
  const endings = async () => (await files()).map((name) => name.split('.').slice(1).join('.'));
  const record = async (): Promise<PutRecord> => JSON.parse(await readFile(join(folder, (await files())[0]!), 'utf8'));

  test('is an intent while it is under way, and then tells what was stored', async () => {
    let during: string[] = [];
    let intent: PutRecord | undefined;
    async function* body() {
      yield Buffer.from('ab');
      during = await endings();
      intent = await record();
      yield Buffer.from('c');
    }
    const object = stored(await store.put(manifest, body(), { condition: 'absent' }));
    assert.deepEqual(during, ['intent']);
    assert.equal(intent?.key, manifest);
    assert.equal(intent?.writer.pid, process.pid);
    assert.deepEqual(await endings(), ['put']);
    assert.deepEqual(await record(), {
      format: 'lifeboat-put/1',
      bucket: join(parent, 'bucket'),
      key: manifest,
      writer: intent?.writer,
      object: { size: 3, etag: object.etag, lastModified: object.lastModified.toISOString() },
    });
  });

  test('hands the body on as it is, and not one byte of it is looked at', async () => {
    const given: unknown[] = [];
    const spying = announcePuts(
      {
        ...bound(plain),
        async put(...all) {
          given.push(all);
          return { stored: false };
        },
      },
      folder,
      assert.fail,
    );
    const body = { [Symbol.asyncIterator]: assert.fail };
    const options = { condition: 'absent' as const };
    await spying.put(chunk, body, options);
    assert.deepEqual(given, [[chunk, body, options]]);
    assert.equal((given[0] as unknown[])[1], body);
  });

  test('is not announced when nothing was stored', async () => {
    await store.put(chunk, Buffer.from('first'), { condition: 'absent' });
    assert.deepEqual(await store.put(chunk, Buffer.from('second'), { condition: 'absent' }), { stored: false });
    assert.deepEqual(await endings(), ['put']);
    const impossible = `main/wal/${'x'.repeat(1100)}`;
    await assert.rejects(store.put(impossible, Buffer.from('x')), InputInvalid);
    assert.deepEqual(await endings(), ['put']);
  });

  test('stays open when it failed, because it may have been stored', async () => {
    await assert.rejects(store.put(chunk, Buffer.from('x'), { signal: AbortSignal.abort() }), Aborted);
    assert.deepEqual(await endings(), ['unsure']);
  });

  test('of any other key leaves no trace', async () => {
    for (const key of [
      'main/backups/20261120T051345123Z-full/base.tar.000000',
      'main/backups/manifest.json',
      'main/leases/receive-wal',
      'catalog/wal/backups.json',
      'catalog/main/verified/wal/7421/00000001/000000010000000000000003-x.json',
      'evidence/000000000001.json',
      'main/wal/',
    ]) {
      stored(await store.put(key, Buffer.from('x')));
    }
    assert.deepEqual(await files(), []);
  });

  test('is stored even if it cannot be announced, and this is said', async () => {
    await rm(folder, { recursive: true });
    stored(await store.put(chunk, Buffer.from('x')));
    assert.match(complaints.join(), /cannot be announced in .*ENOENT\nHINT: the objects are stored/);
    assert.equal((await plain.head(chunk))?.size, 1);
    complaints.length = 0;
    assert.deepEqual(await store.put(chunk, Buffer.from('y'), { condition: 'absent' }), { stored: false });
    assert.equal(complaints.length, 1);
  });

  test('is announced when the folder came back in the meantime', async () => {
    await rm(folder, { recursive: true });
    async function* body() {
      yield Buffer.from('x');
      await mkdir(folder);
    }
    stored(await store.put(chunk, body()));
    assert.deepEqual(await endings(), ['put']);
  });

  test('is one of many at once, each with a file of its own that only we may read', async () => {
    await Promise.all(
      Array.from({ length: 50 }, (_, i) =>
        store.put(`main/wal/7421/00000001/${i}`, Buffer.from('x'), { condition: 'absent' }),
      ),
    );
    assert.equal((await files()).length, 50);
    await chmod(folder, 0o700);
    assert.deepEqual([...new Set(await endings())], ['put']);
  });

  test('is what LIFEBOAT_EVENTS asks for, and nothing else does', async () => {
    const announced = await openStoreAt(join(parent, 'bucket'), { LIFEBOAT_EVENTS: folder });
    const silent = await openStoreAt(join(parent, 'bucket'), {});
    stored(await silent.put(`${chunk}0`, Buffer.from('x')));
    assert.deepEqual(await files(), []);
    stored(await announced.put(chunk, Buffer.from('x')));
    assert.deepEqual(await endings(), ['put']);
  });
});

function bound(store: ObjectStore): ObjectStore {
  return announcePuts(store, '/nonexistent', () => undefined);
}

/** Every key is announced: what the contract puts lies below a source's WAL. */
function belowWal(store: ObjectStore): ObjectStore {
  const prefix = 'main/wal/';
  const strip = <T extends { key: string }>(object: T): T => ({ ...object, key: object.key.slice(prefix.length) });
  async function* listed(under: string, options: Parameters<ObjectStore['list']>[1] = {}) {
    const startAfter = options.startAfter === undefined ? {} : { startAfter: prefix + options.startAfter };
    for await (const object of store.list(prefix + under, { ...options, ...startAfter })) yield strip(object);
  }
  const checked = (key: string) => (key === '' || Buffer.byteLength(key) > 1024 ? key : prefix + key);
  return {
    ...bound(store),
    async put(key, body, options) {
      const outcome = await store.put(checked(key), body, options);
      return outcome.stored ? { stored: true, object: strip(outcome.object) } : outcome;
    },
    head: async (key, options) => {
      const object = await store.head(checked(key), options);
      return object && strip(object);
    },
    get: async (key, options) => {
      const { object, body } = await store.get(checked(key), options);
      return { object: strip(object), body };
    },
    list: listed,
    folders: (under, options = {}) => {
      const startAfter = options.startAfter === undefined ? {} : { startAfter: prefix + options.startAfter };
      return store.folders(prefix + under, { ...options, ...startAfter });
    },
    delete: (key, options) => store.delete(checked(key), options),
    abortStaleUploads: (before, options) => store.abortStaleUploads(before, options),
  };
}

storeContract('a store that announces its puts, none of which it has to', async () => {
  const parent = await mkdtemp(join(tmpdir(), 'lifeboat-announce-'));
  await mkdir(join(parent, 'events'));
  const plain = await createDirectoryStore(join(parent, 'bucket'));
  const store = announcePuts(plain, join(parent, 'events'), assert.fail);
  return { store, close: () => rm(parent, { recursive: true }) };
});

storeContract('a store that announces its puts, all of which it has to', async () => {
  const parent = await mkdtemp(join(tmpdir(), 'lifeboat-announce-'));
  await mkdir(join(parent, 'events'));
  const plain = await createDirectoryStore(join(parent, 'bucket'));
  const store = belowWal(announcePuts(plain, join(parent, 'events'), assert.fail));
  return { store, close: () => rm(parent, { recursive: true }) };
});
