import assert from 'node:assert/strict';
import { readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, afterEach, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { embeddedInstallation, serverAccount } from '#harness/postgres-installations';
import { serverFolder } from '#harness/postgres-server';
import { assertFailed } from '#harness/run-task';
import type { DumpManifest } from '#model/dump-manifest';
import { damage, ProveScene, tablespaceFolder } from './prove-scene.ts';

let scene: ProveScene;
let space: string;
let manifest: DumpManifest;
/** of a server that needs what not every machine has */
const newer = { LIFEBOAT_BIN_DIR: embeddedInstallation().binDir };

before(async () => {
  scene = await ProveScene.create();
  const { server } = scene.dumps;
  space = tablespaceFolder();
  await server.query(`create tablespace "else where" location '${space}'`);
  await server.query('create role shop login');
  await server.query(`create role "Odd ""one" login password 'not told' in role shop`);
  await server.query(`comment on role shop is E'a\\nCREATE ROLE postgres;\\n''; ALTER ROLE nobody'`);
  await server.query(`alter role shop set search_path to 'nowhere'`);
  await server.query(`create database shop owner shop`);
  await server.query(`create database "a=b 'c" owner "Odd ""one"`);
  await server.query(
    `create table noise tablespace "else where" as select i as id, md5(i::text) || md5((-i)::text) as filler from generate_series(1, 60000) i;
     alter table noise add primary key (id);
     create materialized view half as select * from noise where id % 2 = 0`,
    { database: 'shop' },
  );
  // what a role is told must not get into the way of who restores it
  await server.query('alter role postgres set default_transaction_read_only to on');
  manifest = await scene.dumps.dump({ partBytes: 1 << 20 });
  await server.query('begin read write; alter role postgres reset default_transaction_read_only; commit');
});
after(async () => {
  await scene.remove();
  rmSync(space, { recursive: true, force: true });
});
afterEach(() => assert.deepEqual(readdirSync(scene.drills), [], 'a proof leaves nothing'));

const shopPart = (number: number) => {
  const place = manifest.databases.findIndex(({ name }) => name === 'shop');
  return manifest.databases[place]!.parts[number]!.name;
};
const fileOf = (bucket: string, name: string) => {
  const folder = join(bucket, 'orders/dumps', manifest.dump);
  const found = readdirSync(folder).find((one) => one === name || one === `${name}%`);
  assert.ok(found, `${name} in ${readdirSync(folder)}`);
  return join(folder, found);
};

describe('the task prove-dump', () => {
  test('reads a dump back: every byte of it', async () => {
    const result = await scene.prove({ dump: manifest.dump, restore: false });
    assert.deepEqual([result.verdict, result.ok, result.restored, result.failure], ['verified', true, false, null]);
    assert.equal(result.rawBytes, manifest.rawBytes);
    assert.deepEqual(result.databases, []);
  });

  test('restores it with roles, tablespaces and all databases, and asks the checks of those that are in it', async () => {
    const planPath = scene.planWithChecks(
      'asked',
      { database: 'shop', name: 'rows', query: 'select count(*) from noise', expect: 60000 },
      {
        database: 'shop',
        query:
          "select spcname from pg_tablespace join pg_class on reltablespace = pg_tablespace.oid where relname = 'noise'",
        expect: 'else where',
      },
      {
        database: 'shop',
        query: "select pg_get_userbyid(datdba) from pg_database where datname = 'shop'",
        expect: 'shop',
      },
      { database: "a=b 'c", query: `select pg_has_role('Odd "one', 'shop', 'usage')`, expect: true },
      {
        database: "a=b 'c",
        query: "select rolpassword like 'SCRAM%' from pg_authid where rolname like 'Odd%'",
        expect: true,
      },
      { database: 'not dumped', query: 'select 1', expect: 2 },
    );
    const before = readdirSync(space, { recursive: true }).length;
    const result = await scene.prove({ dump: manifest.dump }, { planPath });
    assert.deepEqual(
      result.checks.map(({ ok, detail }) => [ok, detail]).filter(([ok]) => !ok),
      [],
    );
    assert.equal(result.checks.length, 5);
    assert.deepEqual([result.verdict, result.restored, result.failure], ['proven', true, null]);
    assert.deepEqual(
      result.databases.map(({ name, tables }) => `${name} ${tables}`),
      ["a=b 'c 0", 'postgres 0', 'shop 1'],
    );
    assert.equal(result.rawBytes, manifest.rawBytes);
    assert.equal(readdirSync(space, { recursive: true }).length, before, "the source's own tablespace is not touched");
    assert.deepEqual(scene.serversThere(), []);
  });

  test('restores it into a newer version', async () => {
    const result = await scene.prove({ dump: manifest.dump }, { env: newer });
    assert.deepEqual([result.verdict, result.failure], ['proven', null]);
  });

  test('restores definitions without asking for rows', async () => {
    const { dump } = await scene.dumps.dump({ schemaOnly: true });
    const planPath = scene.planWithChecks('rows', { database: 'shop', query: 'select count(*) from noise', expect: 1 });
    const result = await scene.prove({ dump }, { planPath });
    assert.deepEqual([result.verdict, result.checks.length], ['proven', 0]);
    assert.equal(result.databases.at(-1)!.tables, 1);
  });

  test('restores a template, where one was dumped', async () => {
    const { dump } = await scene.dumps.dump({ databases: ['template1'] });
    const result = await scene.prove({ dump });
    assert.deepEqual([result.verdict, result.databases[0]!.name], ['proven', 'template1'], JSON.stringify(result));
  });

  test('makes a database with the collation and the encoding that it had', async () => {
    const { server } = scene.dumps;
    await server.query("create database sorted locale_provider icu icu_locale 'de' template template0");
    await server.query("create database narrow encoding 'LATIN1' template template0");
    const { dump, databases } = await scene.dumps.dump({ databases: ['sorted', 'narrow'] });
    assert.deepEqual(databases[0]!.locale, { provider: 'icu', name: 'de' });
    const facts =
      "select datlocprovider::text || coalesce(daticulocale, '') || encoding from pg_database where datname =";
    const planPath = scene.planWithChecks(
      'sorted',
      { database: 'sorted', query: `${facts} 'sorted'`, expect: 'ide6' },
      { database: 'narrow', query: `${facts} 'narrow'`, expect: 'c8' },
    );
    const result = await scene.prove({ dump }, { planPath });
    assert.deepEqual([result.verdict, result.checks.length], ['proven', 2], JSON.stringify(result));
  });

  test('is not done twice', async () => {
    const first = await scene.prove({ dump: manifest.dump, restore: false }, { execution: 'twice' });
    assert.deepEqual(await scene.prove({ dump: manifest.dump, restore: false }, { execution: 'twice' }), first);
  });
});

describe('a dump is broken', () => {
  const flaws: [what: string, spoil: (bucket: string) => void, failure: RegExp][] = [
    [
      'a byte of a part is another',
      (bucket) => damage(fileOf(bucket, shopPart(2))),
      /ObjectDamaged .*\.dump\.000002 has/,
    ],
    [
      'a byte of the globals is another',
      (bucket) => damage(fileOf(bucket, 'globals.sql')),
      /ObjectDamaged .*globals\.sql has/,
    ],
    [
      'two parts are swapped',
      (bucket) => {
        const [one, other] = [fileOf(bucket, shopPart(1)), fileOf(bucket, shopPart(2))];
        renameSync(one, `${one}.aside`);
        renameSync(other, one);
        renameSync(`${one}.aside`, other);
      },
      /ObjectDamaged .*says it is .* dump \d 2, expected .* dump \d 1/,
    ],
    ['a part is gone', (bucket) => rmSync(fileOf(bucket, shopPart(1))), /ObjectMissing .*\.dump\.000001/],
    [
      'its manifest is no JSON',
      (bucket) => writeFileSync(fileOf(bucket, 'manifest.json'), '{'),
      /ObjectDamaged .*manifest/,
    ],
    [
      'its manifest says another digest of the archive, and everything else is right',
      (bucket) => {
        const path = fileOf(bucket, 'manifest.json');
        const { sha256 } = manifest.databases.find(({ name }) => name === 'shop')!;
        writeFileSync(path, readFileSync(path, 'utf8').replace(sha256, 'f'.repeat(64)));
      },
      /ObjectDamaged the archive of database shop .* expected \d+ and f{64}/,
    ],
  ];
  for (const [what, spoil, failure] of flaws) {
    test(`when ${what}, whether it is restored or read`, async () => {
      const copy = scene.copy();
      spoil(copy.bucket);
      for (const restore of [false, true]) {
        const result = await scene.prove({ dump: manifest.dump, restore }, copy);
        assert.deepEqual([result.verdict, result.ok, result.restored], ['broken', false, false]);
        assert.match(`${result.failure?.name} ${result.failure?.message}`, failure);
      }
    });
  }

  test('when its manifest is that of another dump', async () => {
    const other = await scene.dumps.dump({ databases: ['postgres'] });
    const copy = scene.copy();
    const from = join(copy.bucket, 'orders/dumps', other.dump, 'manifest.json');
    writeFileSync(fileOf(copy.bucket, 'manifest.json'), readFileSync(from));
    const result = await scene.prove({ dump: manifest.dump }, copy);
    assert.match(`${result.verdict} ${result.failure?.message}`, /^broken .* is the manifest of orders\//);
  });

  test('when a check is answered wrongly, and the answer is told', async () => {
    const planPath = scene.planWithChecks('wrong', {
      database: 'shop',
      name: 'rows',
      query: 'select count(*) from noise',
      expect: 7,
    });
    const result = await scene.prove({ dump: manifest.dump }, { planPath });
    assert.deepEqual([result.verdict, result.failure, result.restored], ['broken', null, true]);
    assert.match(result.checks[0]!.detail, /60000.*7/);
  });

  test('when PostgreSQL refuses what is in it', async () => {
    const { server } = scene.dumps;
    await server.query('create database inward');
    await server.query(
      `create table zz(i int); create function count_zz() returns bigint language sql as 'select count(*) from zz';
       create table aa(i int check (count_zz() >= 0)); insert into aa values (1)`,
      { database: 'inward' },
    );
    const { dump } = await scene.dumps.dump({ databases: ['shop', 'inward'] });
    const result = await scene.prove({ dump });
    assert.deepEqual([result.verdict, result.restored], ['broken', false]);
    assert.match(
      result.failure!.message,
      /^database inward cannot be restored: pg_restore: error: .*"zz" does not exist/,
    );
    assert.deepEqual(
      result.databases.map(({ name }) => name),
      ['shop'],
    );
    const readBack = await scene.prove({ dump, restore: false });
    assert.equal(readBack.verdict, 'verified');
  });
});

describe('a proof that says nothing about the dump', () => {
  test('fails where an extension is not installed', async () => {
    const { server } = scene.dumps;
    await server.query('create database extended');
    await server.query('create extension adminpack', { database: 'extended' }); // none of 17 and newer
    const { dump } = await scene.dumps.dump({ databases: ['extended'] });
    const ended = await scene.run({ dump }, { env: newer });
    assertFailed(ended, 3, 'RestoreFailed', /^the dump could not be restored here: .*extension.*adminpack/);
    assert.equal((await scene.prove({ dump })).verdict, 'proven');
  });

  test('is broken all the same where a byte after that is another', async () => {
    const { dump, databases } = await scene.dumps.dump({ databases: ['extended', 'shop'] });
    const copy = scene.copy();
    const folder = join(copy.bucket, 'orders/dumps', dump);
    const last = readdirSync(folder).find((name) => name.startsWith(databases[0]!.parts.at(-1)!.name))!;
    damage(join(folder, last));
    const result = await scene.prove({ dump }, { ...copy, env: newer });
    assert.deepEqual([result.verdict, result.failure?.name], ['broken', 'ObjectDamaged']);
  });

  test('fails without the key, and with another one', async () => {
    const none = scene.planWith('no-key', (plan) => plan.replace(/keyFile: \S+/, 'keyFile: /nowhere/key'));
    assertFailed(await scene.run({ dump: manifest.dump }, { planPath: none }), 8, 'KeyUnusable', /does not exist/);
    const clear = scene.planWith('clear', (plan) => plan.replace(/^encryption: .*$/m, 'encryption: none'));
    assertFailed(await scene.run({ dump: manifest.dump }, { planPath: clear }), 8, 'KeyUnusable', /is encrypted/);
    const key = join(scene.dumps.folder, 'other-key');
    writeFileSync(key, `lifeboat-key-1:${Buffer.alloc(32, 7).toString('base64')}\n`, { mode: 0o600 });
    const other = scene.planWith('other-key', (plan) => plan.replace(/keyFile: \S+/, `keyFile: ${key} `));
    for (const restore of [true, false]) {
      const ended = await scene.run({ dump: manifest.dump, restore }, { planPath: other });
      assertFailed(ended, 8, 'KeyUnusable', /was encrypted with key/);
    }
  });

  test('fails where its folder cannot be made, and for an account that does not exist', async () => {
    const file = join(scene.dumps.folder, 'file');
    writeFileSync(file, '');
    const ended = await scene.run({ dump: manifest.dump }, { env: { LIFEBOAT_DRILL_DIR: file } });
    assertFailed(ended, 3, 'RestoreFailed', /cannot be made for a drill/);
    if (!serverAccount) return;
    const nobody = await scene.run({ dump: manifest.dump }, { env: { LIFEBOAT_RUN_AS: 'no-such-user' } });
    assertFailed(nobody, 2, 'InputInvalid', /^LIFEBOAT_RUN_AS/);
  });

  const wrong: [what: string, input: object, message: RegExp][] = [
    ['a dump that is none', { dump: '20200101T000000000Z-dump' }, /^dump: "20200101T000000000Z-dump" .*committed dump/],
    ['an id that is none', { dump: 'newest' }, /^dump: "newest"/],
    [
      'a source that is not in the plan',
      { source: 'order', dump: '20200101T000000000Z-dump' },
      /^source: "order" .*orders/,
    ],
    [
      'nothing about restoring',
      { dump: '20200101T000000000Z-dump', restore: undefined },
      /^restore: nothing .*true or false/,
    ],
    ['a field that is unknown', { dump: '20200101T000000000Z-dump', restores: true }, /^restores: /],
  ];
  for (const [what, input, message] of wrong) {
    test(`refuses ${what}`, async () => assertFailed(await scene.run(input), 2, 'InputInvalid', message));
  }
});

describe('a proof that is ended', () => {
  const slowPlan = () => scene.planWithChecks('slow', { database: 'shop', query: 'select pg_sleep(3600)', expect: '' });
  const ready = /"restore"|restore begins/;

  /** Its server is there, and asked what takes an hour. */
  async function untilAsked(): Promise<void> {
    for (;;) {
      const folder = join(scene.drills, readdirSync(scene.drills)[0] ?? '', 'data');
      const asked = scene.serversThere().some((pid) => {
        try {
          return /SELECT|select/.test(readFileSync(`/proc/${pid}/cmdline`, 'utf8'));
        } catch {
          return false; // it has ended
        }
      });
      if (asked) return;
      assert.ok(folder);
      await sleep(50);
    }
  }

  test('by SIGTERM leaves no folder and no server', async () => {
    const own = serverFolder('lifeboat-tmp-');
    const { child, ended, said } = scene.start({ dump: manifest.dump }, { planPath: slowPlan(), env: { TMPDIR: own } });
    await said(ready);
    await untilAsked();
    child.kill('SIGTERM');
    assertFailed(await ended, 130, 'Aborted', /interrupted by SIGTERM|stopped/);
    assert.deepEqual(scene.serversThere(), []);
    assert.deepEqual(
      readdirSync(own).filter((name) => name.startsWith('lifeboat-')),
      [],
    );
    rmSync(own, { recursive: true });
  });

  test('says nothing about the dump when its server is killed', async () => {
    const { ended, said } = scene.start({ dump: manifest.dump }, { planPath: slowPlan() });
    await said(ready);
    await untilAsked();
    const folder = join(scene.drills, readdirSync(scene.drills)[0]!, 'data/postmaster.pid');
    process.kill(Number(readFileSync(folder, 'utf8').split('\n')[0]), 'SIGKILL');
    assertFailed(await ended, 3, 'RestoreFailed', /throw-away server was killed/);
    assert.deepEqual(scene.serversThere(), []);
  });

  test('by kill -9 is cleared up by the next one, its server too', async () => {
    const { child, ended, said } = scene.start({ dump: manifest.dump }, { planPath: slowPlan(), execution: 'killed' });
    await said(ready);
    await untilAsked();
    child.kill('SIGKILL');
    assert.equal((await ended).signal, 'SIGKILL');
    assert.deepEqual(readdirSync(scene.drills), ['killed-prove-dump']);
    assert.ok(scene.serversThere().length > 0, 'its server lives on');
    const next = await scene.run({ dump: manifest.dump }, { execution: 'killed' });
    assert.equal(next.result?.verdict, 'proven', JSON.stringify(next));
    assert.deepEqual(scene.serversThere(), []);
    assert.match(JSON.stringify(next.log), /removed what a drill left.*killed-prove-dump/);
  });
});
