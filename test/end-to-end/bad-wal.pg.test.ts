import assert from 'node:assert/strict';
import { copyFileSync, existsSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { before, describe, test } from 'node:test';
import { machineInstallation } from '#harness/postgres-installations';
import { TestServer } from '#harness/postgres-server';
import type { Ended } from '#harness/run-lifeboat';
import { assertClean, assertRefused, newServer, onceOver, until, Vessel } from './bad-scene.ts';

/** A backup, then WAL in segments with rows in each, and a last segment of which only chunks are stored. */
let server: TestServer;
let vessel: Vessel;
let backup: string;
/** complete segments after the backup's own, oldest first: their keys */
let segments: string[];
/** keys of the chunks of the last segment */
let chunks: string[];
/** WAL position and row count before the gap that the tests make */
let beforeGap: { lsn: string; rows: string; segment: string };
let end: string;

before(async () => {
  server = await newServer(machineInstallation(), { initdb: ['--wal-segsize=1'] });
  await server.query('create table orders (n int, filler text)');
  vessel = new Vessel(server);
  const receiver = vessel.start(['receive-wal']);
  let told = '';
  receiver.child.stderr!.on('data', (text) => {
    told += text;
  });
  await until('the receiver receives', () => told.includes('receiving from'));
  backup = await vessel.backup();
  await insert(1200);
  beforeGap = {
    lsn: await server.value('select pg_current_wal_flush_lsn()'),
    rows: await server.value('select count(*) from orders'),
    segment: await server.value('select pg_walfile_name(pg_current_wal_flush_lsn())'),
  };
  await insert(4000);
  await server.query('select pg_switch_wal()');
  await until('segments are stored', () => wal().length >= 5);
  await insert(3);
  end = await server.value('select pg_current_wal_flush_lsn()');
  await server.untilReceived();
  receiver.child.kill('SIGTERM');
  assert.equal((await receiver.ended).exitCode, 0, told);
  vessel.giveToServer();
  segments = wal().filter((key) => /[0-9A-F]{24}%$/.test(key) && basename(key) > beforeGap.segment);
  chunks = wal().filter((key) => /[0-9A-F]{24}\.[0-9A-F]{8}-/.test(key));
  assert.ok(segments.length >= 3 && chunks.length >= 1, wal().join('\n'));
});

const insert = (rows: number) =>
  server.query(`insert into orders select g, repeat('x', 900) from generate_series(1, ${rows}) g`);

const wal = (of = vessel) => of.objects().filter((key) => key.startsWith('orders/wal/'));

const nameOf = (key: string) => basename(key).replace('%', '');

/** As restore_command runs it in the data directory. */
function fetchWal(of: Vessel, key: string): Promise<Ended> {
  const to = join(of.folder, 'fetched');
  return of.run(['wal-fetch', nameOf(key).slice(0, 24), to, '--no-prefetch'], { cwd: server.dataDir });
}

async function assertNotFetched(of: Vessel, key: string, message: RegExp): Promise<void> {
  assertRefused(await fetchWal(of, key), { exitCode: 255, message, hint: /./ });
  assert.ok(!existsSync(join(of.folder, 'fetched')));
}

describe('a segment that is missing', () => {
  let gapped: Vessel;
  let missing: string;

  before(() => {
    gapped = vessel.copy();
    const key = segments.at(-2)!;
    missing = nameOf(key);
    rmSync(gapped.path(key));
  });

  test('is shown by window, which ends there', async () => {
    const { exitCode, stdout } = await gapped.run(['window', '--json']);
    assert.equal(exitCode, 0);
    const [window, ...others] = JSON.parse(stdout).windows;
    assert.deepEqual([window.gap, others], [missing, []]);
    assert.ok(new Date(window.from) <= new Date(window.to), stdout);
    assert.match((await gapped.run(['window'])).stdout, new RegExp(`segment ${missing} is missing`));
  });

  test('makes every target after it unreachable, before anything is touched, and names what is reachable', async () => {
    const to = join(gapped.folder, 'restored');
    const reachable = new RegExp(`what can be restored: .*${backup}`);
    for (const target of [[], ['--lsn', end], ['--time', new Date().toISOString()]]) {
      assertRefused(await gapped.restore(to, ...target), {
        exitCode: 3,
        message: new RegExp(`segment ${missing} is missing, though later WAL is stored`),
        hint: reachable,
      });
    }
    assert.ok(!existsSync(to));
  });

  test('ends restore_command with 255, and with 1 where the target comes before it', async () => {
    await assertNotFetched(gapped, missing, new RegExp(`${missing} is not stored from .*, and WAL does not end there`));
    const until = ['--until', beforeGap.lsn];
    const ended = await gapped.run(['wal-fetch', missing, join(gapped.folder, 'fetched'), ...until], {
      cwd: server.dataDir,
    });
    assert.equal(ended.exitCode, 1);
  });

  test('does not keep a target before it from being reached, with all rows up to there', async () => {
    const to = join(gapped.folder, 'before');
    const ended = await gapped.restore(to, '--lsn', beforeGap.lsn);
    assert.equal(ended.exitCode, 0, ended.stderr);
    const restored = TestServer.adopt(machineInstallation(), to);
    onceOver(() => restored.remove());
    await restored.start();
    assert.equal(await restored.value('select count(*) from orders'), beforeGap.rows);
  });

  test('is closed by the next backup, which begins a window of its own', async () => {
    const copy = gapped.copy();
    const next = await copy.backup();
    const { stdout } = await copy.run(['window', '--json']);
    const windows = JSON.parse(stdout).windows;
    assert.deepEqual(
      windows.map(({ gap, backups }: { gap: string | null; backups: string[] }) => [gap, backups]),
      [
        [missing, [backup]],
        [null, [next]],
      ],
    );
    assert.equal((await copy.restore(join(copy.folder, 'restored'), '--no-start')).exitCode, 0);
  });
});

describe('a segment that is not what its key says', () => {
  test('since it is of another cluster, is not replayed: restore says which, and the server stays in recovery', async () => {
    const foreign = await foreignSegment();
    const copy = vessel.copy();
    const key = segments.at(-2)!;
    copyFileSync(foreign, copy.path(key));
    copy.giveToServer();
    await assertNotFetched(copy, key, new RegExp(`${key.replace('%', '')} says it is .*expected wal`));
    const to = join(copy.folder, 'restored');
    const ended = await copy.restore(to);
    assertRefused(ended, { exitCode: 3, message: new RegExp(nameOf(key)), hint: /--set-aside/ });
    assert.ok(existsSync(join(to, 'recovery.signal')), 'it would go on, and stop, at the same place');
    const before = await copy.restore(join(copy.folder, 'before'), '--lsn', beforeGap.lsn, '--no-start');
    assert.equal(before.exitCode, 0, before.stderr);
  });

  for (const [what, spoil] of [
    [
      'another segment of the same cluster',
      (copy: Vessel, key: string) => copyFileSync(copy.path(segments[0]!), copy.path(key)),
    ],
    ['cut', (copy: Vessel, key: string) => truncateSync(copy.path(key), readFileSync(copy.path(key)).length >> 1)],
    ['empty', (copy: Vessel, key: string) => truncateSync(copy.path(key), 0)],
    ['flipped in one bit', (copy: Vessel, key: string) => flip(copy.path(key))],
  ] as const) {
    test(`since it is ${what}, ends restore_command with 255`, async () => {
      const copy = vessel.copy();
      spoil(copy, segments[1]!);
      await assertNotFetched(copy, segments[1]!, new RegExp(segments[1]!.replace('%', '')));
      await assertRestoredBefore(copy);
    });
  }

  test('and that a backup needs, is found by verify and makes the backup unusable', async () => {
    const copy = vessel.copy();
    const manifest = JSON.parse(readFileSync(copy.path(`orders/backups/${backup}/manifest.json`), 'utf8'));
    const needed = await server.value(`select pg_walfile_name('${manifest.stop.lsn}')`);
    const key = wal(copy).find((each) => nameOf(each) === needed)!;
    flip(copy.path(key));
    const verified = await copy.run(['verify']);
    assertClean(verified);
    assert.equal(verified.exitCode, 6);
    assert.match(verified.stdout, new RegExp(`${key.replace('%', '')}.*\\n +take a new full backup now`));
    const to = join(copy.folder, 'restored');
    const ended = await copy.restore(to);
    assertRefused(ended, { exitCode: 3, message: new RegExp(needed), hint: /another backup/ });
    assert.ok(!existsSync(to));
  });
});

describe('the last WAL', () => {
  for (const [what, spoil] of [
    ['cut', (copy: Vessel, key: string) => truncateSync(copy.path(key), readFileSync(copy.path(key)).length >> 1)],
    ['flipped in one bit', (copy: Vessel, key: string) => flip(copy.path(key))],
    ["another chunk's", (copy: Vessel, key: string) => copyFileSync(copy.path(segments[0]!), copy.path(key))],
  ] as const) {
    test(`when it is ${what}, is refused where it is needed, and restores before it work`, async () => {
      const copy = vessel.copy();
      const key = chunks.at(-1)!;
      spoil(copy, key);
      await assertNotFetched(copy, key, new RegExp(key));
      await assertRestoredBefore(copy);
      const to = join(copy.folder, 'latest');
      const ended = await copy.restore(to);
      const segment = nameOf(key).slice(0, 24);
      assertRefused(ended, {
        exitCode: 3,
        message: new RegExp(`segment ${segment} is damaged: .*${key}`),
        hint: /what can be restored/,
      });
      assert.match((await copy.run(['window'])).stdout, new RegExp(`segment ${segment} is damaged`));
      assert.ok(!existsSync(join(to, 'global', 'pg_control')));
    });
  }
});

/** Laid down and not replayed: what matters here is that nothing refuses. */
async function assertRestoredBefore(copy: Vessel): Promise<void> {
  const to = join(copy.folder, 'laid-down');
  const ended = await copy.restore(to, '--lsn', beforeGap.lsn, '--no-start');
  assert.equal(ended.exitCode, 0, ended.stderr);
  assert.ok(existsSync(join(to, 'global', 'pg_control')));
}

/** A segment of another cluster, with another key, stored by the same program. */
async function foreignSegment(): Promise<string> {
  const other = await newServer(machineInstallation(), { initdb: ['--wal-segsize=1'] });
  const theirs = new Vessel(other);
  await theirs.backup();
  return theirs.path(wal(theirs).at(-1)!);
}

function flip(path: string): void {
  const bytes = readFileSync(path);
  bytes[bytes.length >> 1] = bytes[bytes.length >> 1]! ^ 1;
  writeFileSync(path, bytes);
}
