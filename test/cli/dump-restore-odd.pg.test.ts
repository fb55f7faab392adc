import assert from 'node:assert/strict';
import { chownSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { embeddedInstallation, serverAccount } from '#harness/postgres-installations';
import { TestServer } from '#harness/postgres-server';
import { type Ended, runLifeboat, startLifeboat } from '#harness/run-lifeboat';
import type { DumpManifest } from '#model/dump-manifest';
import { ProveScene, tablespaceFolder } from '../tasks/prove-scene.ts';

let scene: ProveScene;
let server: TestServer;
let other: TestServer;
let manifest: DumpManifest;

/** A database in which everything is that stands in somebody's way: names, settings, traps. */
before(async () => {
  scene = await ProveScene.create();
  server = scene.dumps.server;
  other = await TestServer.create(embeddedInstallation());
  const space = tablespaceFolder();
  if (serverAccount) chownSync(space, serverAccount.uid, serverAccount.gid);
  await server.query(`create tablespace fast location '${space}'`);
  await server.query('create role mia');
  await server.query(`create database odd owner mia encoding 'LATIN1' template template0`);
  await server.query(
    `create table "größe" (id int primary key, t text); insert into "größe" values (1, 'übel'), (2, null);
     create table spaced (i int) tablespace fast; insert into spaced values (1);
     create subscription sub connection 'host=/nowhere password=topsecret' publication p
       with (connect = false, slot_name = 'slot_of_the_source');
     comment on database odd is 'größe ü';
     create schema trap; create table trap.caught (who text);
     grant usage on schema trap to public; grant all on trap.caught to public;
     create function trap.snap() returns boolean language plpgsql as
       $$ begin insert into trap.caught values (current_user); return true; end $$;
     create function trap.has_schema_privilege(oid, text) returns boolean language sql as 'select trap.snap()';
     create function trap.has_table_privilege(oid, text) returns boolean language sql as 'select trap.snap()';
     create function trap.format(text, name, name) returns text language sql as $$ select '"größe"' from trap.snap() $$;`,
    { database: 'odd' },
  );
  await server.query(
    `alter database odd set statement_timeout to '1ms'; alter database odd set default_transaction_read_only to on;
     alter database odd set search_path to trap, pg_catalog, public; revoke connect on database odd from public`,
  );
  manifest = await scene.dumps.dump({ databases: ['odd'] });
});
after(async () => {
  await other.remove();
  await scene.remove();
});

const restore = (...args: string[]): Promise<Ended> =>
  runLifeboat(['dump-restore', manifest.dump, '--database', 'odd', ...args, '--plan', scene.planPath]);
const databases = async (on = server): Promise<string[]> =>
  (await on.query('select datname from pg_database order by 1')).map(({ datname }) => String(datname));

/** Without the timeout that the database has. */
async function asked(database: string, sql: string): Promise<string> {
  const client = new pg.Client({ ...server.connection, database, options: '-c statement_timeout=0' });
  await client.connect();
  try {
    return (await client.query<{ found: string }>(sql)).rows[0]!.found;
  } finally {
    await client.end();
  }
}

const usual = ['postgres', 'template0', 'template1'];

describe('an odd database', () => {
  test('does not make its settings those of our questions, nor its functions what they call', async () => {
    const caught = await asked('odd', 'select count(*)::text as found from trap.caught');
    assert.equal(caught, '0');
    const proof = await scene.prove({ dump: manifest.dump });
    assert.deepEqual([proof.verdict, proof.failure], ['proven', null]);
  });

  test('comes back with its encoding, its settings and its comment, and counted', async () => {
    const ended = await restore('--as', 'again', '--json');
    assert.equal(ended.exitCode, 0, ended.stderr);
    assert.deepEqual(JSON.parse(ended.stdout).tables, [
      { table: 'public.größe', rows: 2 },
      { table: 'public.spaced', rows: 1 },
      { table: 'trap.caught', rows: 0 },
    ]);
    const facts = `select pg_encoding_to_char(encoding) || (select setconfig from pg_db_role_setting where setdatabase = d.oid)::text
      || encode(convert_to(shobj_description(d.oid, 'pg_database'), 'UTF8'), 'hex') as found from pg_database d where datname = 'again'`;
    const hex = Buffer.from('größe ü').toString('hex');
    const settings = '{statement_timeout=1ms,default_transaction_read_only=on,"search_path=trap, pg_catalog, public"}';
    assert.equal(await asked('again', facts), `LATIN1${settings}${hex}`);
  });

  test('comes back with a subscription that has no slot and is off, which is told', async () => {
    const ended = await restore('--as', 'subscribed');
    assert.equal(ended.exitCode, 0, ended.stderr);
    assert.match(ended.stderr, /WARNING: subscription sub is there, switched off and without its slot/);
    assert.deepEqual(
      await server.query(`select subenabled::text as on, subslotname as slot from pg_subscription s join pg_database d
        on d.oid = subdbid where datname = 'subscribed'`),
      [{ on: 'false', slot: null }],
    );
  });

  test('gives a table by its name, whatever its letters are in', async () => {
    const ended = await restore('--as', 'lettered', '--table', 'public.größe', '--json');
    assert.equal(ended.exitCode, 0, ended.stderr);
    assert.deepEqual(JSON.parse(ended.stdout).tables, [{ table: 'public.größe', rows: 2 }]);
  });

  test('needs its tablespaces on another server, or none', async () => {
    const into = ['--into', other.home, '--user', 'postgres', '--no-owner', '--as', 'elsewhere'];
    const ended = await restore(...into);
    assert.equal(ended.exitCode, 3);
    assert.match(ended.stderr, /Tablespace "fast" does not exist.*dropped again\nHINT: .*--no-tablespaces/s);
    assert.deepEqual(await databases(other), usual);
    const placed = await restore(...into, '--no-tablespaces');
    assert.equal(placed.exitCode, 0, placed.stderr);
    assert.deepEqual(await databases(other), ['elsewhere', ...usual]);
  });

  test('is dropped again where it cannot be filled, and no statement is shown', async () => {
    const planPath = scene.planWith('mallory', (plan) => plan.replace('user: postgres', 'user: helper'));
    await server.query('create role helper login createdb in role mia');
    const args = [
      'dump-restore',
      manifest.dump,
      '--database',
      'odd',
      '--as',
      'never',
      '--no-owner',
      '--no-tablespaces',
    ];
    const ended = await runLifeboat([...args, '--plan', planPath]);
    assert.equal(ended.exitCode, 3);
    assert.match(ended.stderr, /must be superuser to create subscriptions.*dropped again/s);
    assert.doesNotMatch(ended.stdout + ended.stderr, /topsecret/);
  });

  test('stays under another name when it is whole and somebody has taken its name meanwhile', async () => {
    const before = await databases();
    const late = restore('--as', 'late');
    while ((await databases()).length === before.length) await sleep(10);
    await server.query('create database late');
    const refused = await late;
    assert.equal(refused.exitCode, 3, refused.stdout);
    const [, kept] =
      /stays on .* as database (lifeboat_restoring_\w+), since it could not be called late: /.exec(refused.stderr) ??
      [];
    assert.ok(kept, refused.stderr);
    assert.match(refused.stderr, new RegExp(`HINT: ALTER DATABASE "${kept}" RENAME TO "late"`));
    assert.deepEqual(await databases(), [...before, 'late', kept].sort());
    assert.equal(await server.value('select count(*) from public.spaced', { database: kept }), '1');
  });

  test('has not the name that was asked for when we are killed before it is whole', async () => {
    await server.query('create database slow');
    await server.query(
      `create function late() returns int immutable language sql as 'select 1';
       create table t (i int); insert into t values (1); create index on t ((late()));
       create or replace function late() returns int immutable language sql as 'select 1 from pg_sleep(3600)'`,
      { database: 'slow' },
    );
    const { dump } = await scene.dumps.dump({ databases: ['slow'] });
    const args = ['dump-restore', dump, '--database', 'slow', '--as', 'cut', '--plan', scene.planPath];
    const { child, ended } = startLifeboat(args);
    const sleeping = `select count(*) from pg_stat_activity where datname ~ '^lifeboat_restoring_' and wait_event = 'PgSleep'`;
    while ((await server.value(sleeping)) === '0') await sleep(50);
    child.kill('SIGKILL');
    await ended;
    assert.equal((await databases()).includes('cut'), false);
    await server.query(
      'select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid() and datname is not null',
    );
  });
});
