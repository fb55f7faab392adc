import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, test } from 'node:test';
import { embeddedInstallation, machineInstallation, serverAccount } from '#harness/postgres-installations';
import { makeServerFolder, TestServer } from '#harness/postgres-server';
import {
  assertNoCluster,
  assertRefused,
  newFolder,
  newServer,
  onceOver,
  restoreArgs,
  standing,
  Vessel,
} from './bad-scene.ts';

/** One backup with a tablespace and WAL after it; a restore that is refused reads and nothing more. */
let server: TestServer;
let space: string;
let vessel: Vessel;
let stored: string[];
let folder: string;

before(async () => {
  server = await newServer(machineInstallation(), { initdb: ['--wal-segsize=1'] });
  space = makeServerFolder(join(server.home, 'space'));
  await server.query(`create tablespace fast location '${space}'`);
  await server.query('create table orders (n int) tablespace fast; insert into orders select generate_series(1, 500)');
  vessel = new Vessel(server);
  await vessel.backup();
  stored = standing(vessel.bucket);
  folder = newFolder();
});

const mapped = (name: string) => ['--tablespace', `${space}=${join(folder, `${name}-space`)}`];
const place = (name: string) => join(folder, name);

async function assertRestoreRefused(args: string[], refusal: Parameters<typeof assertRefused>[1]): Promise<void> {
  const to = place('refused');
  assertRefused(await vessel.restore(to, ...mapped('refused'), ...args), refusal);
  assert.deepEqual([existsSync(to), existsSync(`${to}-space`)], [false, false], 'nothing was made');
  assert.deepEqual(standing(vessel.bucket), stored);
}

describe('a target', () => {
  const reachable =
    /what can be restored: \d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+\+00(, the end of \d{8}T\d{9}Z-full \(--backup | to .*, from \d{8}T\d{9}Z-full\))/;
  const future = new Date(Date.now() + 86_400_000).toISOString();

  for (const [what, args, message] of [
    [
      'before the first backup',
      ['--time', '2020-01-01 00:00:00Z'],
      /cannot be restored to time 2020-01-01 .* is before the end of the first usable backup/,
    ],
    ['after the end', ['--time', future], /is beyond the WAL that is stored, which ends at \d{4}-/],
    ['by LSN before the first backup', ['--lsn', '0/100'], /lsn 0\/100 is before the end of the first usable backup/],
    ['by LSN after the end', ['--lsn', 'FF/0'], /lsn FF\/0 is beyond the WAL that is stored, which ends at 0\//],
    ['that is no transaction in the WAL', ['--xid', '4000000'], /transaction 4000000 is not in the WAL that is stored/],
    [
      'that is no restore point in the WAL',
      ['--name', 'before lunch'],
      /restore point "before lunch" is not in the WAL/,
    ],
    ['on a timeline that is not stored', ['--timeline', '7'], /no WAL of timeline 7 is stored, only of 1/],
  ] as const) {
    test(`${what} is out of reach, and what is reachable is named`, async () => {
      await assertRestoreRefused([...args], { exitCode: 3, message, hint: reachable });
    });
  }

  for (const [what, args, message, hint] of [
    [
      'without a zone',
      ['--time', '2026-11-20 05:13:45'],
      /target time: "2026-11-20 05:13:45" is not allowed/,
      /which zone .*"2026-11-20 05:13:45Z"/,
    ],
    [
      'on a day that is not',
      ['--time', '2026-02-30 00:00:00Z'],
      /target time: "2026-02-30 00:00:00Z" is not allowed/,
      /no such instant/,
    ],
    [
      'at an hour that is not',
      ['--time', '2026-02-20 25:00:00Z'],
      /target time: "2026-02-20 25:00:00Z"/,
      /no such instant/,
    ],
    ['in words', ['--time', 'yesterday noon'], /target time: "yesterday noon" .*like 2026-11-20 05:13:45Z/, /--help/],
    [
      'twice',
      ['--time', '2026-11-20 05:13:45Z', '--lsn', '0/100'],
      /target: "time and lsn" is not allowed: expected one of time, lsn/,
      /--help/,
    ],
    ['by a malformed LSN', ['--lsn', '0-100'], /target lsn: "0-100" is not allowed/, /--help/],
    ['by a malformed transaction', ['--xid', '2'], /target xid: "2" is not allowed/, /--help/],
    ['exclusive of the latest', ['--exclusive'], /exclusive: "latest" is not allowed/, /--help/],
    [
      'with an unknown action',
      ['--action', 'explode'],
      /target action: "explode" .*promote, pause, shutdown/,
      /--help/,
    ],
    [
      'from a backup with a malformed id',
      ['--backup', 'monday'],
      /backup: "monday" is not allowed: expected an id like/,
      /lifeboat backups/,
    ],
  ] as const) {
    test(`given ${what} is refused as an argument`, async () => {
      await assertRestoreRefused([...args], { exitCode: 2, message, hint });
    });
  }

  test('from a backup that there is not is refused with what there is', async () => {
    await assertRestoreRefused(['--backup', '20990101T000000000Z-full'], {
      exitCode: 3,
      message: /20990101T000000000Z-full is no committed backup of orders/,
      hint: reachable,
    });
  });
});

describe('a tablespace', () => {
  for (const [what, mapping, message] of [
    [
      'a location that the backup does not have',
      '/nowhere=/tmp/x',
      /tablespace: "\/nowhere=\/tmp\/x" is not allowed: .*one of the backup's: \d+ \(/,
    ],
    ['an OID that the backup does not have', '99999=/tmp/x', /"99999=\/tmp\/x" is not allowed/],
    ['nothing', 'x', /"x" is not allowed: expected OLD=NEW/],
  ] as const) {
    test(`mapped from ${what} is refused with what there is`, async () => {
      await assertRestoreRefused(['--tablespace', mapping], { exitCode: 2, message, hint: /--help/ });
    });
  }

  test('mapped to a relative place is refused', async () => {
    await assertRestoreRefused(['--tablespace', `${space}=elsewhere`], {
      exitCode: 2,
      message: /NEW an absolute path/,
      hint: /--help/,
    });
  });

  test('mapped into the data directory is refused', async () => {
    const to = place('refused');
    const ended = await vessel.restore(to, '--tablespace', `${space}=${to}`);
    assertRefused(ended, { exitCode: 2, message: /it is the data directory's/, hint: /--help/ });
    assert.ok(!existsSync(to));
  });

  test('that is not mapped does not go over the one that the source uses', async () => {
    const before = standing(space);
    const to = place('refused');
    const ended = await vessel.restore(to);
    assertRefused(ended, {
      exitCode: 2,
      message: /restore directory: ".*space" is not allowed/,
      hint: /--tablespace OLD=NEW/,
    });
    assert.ok(!existsSync(to));
    assert.deepEqual(standing(space), before);
  });
});

describe('a place', () => {
  test('that is not empty is refused; --set-aside renames it and loses nothing', async () => {
    const to = makeServerFolder(place('full'));
    writeFileSync(join(to, 'precious'), 'gold');
    mkdirSync(join(to, 'sub'));
    writeFileSync(join(to, 'sub', 'more'), 'silver');
    const before = standing(to);
    const refused = await vessel.restore(to, ...mapped('full'));
    assertRefused(refused, {
      exitCode: 2,
      message: /restore directory: ".*full" is not allowed: expected a missing or empty directory/,
      hint: /--to.*--set-aside/,
    });
    assert.deepEqual(standing(to), before);
    assert.ok(!existsSync(`${to}-space`));

    const ended = await vessel.restore(to, ...mapped('full'), '--set-aside');
    assert.equal(ended.exitCode, 0, ended.stderr);
    const aside = readdirSync(folder).filter((name) => name.startsWith('full.set-aside-'));
    assert.equal(aside.length, 1);
    assert.match(ended.stdout, new RegExp(`set aside +${join(folder, aside[0]!)}`));
    assert.deepEqual(standing(join(folder, aside[0]!)), before);
    const restored = TestServer.adopt(machineInstallation(), to);
    onceOver(() => restored.remove());
    await restored.start();
    assert.equal(await restored.value('select count(*) from orders'), '500');
  });

  test('with a running server is refused, also with --set-aside', async () => {
    const running = await newServer(machineInstallation());
    await running.query('create table kept as select 1 as n');
    for (const args of [[], ['--set-aside']]) {
      const ended = await vessel.restore(running.dataDir, ...mapped('running'), ...args);
      assertRefused(ended, { exitCode: 2, message: /one without a running server/, hint: /stop the server first/ });
    }
    assert.equal(await running.value('select n from kept'), '1');
    assert.ok(!existsSync(place('running-space')));
    assert.deepEqual(
      readdirSync(running.home).filter((name) => name.includes('set-aside')),
      [],
    );
  });

  test('that is a file is refused', async () => {
    const to = place('file');
    writeFileSync(to, 'a file');
    const ended = await vessel.restore(to, ...mapped('file'));
    assertRefused(ended, { exitCode: 2, message: /restore directory: ".*file" is not allowed/, hint: /--to/ });
    assert.equal(readFileSync(to, 'utf8'), 'a file');
    const below = await vessel.restore(join(to, 'below'), ...mapped('file'));
    assertRefused(below, { exitCode: 2, message: /restore directory: ".*file\/below" is not allowed/, hint: /--to/ });
    assert.ok(!existsSync(place('file-space')));
  });

  test('is left alone when the server on this machine has another major version', async () => {
    const to = place('refused');
    const ended = await vessel.restore(to, ...mapped('refused'), '--bin-dir', embeddedInstallation().binDir);
    assertRefused(ended, {
      exitCode: 3,
      message: /has PostgreSQL 18, the backup needs 15/,
      hint: /--bin-dir.*--no-start/,
    });
    const none = await vessel.restore(to, ...mapped('refused'), '--bin-dir', folder);
    assertRefused(none, {
      exitCode: 3,
      message: /has PostgreSQL \(none\), the backup needs 15/,
      hint: /--bin-dir.*--no-start/,
    });
    assertNoCluster(to);
    assert.ok(!existsSync(to));
  });

  test('is left alone when who shall run the server does not exist', {
    skip: !serverAccount && 'not root',
  }, async () => {
    const to = place('refused');
    const args = ['restore', '--to', to, ...mapped('refused'), '--run-as'];
    assertRefused(await vessel.run([...args, 'nemo']), {
      exitCode: 2,
      message: /--run-as: "nemo" is not allowed: expected a user of this machine/,
      hint: /--run-as USER/,
    });
    assertRefused(await vessel.run([...args, 'root']), {
      exitCode: 2,
      message: /--run-as: "root" is not allowed: .*not root/,
      hint: /./,
    });
    assert.ok(!existsSync(to));
  });

  test('is left alone when the account that runs the server may not read the key', {
    skip: !serverAccount && 'not root',
  }, async () => {
    const copy = vessel.copy();
    const { spawnSync } = await import('node:child_process');
    spawnSync('chown', ['root', copy.keyFile]);
    const to = place('refused');
    const ended = await copy.run(restoreArgs(to, ...mapped('refused')));
    assertRefused(ended, {
      exitCode: 3,
      message: /WAL cannot be fetched the way the restored server would: .*lifeboat\.key/,
      hint: /must be readable for user id/,
    });
    assert.ok(!existsSync(to));
  });

  test('without room is left alone', async (t) => {
    const { spawnSync } = await import('node:child_process');
    const small = makeServerFolder(place('small'));
    const mount = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=4m,mode=0777', 'tmpfs', small], { encoding: 'utf8' });
    if (mount.status !== 0) return t.skip(`a small disk cannot be mounted here: ${mount.stderr}`);
    onceOver(() => spawnSync('umount', [small]));
    const to = join(small, 'data');
    assertRefused(await vessel.restore(to, ...mapped('small')), {
      exitCode: 3,
      message: /bytes are needed, \d+ are free/,
      hint: /make room/,
    });
    assert.ok(!existsSync(to));
  });
});
