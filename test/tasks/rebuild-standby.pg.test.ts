import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  appendFileSync,
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, test } from 'node:test';
import { embeddedInstallation, machineInstallation } from '#harness/postgres-installations';
import type { ReplicatedSite } from '#harness/replicated-site';
import { assertFailed } from '#harness/run-task';
import { RebuildScene } from './rebuild-scene.ts';

/** With pg_rewind; the embedded one has none. */
const installation = machineInstallation();
let scene: RebuildScene;

afterEach(() => scene?.remove());

const begin = async (where = installation) => {
  scene = await RebuildScene.create(where);
  return scene.pair;
};

const isFollowing = async (site: ReplicatedSite, rows: string) => {
  await scene.pair.untilCaughtUp();
  assert.equal(await site.value('select pg_is_in_recovery()'), 't');
  assert.equal(await site.value('select count(*) from rows'), rows);
  assert.ok(!existsSync(`${site.dataDir}.rebuild`), 'nothing is under way any more');
};

describe('the task rebuild-standby', () => {
  test('tells a server that was switched over gently whom to follow, and then finds nothing to do', async () => {
    const { east, west } = await begin();
    await east.query("select pg_create_physical_replication_slot('somebody', true)");
    await east.query("select pg_create_physical_replication_slot('receiver', true)");
    await scene.pair.untilCaughtUp();
    await scene.moveTo(west, east);
    await west.query('insert into rows values (2001)');
    const result = await scene.rebuild('gentle');
    assert.deepEqual(
      { ...result, durationMs: 0, startedAt: '', finishedAt: '' },
      {
        ...{ group: 'shop', site: 'east', as: 'standby', how: 'followed', divergedAt: null, keptAside: null },
        ...{ rawBytes: 0, durationMs: 0, startedAt: '', finishedAt: '' },
      },
    );
    await isFollowing(east, '1001');
    assert.equal(await east.value('select string_agg(slot_name, $$,$$) from pg_replication_slots'), 'somebody');
    const before = east.postmaster();
    assert.doesNotMatch(readFileSync(`/proc/${before}/environ`, 'latin1'), /LIFEBOAT_TASK_FOLDER/);
    assert.equal((await scene.rebuild('again')).how, 'nothing');
    assert.equal(east.postmaster(), before);
  });

  test('rewinds what went another way, and keeps aside what only that server had', async () => {
    const { east, west } = await begin();
    appendFileSync(join(east.dataDir, 'postgresql.conf'), '# of the east\n');
    appendFileSync(join(east.dataDir, 'pg_hba.conf'), '# rules of the east\n');
    writeFileSync(join(east.dataDir, 'server.key'), 'key of the east', { mode: 0o600 });
    appendFileSync(join(west.dataDir, 'pg_hba.conf'), '# rules of the west\n');
    await scene.diverge(
      "insert into rows select -1 from generate_series(1, 10); create table lost as select 'precious' as what",
    );
    await west.query('insert into rows values (2001)');
    const { how, divergedAt, keptAside, rawBytes } = await scene.rebuild('diverged');
    assert.equal(how, 'rewound');
    assert.ok(rawBytes > 0);
    await isFollowing(east, '1001');
    assert.equal(contentOf(east), contentOf(west));
    assert.equal(await east.value('select count(*) from rows where n < 0'), '0');
    assert.match(readFileSync(join(east.dataDir, 'postgresql.conf'), 'utf8'), /# of the east\n/);
    const rules = readFileSync(join(east.dataDir, 'pg_hba.conf'), 'utf8');
    assert.match(rules, /# rules of the east\n/);
    assert.doesNotMatch(rules, /west/);
    assert.equal(readFileSync(join(east.dataDir, 'server.key'), 'utf8'), 'key of the east');
    assert.equal(await east.value('show port'), String(east.port));
    assert.equal(await east.value('show cluster_name'), 'east');
    // a person finds the rows by what the README says
    const command = /^ {4}(pg_waldump.*)$/m.exec(readFileSync(join(keptAside!, 'README'), 'utf8'))![1]!;
    assert.ok(command.includes(divergedAt!));
    const words = command.match(/'[^']*'|\S+/g)!.map((word) => word.replaceAll("'", ''));
    const dumped = spawnSync(join(installation.binDir, words[0]!), words.slice(1), { encoding: 'utf8' });
    assert.equal((dumped.stdout.match(/Heap .*desc: INSERT/g) ?? []).length > 10, true, dumped.stderr);
    const wal = readdirSync(keptAside!).filter((name) => /^[0-9A-F]{24}$/.test(name));
    assert.ok(wal.some((name) => readFileSync(join(keptAside!, name)).includes('precious')));
    assert.ok(existsSync(join(keptAside!, 'pg_control')));
  });

  test('reaches a primary that asks for a password, which stands in no setting and no backup', async () => {
    const { east, west } = await begin();
    await east.query("create role mover superuser replication login password 'very:secret'");
    await scene.pair.untilCaughtUp();
    for (const { dataDir } of scene.pair.sites) {
      const rules = join(dataDir, 'pg_hba.conf');
      const asked = 'local all mover scram-sha-256\nlocal replication mover scram-sha-256\n';
      writeFileSync(rules, asked + readFileSync(rules, 'utf8'));
    }
    await west.query('select pg_reload_conf()');
    writeFileSync(join(scene.folder, 'secret'), 'very:secret', { mode: 0o600 });
    scene.connection = { user: 'mover', password: `file:${join(scene.folder, 'secret')}` };
    await scene.diverge('insert into rows select -1 from generate_series(1, 10)');
    assert.equal((await scene.rebuild('secret')).how, 'rewound');
    await isFollowing(east, '1000');
    const found = spawnSync('grep', ['-rlE', 'very.{0,2}secret', east.dataDir], { encoding: 'utf8' });
    assert.doesNotMatch(found.stdout, /\.conf|pgpass/);
    assert.equal(readFileSync(`${east.dataDir}.pgpass`, 'utf8'), '*:*:*:*:very\\:secret\n');
    assert.equal(statSync(`${east.dataDir}.pgpass`).mode & 0o777, 0o600);
  });

  test('restores from the bucket where pg_rewind is not to be had, and sets aside what was there', async () => {
    const { east, west } = await begin(embeddedInstallation());
    await scene.backup();
    appendFileSync(join(east.dataDir, 'postgresql.conf'), '# of the east\n');
    await scene.diverge('insert into rows select -1 from generate_series(1, 10)');
    await west.query('insert into rows values (2001)');
    const { how, keptAside, divergedAt, rawBytes } = await scene.rebuild('without');
    assert.equal(how, 'restored');
    assert.match(divergedAt!, /^0\//);
    assert.ok(rawBytes > 1_000_000);
    await isFollowing(east, '1001');
    assert.ok(existsSync(join(keptAside!, 'PG_VERSION')) && existsSync(join(keptAside!, 'standby.signal')));
    assert.match(readFileSync(join(east.dataDir, 'postgresql.conf'), 'utf8'), /# of the east\n/);
    assert.equal(await east.value('show port'), String(east.port));
  });

  test('restores where nothing is, with the settings by which the site is asked for', async () => {
    const { east, west } = await begin();
    await scene.backup();
    await scene.moveTo(west, east);
    rmSync(east.dataDir, { recursive: true });
    await scene.backup();
    const { how, keptAside } = await scene.rebuild('absent');
    assert.deepEqual({ how, keptAside }, { how: 'restored', keptAside: null });
    await isFollowing(east, '1000');
  });

  test('says what to do where neither the files nor a backup lead to the primary', async () => {
    const { east, west } = await begin();
    await scene.moveTo(west, east);
    rmSync(east.dataDir, { recursive: true });
    assertFailed(await scene.run('none'), 12, 'RebuildFailed', /no backup leads to it/);
    assert.ok(!existsSync(east.dataDir));
  });

  test('touches nothing where two servers take writes, or none does', async () => {
    const { east, west } = await begin();
    assertFailed(await scene.run('standby'), 12, 'RebuildFailed', /no primary .*west has a standby/);
    await west.query('select pg_promote(true, 60)');
    const pids = [east.postmaster(), west.postmaster()];
    for (const site of ['east', 'west'])
      assertFailed(await scene.run(`two-${site}`, { site }), 12, 'RebuildFailed', /is not fenced, and was not touched/);
    assert.deepEqual([east.postmaster(), west.postmaster()], pids);
    await east.stop();
    assertFailed(await scene.run('unfenced'), 12, 'RebuildFailed', /whoever starts it gets a primary/);
    assert.ok(!existsSync(`${east.dataDir}.rebuild`));
    await west.stop();
    assertFailed(await scene.run('dead'), 12, 'RebuildFailed', /west does not answer/);
  });

  test('restores what an attempt that was killed has left half rewound', async () => {
    const { east } = await begin();
    await scene.backup();
    await scene.diverge('insert into rows select -1 from generate_series(1, 10)');
    scene.binDir = programsThatHang();
    scene.writePlan();
    const first = scene.start('half');
    await first.said(/rewind begins/);
    first.child.kill('SIGKILL');
    await first.ended;
    assert.ok(!existsSync(east.dataDir), 'nobody can start it');
    scene.binDir = undefined;
    scene.writePlan();
    const { how, keptAside } = await scene.rebuild('half');
    assert.equal(how, 'restored');
    assert.match(keptAside!, /\.diverged-/);
    await isFollowing(east, '1000');
  });

  test('keeps aside what diverges today, whatever an attempt of long ago has kept or left', async () => {
    const { east } = await begin();
    const old = `${east.dataDir}.diverged-20200101T000000Z`;
    mkdirSync(old);
    writeFileSync(join(old, 'pg_control'), readFileSync(join(east.dataDir, 'global', 'pg_control')));
    await scene.diverge("create table lost as select 'precious' as what");
    leaveState(east, { phase: 'rewinding', keptAside: old });
    const { how, keptAside } = await scene.rebuild('today');
    assert.equal(how, 'rewound');
    assert.notEqual(keptAside, old);
    const wal = readdirSync(keptAside!).filter((name) => /^[0-9A-F]{24}$/.test(name));
    assert.ok(wal.some((name) => readFileSync(join(keptAside!, name)).includes('precious')));
    await isFollowing(east, '1000');
  });

  test('looks anew at files that were whole once, and a primary since', async () => {
    const { east } = await begin();
    await scene.diverge("create table lost as select 'precious' as what");
    leaveState(east, { phase: 'whole', keptAside: null });
    const { how, keptAside } = await scene.rebuild('since');
    assert.equal(how, 'rewound');
    assert.ok(existsSync(keptAside!));
    await isFollowing(east, '1000');
  });

  test('what streams has nothing under way any more', async () => {
    const { east, west } = await begin();
    await scene.moveTo(west, east);
    assert.equal((await scene.rebuild('first')).how, 'followed');
    leaveState(east, { phase: 'whole', keptAside: null });
    assert.equal((await scene.rebuild('second')).how, 'nothing');
    await isFollowing(east, '1000');
  });

  test('killed again and again comes to the same end, and is never a primary', async () => {
    const { east } = await begin();
    await scene.backup();
    await scene.diverge('insert into rows select -1 from generate_series(1, 10)');
    const moments = [/"begins"/, /settle begins/, /keep aside begins/, /is kept aside/, /rewind begins/];
    for (const moment of [...moments, /is restored from/, /files begins/, /follow begins/]) {
      const { child, ended, said } = scene.start('often');
      await Promise.race([said(moment).catch(() => undefined), ended]);
      child.kill('SIGKILL');
      await ended;
      if (existsSync(east.dataDir)) assert.ok(neverPrimary(east), `${moment}: whoever starts it gets a standby`);
    }
    const { how } = await scene.rebuild('often');
    assert.ok(['nothing', 'rewound', 'restored'].includes(how), how);
    await isFollowing(east, '1000');
    assert.equal(await east.value('select count(*) from rows where n < 0'), '0');
  });
});

/** Of an attempt that nobody came back to. */
function leaveState({ dataDir }: ReplicatedSite, state: { phase: string; keptAside: string | null }): void {
  mkdirSync(`${dataDir}.rebuild`);
  const whole = { how: 'rewound', divergedAt: null, rawBytes: 0, ...state };
  writeFileSync(join(`${dataDir}.rebuild`, 'state.json'), JSON.stringify(whole));
}

/** As pg_dump tells it, without the word that it makes up each time. */
function contentOf({ binDir, connection: { host, port, user, database } }: ReplicatedSite): string {
  const place = ['-h', host, '-p', String(port), '-U', user, database];
  const { status, stdout, stderr } = spawnSync(join(binDir, 'pg_dump'), place, { encoding: 'utf8' });
  assert.equal(status, 0, stderr);
  return stdout.replace(/^\\(?:un)?restrict .*$/gm, '');
}

const neverPrimary = ({ dataDir }: ReplicatedSite): boolean =>
  existsSync(join(dataDir, 'standby.signal')) ||
  existsSync(join(dataDir, 'recovery.signal')) ||
  !existsSync(join(dataDir, 'global', 'pg_control'));

/** pg_rewind begins to change files, and does not come to an end. */
function programsThatHang(): string {
  const folder = join(scene.folder, 'bin');
  mkdirSync(folder);
  for (const name of readdirSync(installation.binDir))
    if (name !== 'pg_rewind') symlinkSync(join(installation.binDir, name), join(folder, name));
  const real = join(installation.binDir, 'pg_rewind');
  writeFileSync(
    join(folder, 'pg_rewind'),
    [
      '#!/bin/sh',
      `case "$*" in *--dry-run*) exec ${real} "$@";; esac`,
      'rm "$2/standby.signal" "$2/postgresql.conf"; rm -r "$2/base/1"',
      'echo "1/100 kB (1%) copied" >&2',
      'exec sleep 100',
      '',
    ].join('\n'),
  );
  chmodSync(join(folder, 'pg_rewind'), 0o755);
  scene.giveToServer();
  return folder;
}
