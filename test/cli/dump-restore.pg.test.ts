import assert from 'node:assert/strict';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { embeddedInstallation, machineInstallation } from '#harness/postgres-installations';
import { TestServer } from '#harness/postgres-server';
import { ReferencePrograms } from '#harness/reference-programs';
import { type Ended, runLifeboat, startLifeboat } from '#harness/run-lifeboat';
import type { DumpManifest } from '#model/dump-manifest';
import { findClientPrograms } from '#runtime/find-program';
import { damage, ProveScene } from '../tasks/prove-scene.ts';

let scene: ProveScene;
let server: TestServer;
let other: TestServer;
let manifest: DumpManifest;

before(async () => {
  scene = await ProveScene.create();
  server = scene.dumps.server;
  other = await TestServer.create(embeddedInstallation());
  await server.query('create role shop login');
  await server.query('create role guest');
  await server.query("create database shop owner shop encoding 'LATIN1' template template0");
  await server.query(
    `set role shop;
     create schema s; grant usage on schema s to guest;
     create type s.mood as enum ('good', 'bad');
     create table s.people (id serial primary key, mood s.mood default 'good', unique (mood, id));
     create sequence s.numbers start 100;
     create function s.stamp() returns trigger language plpgsql as $$ begin new.note := 'seen'; return new; end $$;
     create table s."my table" (id int generated always as identity primary key, number int default nextval('s.numbers'),
       person int references s.people (id), other int, note text check (note <> ''));
     create table s."my" ("table shop" int);
     create table s.others (id int primary key);
     alter table s."my table" add foreign key (other) references s.others (id);
     create index by_note on s."my table" (note, id);
     create trigger stamp before insert on s."my table" for each row execute function s.stamp();
     create statistics s.both on person, note from s."my table";
     create view s.seen as select * from s."my table";
     create table s.days (day int, what text) partition by range (day);
     create table s.days_1 partition of s.days for values from (1) to (10);
     create table s.days_2 partition of s.days for values from (10) to (20);
     create index on s.days (day);
     grant select on s."my table" to guest; comment on index s.by_note is 'a comment';
     alter table s.people enable row level security; create policy all_of_them on s.people using (true);
     insert into s.people select from generate_series(1, 7); insert into s.others values (1);
     insert into s."my table" (person, other) select 1 + i % 7, 1 from generate_series(1, 500) i;
     insert into s.days select i, md5(i::text) from generate_series(1, 19) i;
     create table s.zz as select i, md5(i::text) || md5((-i)::text) as noise from generate_series(1, 80000) i;`,
    { database: 'shop' },
  );
  await server.query(
    `alter database shop set work_mem to '5MB'; alter role guest in database shop set search_path to 's', 'it''s';
     revoke connect on database shop from public; grant connect, temporary on database shop to guest;
     comment on database shop is 'of a shop; alter database shop'; alter database shop connection limit 17`,
  );
  manifest = await scene.dumps.dump({ partBytes: 1 << 20 });
});
after(async () => {
  await other.remove();
  await scene.remove();
});

const lifeboat = (...args: string[]): Promise<Ended> => runLifeboat([...args, '--plan', scene.planPath]);
const restore = (...args: string[]): Promise<Ended> =>
  lifeboat('dump-restore', manifest.dump, '--database', 'shop', ...args);

async function restored(...args: string[]) {
  const ended = await restore(...args, '--json');
  assert.equal(ended.exitCode, 0, ended.stderr + ended.stdout);
  return JSON.parse(ended.stdout);
}

const exists = async (name: string, on = server) =>
  (await on.value(`select count(*) from pg_database where datname = '${name}'`)) === '1';

/** It ended so, said so, and no database of that name was made, or stayed. */
async function assertRefused(ended: Ended, exitCode: number, said: RegExp, name: string, on = server): Promise<void> {
  assert.equal(ended.exitCode, exitCode, ended.stderr);
  assert.match(ended.stderr, said);
  const left = await on.query(`select datname from pg_database where datname ~ '^lifeboat_restoring_'`);
  assert.deepEqual([await exists(name, on), left], [false, []], `${name} is there`);
}

describe('lifeboat dumps', () => {
  test('lists them with their databases', async () => {
    const ended = await lifeboat('dumps');
    assert.match(ended.stdout, new RegExp(`^DUMP .*\n${manifest.dump} +committed +\\S.* postgres, shop\n$`));
    const { dumps } = JSON.parse((await lifeboat('dumps', '--json')).stdout);
    assert.deepEqual(
      [dumps[0].dump, dumps[0].state, dumps[0].databases],
      [manifest.dump, 'committed', ['postgres', 'shop']],
    );
  });

  test('says which are held, also where the variables that name a user are empty', async () => {
    const env = { SUDO_USER: '', USER: '', LOGNAME: '' };
    const hold = (...more: string[]) =>
      runLifeboat(['hold', manifest.dump, ...more, '--plan', scene.planPath], { env });
    const held = await hold('--reason', 'audit');
    assert.equal(held.exitCode, 0, held.stderr);
    assert.match((await lifeboat('dumps')).stdout, new RegExp(`\n${manifest.dump} +committed, held `));
    assert.equal(JSON.parse((await lifeboat('dumps', '--json')).stdout).dumps[0].held, 'audit');
    const released = await hold('--release', '--reason', 'over', '--json');
    assert.match(JSON.parse(released.stdout).by, /./);
    assert.equal(JSON.parse((await lifeboat('dumps', '--json')).stdout).dumps[0].held, null);
  });
});

describe('lifeboat dump-export', () => {
  test('writes the archive as pg_dump made it, to a file for its owner and to standard output', async () => {
    const path = join(scene.dumps.folder, 'shop.dump');
    const ended = await lifeboat('dump-export', manifest.dump, '--database', 'shop', '--to', path, '--json');
    assert.equal(ended.exitCode, 0, ended.stderr);
    const archive = await scene.dumps.archive(manifest, 'shop');
    assert.ok(readFileSync(path).equals(archive));
    assert.equal(statSync(path).mode & 0o777, 0o600);
    assert.equal(JSON.parse(ended.stdout).rawBytes, archive.length);
    const { child, ended: piped } = startLifeboat([
      'dump-export',
      manifest.dump,
      '--database',
      'shop',
      '--to',
      '-',
      '--plan',
      scene.planPath,
    ]);
    const chunks: Buffer[] = [];
    child.stdout!.on('data', (chunk: Buffer) => chunks.push(chunk));
    assert.equal((await piped).exitCode, 0);
    assert.ok(Buffer.concat(chunks).equals(archive));
    const again = await lifeboat('dump-export', manifest.dump, '--database', 'shop', '--to', path);
    assert.equal(again.exitCode, 2);
    assert.match(again.stderr, /a file that does not exist yet/);
  });

  test('writes the globals, and says which databases there are', async () => {
    const ended = await lifeboat('dump-export', manifest.dump, '--globals', '--to', '-');
    assert.match(ended.stdout, /CREATE ROLE shop;/);
    const wrong = await lifeboat('dump-export', manifest.dump, '--database', 'shopp', '--to', '-');
    assert.equal(wrong.exitCode, 2);
    assert.match(wrong.stderr, /"shopp" .*postgres, shop\nHINT: did you mean "shop"\?/);
    const neither = await lifeboat('dump-export', manifest.dump, '--to', '-');
    assert.equal(neither.exitCode, 2);
  });

  test('leaves no file of what is damaged, and a failure behind what went to standard output', async () => {
    const copy = scene.copy();
    const folder = join(copy.bucket, 'orders/dumps', manifest.dump);
    damage(
      join(
        folder,
        readdirSync(folder)
          .filter((name) => name.startsWith('0001.dump'))
          .at(-1)!,
      ),
    );
    const path = join(scene.dumps.folder, 'damaged.dump');
    for (const to of [path, '-']) {
      const ended = await runLifeboat([
        'dump-export',
        manifest.dump,
        '--database',
        'shop',
        '--to',
        to,
        '--plan',
        copy.planPath,
      ]);
      assert.equal(ended.exitCode, 6, ended.stderr);
      assert.match(ended.stderr, /0001\.dump\.\d+ has/);
    }
    assert.equal(existsSync(path), false);
    assert.deepEqual(
      readdirSync(scene.dumps.folder).filter((name) => name.endsWith('.partial')),
      [],
    );
  });
});

describe('lifeboat dump-restore', () => {
  test('makes the database as it was, and counts the rows of each table', async () => {
    const result = await restored('--as', 'again');
    assert.deepEqual(
      result.tables.map(({ table, rows }: { table: string; rows: number }) => `${table} ${rows}`),
      ['s.days_1 9', 's.days_2 10', 's.my 0', 's.my table 500', 's.others 1', 's.people 7', 's.zz 80000'],
    );
    const facts = `select pg_get_userbyid(datdba), pg_encoding_to_char(encoding), datcollate from pg_database where datname =`;
    assert.deepEqual(await server.query(`${facts} 'again'`), await server.query(`${facts} 'shop'`));
    const settings = `select (select string_agg(setrole || setconfig::text, ';' order by setrole) from pg_db_role_setting where setdatabase = d.oid)
      || shobj_description(d.oid, 'pg_database') || datconnlimit || (select string_agg(a::text, ';' order by a::text) from unnest(datacl) a)
      from pg_database d where datname =`;
    const told = await server.value(`${settings} 'shop'`);
    assert.match(told, /work_mem=5MB.*it's.*of a shop.*17.*guest=/s);
    assert.equal(await server.value(`${settings} 'again'`), told);
    const ended = await restore('--as', 'once more');
    assert.match(ended.stdout, /^database once more on .* is shop of .* read in .*\n {2}s\.days_1 +9 rows\n/);
    assert.match(ended.stdout, / {2}s\.others +1 row\n/);
  });

  test('never touches a database that is there', async () => {
    const ended = await restore();
    assert.equal(ended.exitCode, 3);
    assert.match(ended.stderr, /database shop is there already .*nothing was touched\nHINT: .*--as NAME/);
    assert.equal(await server.value('select count(*) from s.people', { database: 'shop' }), '7');
  });

  test('restores a table with all that belongs to it, and tells what leads to another one', async () => {
    const result = await restored('--as', 'single', '--table', 's.my table', '--table', 's.people');
    assert.deepEqual(result.tables, [
      { table: 's.my table', rows: 500 },
      { table: 's.people', rows: 7 },
    ]);
    assert.deepEqual(result.leftOut, ['FK CONSTRAINT s my table my table_other_fkey shop']);
    const asked = [
      `select string_agg(indexdef, ';' order by indexname) from pg_indexes where schemaname = 's' and tablename in ('my table', 'people')`,
      `select string_agg(pg_get_constraintdef(oid), ';' order by conname) from pg_constraint where contype <> 'f' and conrelid::regclass::text in ('s."my table"', 's.people')`,
      `select string_agg(tgname, ';') from pg_trigger where not tgisinternal`,
      `select string_agg(polname, ';') from pg_policy`,
      `select string_agg(stxname, ';') from pg_statistic_ext`,
      `select obj_description('s.by_note'::regclass)`,
      `select relacl::text from pg_class where relname = 'my table'`,
      `select nspacl::text from pg_namespace where nspname = 's'`,
      `select last_value from s.people_id_seq`,
      `select nextval('s.numbers')`,
      `select pg_get_serial_sequence('s.people', 'id')`,
      `select md5(string_agg(t::text, ',' order by id)) from s."my table" t`,
    ];
    for (const sql of asked)
      assert.equal(await server.value(sql, { database: 'single' }), await server.value(sql, { database: 'shop' }), sql);
    const query = `select count(*) from pg_class where relnamespace = 's'::regnamespace and relkind in ('r', 'v', 'p')`;
    assert.equal(await server.value(query, { database: 'single' }), '2', 'and nothing else');
    const keys = `select count(*) from pg_constraint where contype = 'f'`;
    assert.equal(await server.value(keys, { database: 'single' }), '1');
  });

  test('restores a partitioned table with its partitions, and one of them alone', async () => {
    const whole = await restored('--as', 'parts', '--table', 's.days');
    assert.deepEqual(
      whole.tables.map(({ rows }: { rows: number }) => rows),
      [9, 10],
    );
    assert.equal(await server.value('select count(*) from s.days', { database: 'parts' }), '19');
    const one = await restored('--as', 'part', '--table', 's.days_2');
    assert.deepEqual(one.tables, [{ table: 's.days_2', rows: 10 }]);
    assert.equal(await server.value('select count(*) from s.days', { database: 'part' }), '10');
  });

  test('names the nearest table where there is none of that name', async () => {
    await assertRefused(await restore('--as', 'typo', '--table', 's.poeple'), 2, /did you mean "s\.people"\?/, 'typo');
    await assertRefused(await restore('--as', 'typo', '--table', 'others'), 2, /did you mean "s\.others"\?/, 'typo');
  });

  test('into another server needs its roles, or none', async () => {
    const into = ['--into', other.home, '--user', 'postgres', '--as', 'moved'];
    await assertRefused(await restore(...into), 3, /has no role shop.*\nHINT: .*--no-owner/, 'moved', other);
    const result = await restored(...into, '--no-owner');
    assert.equal(result.tables.length, 7);
    assert.equal(
      await other.value(`select pg_get_userbyid(datdba) from pg_database where datname = 'moved'`),
      'postgres',
    );
    await other.query('create role shop');
    const ended = await restore('--into', other.home, '--user', 'postgres', '--as', 'half');
    await assertRefused(
      ended,
      3,
      /role "guest" does not exist.*the database that was made for it is dropped again\nHINT: .*--no-owner/s,
      'half',
      other,
    );
  });

  test('drops what it made when a byte of the archive is another, though pg_restore is content', async () => {
    const copy = scene.copy();
    const path = join(copy.bucket, 'orders/dumps', manifest.dump, 'manifest.json');
    const { sha256 } = manifest.databases.find(({ name }) => name === 'shop')!;
    writeFileSync(path, readFileSync(path, 'utf8').replace(sha256, 'f'.repeat(64)));
    const ended = await runLifeboat([
      'dump-restore',
      manifest.dump,
      '--database',
      'shop',
      '--as',
      'flawed',
      '--plan',
      copy.planPath,
    ]);
    await assertRefused(
      ended,
      6,
      /expected \d+ and f{64}; the database that was made for it is dropped again/,
      'flawed',
    );
  });

  test('drops what it made when it is interrupted, and shows no password to anybody meanwhile', async () => {
    await server.query(`create role "secret one" superuser login password 'wört:\\x'`);
    const hba = join(server.dataDir, 'pg_hba.conf');
    writeFileSync(hba, `local all "secret one" scram-sha-256\n${readFileSync(hba, 'utf8')}`);
    await server.query('select pg_reload_conf()');
    const planPath = scene.planWith('password', (plan) =>
      plan.replace('user: postgres', 'user: "secret one", password: "env:DB_PASSWORD"'),
    );
    const own = mkdtempSync(join(scene.dumps.folder, 'tmp-'));
    const env = { DB_PASSWORD: 'wört:\\x', TMPDIR: own };
    await server.query('create database slow');
    await server.query(
      `create function late() returns int immutable language sql as 'select 1';
       create table t (i int); insert into t values (1); create index on t ((late()));
       create or replace function late() returns int immutable language sql as 'select 1 from pg_sleep(3600)'`,
      { database: 'slow' },
    );
    const { dump } = await scene.dumps.dump({ databases: ['slow'] });
    const args = ['dump-restore', dump, '--database', 'slow', '--as', 'cut', '--plan', planPath];
    const { child, ended } = startLifeboat(args, { env });
    const sleeping = `select count(*) from pg_stat_activity where datname ~ '^lifeboat_restoring_' and wait_event = 'PgSleep'`;
    while ((await server.value(sleeping)) === '0') await sleep(50);
    const restorers = processes('pg_restore').filter(({ environ }) => environ.includes(`PGHOST=${server.home}`));
    assert.equal(restorers.length, 1);
    assert.equal(await exists('cut'), false, 'nobody takes it for what was asked for');
    for (const { cmdline, environ } of restorers) assert.doesNotMatch(`${cmdline}${environ}`, /wört/);
    child.kill('SIGINT');
    await assertRefused(await ended, 130, /the database that was made for it is dropped again/, 'cut');
    assert.deepEqual(readdirSync(own), []);
    const wrong = await runLifeboat([...args, '--as', 'never'], { env: { ...env, DB_PASSWORD: 'wrong' } });
    await assertRefused(wrong, 4, /password authentication failed/, 'never');
    assert.deepEqual(readdirSync(own), []);
  });

  test('by a pg_restore that is too new for the server restores all the same', async () => {
    const binDir = join(scene.dumps.folder, 'programs');
    mkdirSync(binDir);
    ReferencePrograms.get().wrappersIn(binDir, ['pg_dump', 'pg_restore']);
    for (const name of ['pg_dumpall', 'psql'])
      symlinkSync(join(machineInstallation().binDir, name), join(binDir, name));
    const findPrograms = (major: number) => findClientPrograms(major, { LIFEBOAT_BIN_DIR: binDir });
    const { dump, client } = await scene.dumps.dump({ databases: ['shop'], findPrograms });
    assert.match(client, / 18\./);
    const args = ['dump-restore', dump, '--database', 'shop', '--bin-dir', binDir];
    const ended = await lifeboat(...args, '--as', 'by script', '--json');
    assert.equal(ended.exitCode, 0, ended.stderr);
    assert.equal(JSON.parse(ended.stdout).tables.length, 7);
    const rows = `select md5(string_agg(t::text, ',' order by id)) from s."my table" t`;
    assert.equal(await server.value(rows, { database: 'by script' }), await server.value(rows, { database: 'shop' }));
    const table = await lifeboat(...args, '--as', 'by list', '--table', 's.people', '--json');
    assert.deepEqual(JSON.parse(table.stdout).tables, [{ table: 's.people', rows: 7 }]);
    const proof = await scene.prove({ dump }, { env: { LIFEBOAT_BIN_DIR: binDir } });
    assert.deepEqual([proof.verdict, proof.failure], ['proven', null]);

    await server.query('alter role guest rename to visitor');
    const failed = await lifeboat(...args, '--as', 'by half');
    await server.query('alter role visitor rename to guest');
    await assertRefused(failed, 3, /role "guest" does not exist; .*dropped again/s, 'by half');
    const copy = scene.copy();
    const folder = join(copy.bucket, 'orders/dumps', dump);
    damage(join(folder, readdirSync(folder).find((name) => name.startsWith('0000.dump'))!));
    const flawed = await runLifeboat([...args, '--as', 'by flaw', '--plan', copy.planPath]);
    await assertRefused(flawed, 6, /0000\.dump\.000000 has .*dropped again/, 'by flaw');
  });

  const wrong: [what: string, args: string[], said: RegExp][] = [
    ['a port without a host', ['--port', '5433'], /belong to --into/],
    ['two servers', ['--into', '/tmp', '--into-source', 'orders'], /two servers/],
    ['a host without a role', ['--into', '/tmp'], /nobody is named/],
    ['a port that is none', ['--into', '/tmp', '--user', 'x', '--port', 'many'], /--port: "many"/],
    ['a source that is not in the plan', ['--into-source', 'order'], /--into-source: "order"/],
    ['a name that is none', ['--as', ''], /--as: ""/],
    ['a name that is too long', ['--as', 'ü'.repeat(32)], /63 bytes/],
    ['a name that a terminal would obey', ['--as', 'a\u001b[31m'], /control characters/],
  ];
  for (const [what, args, said] of wrong) {
    test(`refuses ${what}`, async () => assertRefused(await restore('--as', 'never', ...args), 2, said, 'never'));
  }
});

/** What runs under this name, as others see it. */
function processes(program: string): { cmdline: string; environ: string }[] {
  return readdirSync('/proc').flatMap((pid) => {
    try {
      const [cmdline, environ] = ['cmdline', 'environ'].map((file) => readFileSync(`/proc/${pid}/${file}`, 'utf8'));
      return cmdline!.split('\0', 1)[0]!.endsWith(`/${program}`) ? [{ cmdline: cmdline!, environ: environ! }] : [];
    } catch {
      return []; // none, or it has ended
    }
  });
}
