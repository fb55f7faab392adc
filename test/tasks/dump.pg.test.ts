import assert from 'node:assert/strict';
import { createHash, randomUUID } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { after, before, beforeEach, describe, test } from 'node:test';
import pg from 'pg';
import { readDumpCatalog } from '#catalog/dumps';
import { failingStore, withPut } from '#harness/held-store';
import { embeddedInstallation } from '#harness/postgres-installations';
import { TestServer } from '#harness/postgres-server';
import type { DumpManifest } from '#model/dump-manifest';
import { BackupIncomplete, type Failure, InputInvalid, ServerUnsuitable, StoreUnavailable } from '#model/failure';
import { coldTags } from '#model/storage-tier';
import { dumpManifestKey, dumpsFolder } from '#store/bucket-layout';
import type { DumpProgress, DumpWork } from '#tasks/dump';
import { binDir, DumpScene, runProgram } from './dump-scene.ts';

let scene: DumpScene;
before(async () => {
  scene = await DumpScene.create();
  const { server } = scene;
  await server.query(`create role shop login password 'not told'`);
  await server.query('create database shop owner shop');
  await server.query('create database empty');
  await server.query(
    `create table noise as select i as id, md5(i::text) || md5((-i)::text) as filler from generate_series(1, 60000) i;
     alter table noise add primary key (id);
     create view half as select * from noise where id % 2 = 0;
     select lo_from_bytea(0, decode(repeat('0102030405', 100000), 'hex'))`,
    { database: 'shop' },
  );
});
after(() => scene?.remove());
beforeEach(() => {
  scene.warnings.length = 0;
});

const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');
const namesOf = ({ databases }: DumpManifest) => databases.map(({ name }) => name);
const fresh = () => `restored ${randomUUID()}`;
const quoted = (name: string) => `"${name.replaceAll('"', '""')}"`;

/** It rejects as said, and neither a manifest nor, where that is wanted, any object came of it. */
async function refuses(
  over: Parameters<DumpScene['dump']>[0],
  failure: new (...args: never[]) => Failure,
  message: RegExp,
  { untouched = false } = {},
): Promise<Failure> {
  const [committed, objects] = [await scene.committed(), await keys()];
  const error = await scene.dump(over).then(
    () => assert.fail('it took a dump'),
    (thrown: Failure) => thrown,
  );
  assert.ok(error instanceof failure, `${error.name}: ${error.message}`);
  assert.match(error.message, message);
  assert.deepEqual(await scene.committed(), committed);
  if (untouched) assert.deepEqual(await keys(), objects);
  return error;
}

const keys = async () => (await Array.fromAsync(scene.store.list(dumpsFolder('orders')))).map(({ key }) => key);

/** Calls `act` once, when some bytes of a database have come. */
function duringDump(act: () => Promise<unknown> | unknown): Pick<DumpWork, 'onProgress'> & { acted: Promise<unknown> } {
  const acted = Promise.withResolvers<unknown>();
  let done = false;
  return {
    acted: acted.promise,
    onProgress({ phase, doneBytes }: DumpProgress) {
      if (done || phase !== 'databases' || doneBytes < 100_000) return;
      done = true;
      acted.resolve(act());
    },
  };
}

/** The processes that run this program for the scene's server. */
function running(program: string): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        const isIt = readFileSync(`/proc/${pid}/cmdline`, 'utf8').startsWith(`${binDir}/${program}\0`);
        return isIt && readFileSync(`/proc/${pid}/environ`, 'utf8').includes(`PGHOST=${scene.server.home}\0`);
      } catch {
        return false; // it has ended
      }
    })
    .map(Number);
}

describe('a dump', () => {
  test('is what pg_restore reads, byte for byte: rows, keys, views and large objects come back', async () => {
    const manifest = await scene.dump({ partBytes: 1 << 20 });
    const shop = manifest.databases.find(({ name }) => name === 'shop')!;
    assert.ok(shop.parts.length > 4, `${shop.parts.length} parts`);
    const archive = await scene.archive(manifest, 'shop');
    assert.equal(archive.length, shop.rawBytes);
    assert.equal(sha256(archive), shop.sha256);
    assert.equal(archive.subarray(0, 5).toString(), 'PGDMP');
    const into = fresh();
    await scene.restore(archive, into);
    const asked = [
      `select count(*) || md5(string_agg(filler, ',' order by id)) from noise`,
      'select count(*) from half',
      `select count(*) from pg_index where indrelid = 'noise'::regclass and indisprimary`,
      'select md5(string_agg(data, null order by pageno)) from pg_largeobject',
    ];
    for (const sql of asked) {
      assert.equal(
        await scene.server.value(sql, { database: into }),
        await scene.server.value(sql, { database: 'shop' }),
      );
    }
  });

  test('says what it is of, who took it and how large it is', async () => {
    const manifest = await scene.dump({ databases: ['shop', 'empty'], requestedBy: 'somebody', execution: 'arn:x' });
    assert.deepEqual(namesOf(manifest), ['shop', 'empty']);
    const [shop] = manifest.databases;
    assert.deepEqual([shop!.owner, shop!.encoding, shop!.collate, shop!.ctype], ['shop', 'UTF8', 'C', 'C']);
    assert.ok(shop!.sizeBytes > 7e6 && Date.parse(shop!.finishedAt) >= Date.parse(shop!.startedAt));
    assert.deepEqual([manifest.requestedBy, manifest.execution, manifest.kind], ['somebody', 'arn:x', 'dump']);
    assert.match(manifest.client, /^pg_dump \(PostgreSQL\) \d+/);
    assert.match(manifest.server.version, /^\d+/);
    const sizes = (await Array.fromAsync(scene.store.list(`orders/dumps/${manifest.dump}/`)))
      .filter(({ key }) => !key.endsWith('manifest.json'))
      .map(({ size }) => size);
    assert.equal(
      manifest.storedBytes,
      sizes.reduce((sum, size) => sum + size, 0),
    );
    const stored = await scene.store.get(dumpManifestKey('orders', manifest.dump));
    assert.deepEqual(JSON.parse(Buffer.concat(await Array.fromAsync(stored.body)).toString()), manifest);
    const entry = (await readDumpCatalog(scene.store, 'orders')).dumps.find(({ dump }) => dump === manifest.dump);
    assert.deepEqual([entry?.state, entry?.databases], ['committed', ['shop', 'empty']]);
    assert.deepEqual(scene.warnings, []);
  });

  test('has all databases that take connections and are no templates, by name', async () => {
    await scene.server.query('create database closed allow_connections false');
    await scene.server.query('create database model is_template true');
    try {
      assert.deepEqual(
        namesOf(await scene.dump()).filter((name) => !name.startsWith('restored')),
        ['empty', 'postgres', 'shop'],
      );
      assert.deepEqual(namesOf(await scene.dump({ databases: ['model'] })), ['model']);
    } finally {
      await scene.server.query('drop database closed');
      await scene.server.query('alter database model is_template false');
      await scene.server.query('drop database model');
    }
  });

  test('has roles with their passwords and tablespaces as SQL', async () => {
    const manifest = await scene.dump({ databases: ['empty'] });
    const sql = (await scene.raw(manifest, manifest.globals)).toString();
    assert.match(sql, /CREATE ROLE shop;/);
    assert.match(sql, /ALTER ROLE shop .* PASSWORD 'SCRAM-SHA-256\$/);
    assert.equal(manifest.globals.passwords, true);
  });

  test('takes any name for a database, and puts it into no key', async () => {
    const names = ['two words', '"', "it's", 'a/b', '../up', 'größe 数据', 'a=b', 'postgresql://x', '%2F', "\\'", '-f'];
    for (const name of names) {
      await scene.server.query(`create database ${quoted(name)}`);
      await scene.server.query(`create table here as select 1 as one`, { database: name });
    }
    try {
      const manifest = await scene.dump({ databases: names });
      assert.deepEqual(namesOf(manifest), names);
      for (const [place, name] of names.entries()) {
        const into = fresh();
        await scene.restore(await scene.archive(manifest, name), into);
        assert.equal(await scene.server.value('select one from here', { database: into }), '1', name);
        assert.deepEqual(
          manifest.databases[place]!.parts.map((part) => part.name),
          [`${String(place).padStart(4, '0')}.dump.000000`],
        );
      }
      const stored = (await keys()).filter((key) => key.includes(manifest.dump));
      assert.ok(
        stored.every((key) => /^orders\/dumps\/[\w-]+\/(\d{4}\.dump\.\d{6}|globals\.sql|manifest\.json)$/.test(key)),
      );
    } finally {
      for (const name of names) await scene.server.query(`drop database ${quoted(name)}`);
    }
  });

  test('connects to any name, too', async () => {
    const database = 'host=nowhere';
    await scene.server.query(`create database ${quoted(database)}`);
    const connection = { ...scene.server.connection, database };
    assert.deepEqual(namesOf(await scene.dump({ databases: ['empty'], connection })), ['empty']);
    await scene.server.query(`drop database ${quoted(database)}`);
  });

  test('of definitions alone has no rows, and says so in its id', async () => {
    const manifest = await scene.dump({ databases: ['shop'], schemaOnly: true });
    assert.equal(manifest.kind, 'schema');
    assert.match(manifest.dump, /Z-schema$/);
    const archive = await scene.archive(manifest, 'shop');
    assert.ok(archive.length < 100_000);
    const into = fresh();
    await scene.restore(archive, into);
    assert.equal(await scene.server.value('select count(*) from noise', { database: into }), '0');
  });

  test('is taken whatever timeouts its role and the database have', async () => {
    await scene.server.query('create role hasty superuser login');
    await scene.server.query('create database hasty');
    await scene.server.query(
      `alter role hasty set statement_timeout to '1ms'; alter role hasty set lock_timeout to '1ms';
       alter database hasty set statement_timeout to '1ms'`,
    );
    assert.deepEqual(namesOf(await scene.dump({ databases: ['hasty'], user: 'hasty' })), ['hasty']);
    await scene.server.query('drop database hasty');
  });

  test('of an empty database is one that can be restored', async () => {
    const manifest = await scene.dump({ databases: ['empty'] });
    await scene.restore(await scene.archive(manifest, 'empty'), fresh());
  });

  test('is stored in clear where the plan says so', async () => {
    const manifest = await scene.dump({ databases: ['shop'], keyRing: undefined });
    assert.equal(manifest.encryption, null);
    assert.equal(sha256(await scene.archive(manifest, 'shop')), manifest.databases[0]!.sha256);
  });

  test('is the same whatever the level, lanes and parts', async () => {
    const lists = [];
    for (const [level, lanes, partBytes] of [
      [1, 1, 1 << 20],
      [3, 3, 2 << 20],
    ] as const) {
      const manifest = await scene.dump({ databases: ['shop'], level, lanes, partBytes });
      const archive = await scene.archive(manifest, 'shop');
      lists.push((await runProgram('pg_restore', ['--list'], undefined, archive)).replace(/^;.*\n/gm, ''));
    }
    assert.equal(lists[0], lists[1]);
  });

  test('may move its parts to colder classes, and nothing else', async () => {
    const tagged = new Map<string, unknown>();
    const store = withPut(scene.store, (next) => (key, body, options) => {
      tagged.set(key.replace(/^.*\//, ''), options?.tags);
      return next(key, body, options);
    });
    await scene.dump({ databases: ['empty'], store });
    assert.deepEqual(tagged.get('0000.dump.000000'), coldTags);
    assert.equal(tagged.get('globals.sql'), undefined);
    assert.equal(tagged.get('manifest.json'), undefined);
  });
});

describe('a role that may not read everything', () => {
  before(async () => {
    await scene.server.query(
      `create role reader login; grant pg_read_all_data to reader; create role nobody_yet login;
       create role keeper login`,
    );
  });

  test('has no passwords of roles in its dump, which says so', async () => {
    await scene.server.query('create database plain owner keeper');
    const manifest = await scene.dump({ databases: ['plain'], user: 'keeper' });
    assert.equal(manifest.globals.passwords, false);
    assert.doesNotMatch((await scene.raw(manifest, manifest.globals)).toString(), /PASSWORD|SCRAM/);
    assert.match(scene.warnings.join('\n'), /without their passwords/);
    await scene.server.query('drop database plain');
  });

  test('is told what pg_dump leaves out', async () => {
    await scene.server.query('create database follower');
    await scene.server.query(
      `create subscription news connection 'host=nowhere' publication news with (connect = false, slot_name = none)`,
      { database: 'follower' },
    );
    await scene.dump({ databases: ['follower'], user: 'reader' });
    assert.match(scene.warnings.join('\n'), /pg_dump of "follower": .*subscriptions not dumped/);
    await scene.server.query('drop subscription news', { database: 'follower' });
    await scene.server.query('drop database follower');
  });

  test('is told which table, sequence or large object is the first one before anything is stored', async () => {
    const over = { databases: ['shop'], user: 'nobody_yet' };
    const error = await refuses(over, ServerUnsuitable, /nobody_yet may not read .*noise.*"shop"/, { untouched: true });
    assert.match(error.hint!, /GRANT pg_read_all_data TO nobody_yet/);
    await refuses({ ...over, user: 'reader' }, ServerUnsuitable, /reader may not read large object \d+/, {
      untouched: true,
    });
  });

  test('is told of a table whose rows a policy hides', async () => {
    await scene.server.query('create database secrets');
    await scene.server.query('create table hidden (x int); alter table hidden enable row level security', {
      database: 'secrets',
    });
    const over = { databases: ['secrets'], user: 'reader' };
    const error = await refuses(over, ServerUnsuitable, /all rows of public\.hidden/, { untouched: true });
    assert.match(error.hint!, /BYPASSRLS/);
    assert.equal((await scene.dump({ ...over, schemaOnly: true })).kind, 'schema');
    await scene.server.query('drop database secrets');
  });

  test('is told which database it may not enter', async () => {
    await scene.server.query('create database private; ');
    await scene.server.query('revoke connect on database private from public');
    const error = await refuses({ user: 'reader' }, ServerUnsuitable, /reader may not connect to database "private"/, {
      untouched: true,
    });
    assert.match(error.hint!, /GRANT CONNECT ON DATABASE private TO reader/);
    await scene.server.query('drop database private');
  });
});

describe('a dump that cannot be', () => {
  test('is refused before anything is stored where a database is not there', async () => {
    const error = await refuses({ databases: ['shop', 'shoq'] }, InputInvalid, /"shoq" is not allowed.*shop/, {
      untouched: true,
    });
    assert.equal(error.subject, 'sources.orders.dump.databases');
    assert.match(error.hint!, /did you mean "shop"/);
  });

  test('is refused before anything is stored where there is no pg_dump, or only older ones', async () => {
    const none = { findPrograms: async () => ({ found: [] }) };
    await refuses(none, ServerUnsuitable, /needs a pg_dump of 15 or newer; there is none here/, { untouched: true });
    const server = await TestServer.create(embeddedInstallation());
    try {
      const over = { connection: server.connection };
      const error = await refuses(over, ServerUnsuitable, /runs PostgreSQL 18.*pg_dump of 18.*newest here is 15/, {
        untouched: true,
      });
      assert.match(error.hint!, /LIFEBOAT_BIN_DIR/);
    } finally {
      await server.remove();
    }
  });

  test('is none where pg_dump is killed', async () => {
    const { acted, ...during } = duringDump(() => {
      for (const pid of running('pg_dump')) process.kill(pid, 'SIGKILL');
    });
    await refuses({ databases: ['shop'], ...during }, BackupIncomplete, /pg_dump of database "shop" ended by SIGKILL/);
    await acted;
  });

  test('is none where somebody keeps a table locked, and says so', async () => {
    const holder = new pg.Client({ ...scene.server.connection, database: 'shop' });
    await holder.connect();
    try {
      await holder.query('begin; lock table noise in access exclusive mode');
      const over = { databases: ['shop'], lockWaitMs: 200 };
      const error = await refuses(over, BackupIncomplete, /statement timeout.*LOCK TABLE public\.noise/);
      assert.match(error.hint!, /locked a table.*pg_locks/);
    } finally {
      await holder.end();
    }
  });

  test('is none where its database is dropped meanwhile, and leaves no program behind', async () => {
    await scene.server.query('create database doomed template shop');
    const { acted, ...during } = duringDump(() => scene.server.query('drop database doomed with (force)'));
    await refuses(
      { databases: ['doomed'], ...during },
      BackupIncomplete,
      /pg_dump of database "doomed" ended with exit code 1/,
    );
    await acted;
    assert.deepEqual([...running('pg_dump'), ...running('pg_restore')], []);
  });

  test('is none where a later database is dropped before its turn', async () => {
    await scene.server.query('create database later');
    const { acted, ...during } = duringDump(() => scene.server.query('drop database later'));
    const paused: Partial<DumpWork> = { databases: ['shop', 'later'], ...during };
    await refuses(paused, Error as never, /later/);
    await acted;
  });

  test('is none where the store fails, and stops pg_dump', async () => {
    const failure = new StoreUnavailable('no answer', { operation: 'put', subject: 'x' });
    for (const wanted of [/globals\.sql$/, /0000\.dump\.000001$/, /manifest\.json$/]) {
      const store = failingStore(scene.store, wanted, failure);
      await refuses({ databases: ['shop'], partBytes: 1 << 20, store }, StoreUnavailable, /no answer/);
      assert.deepEqual(running('pg_dump'), []);
    }
  });

  test('is none where somebody ends it, and stops pg_dump', async () => {
    const controller = new AbortController();
    const { acted, ...during } = duringDump(() =>
      controller.abort(new BackupIncomplete('told to end', { operation: 'x', subject: 'x' })),
    );
    await refuses({ databases: ['shop'], signal: controller.signal, ...during }, BackupIncomplete, /told to end/);
    await acted;
    assert.deepEqual(running('pg_dump'), []);
  });

  test('is none where the server stops', async () => {
    const { acted, ...during } = duringDump(() => scene.server.stop('immediate'));
    await refuses(
      { databases: ['shop'], ...during },
      BackupIncomplete,
      /pg_dump of database "shop" ended with exit code 1/,
    );
    await acted;
    await scene.server.start();
  });

  test('leaves no password file', async () => {
    assert.deepEqual(
      readdirSync(tmpdir()).filter((name) => name.startsWith(`lifeboat-libpq-${process.pid}-`)),
      [],
    );
  });
});
