import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, afterEach, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { embeddedInstallation, machineInstallation, serverAccount } from '#harness/postgres-installations';
import { serverFolder } from '#harness/postgres-server';
import { ProtectedSource } from '#harness/protected-source';
import { assertFailed, assertWorked, type TaskEnd, TaskRunner } from '#harness/run-task';
import { type DrillResult, drillResultSchema } from '#model/task-result';

const installation = embeddedInstallation();
const cleanups: (() => unknown)[] = [];
let source: ProtectedSource;
let drills: string;
let full: string;
let incremental: string;

before(async () => {
  source = await ProtectedSource.create(installation);
  cleanups.push(() => source.remove());
  const { server } = source;
  drills = serverFolder('lifeboat-drills-');
  cleanups.push(() => rmSync(drills, { recursive: true, force: true }));
  const space = serverFolder('lifeboat-space-');
  cleanups.push(() => rmSync(space, { recursive: true, force: true }));
  await server.query(`create tablespace elsewhere location '${space}'`);
  await server.query('create table rows tablespace elsewhere as select generate_series(1, 50000) as n');
  await server.query('create extension amcheck');
  const receiver = await source.receive();
  full = (await source.backup('full')).manifest.backup;
  await server.query('delete from rows where n > 40000');
  incremental = (await source.backup('incr')).manifest.backup;
  for (let i = 0; i < 3; i++)
    await server.query('insert into rows select generate_series(1, 5000); select pg_switch_wal()');
  await server.query('insert into rows select generate_series(40001, 45000)');
  await receiver.hasStored();
  await receiver.end();
  source.giveToServer();
});
after(async () => {
  for (const cleanup of cleanups.reverse()) await cleanup();
});
afterEach(() => assert.deepEqual(readdirSync(drills), [], 'a drill leaves nothing'));

let count = 0;
type Over = { env?: Record<string, string | undefined>; planPath?: string; bucket?: string; execution?: string };

/** A drill in an execution of its own. */
function start(input: object | string, { env, planPath, bucket, execution = `drill-${++count}` }: Over = {}) {
  const place = { planPath: planPath ?? source.planPath, bucket: bucket ?? source.bucket, env: source.environment };
  const given = typeof input === 'string' ? input : { source: 'orders', requestedBy: 'test', ...input };
  return new TaskRunner(place).start('drill', {
    input: given,
    execution,
    env: {
      LIFEBOAT_DRILL_DIR: drills,
      LIFEBOAT_BIN_DIR: installation.binDir,
      LIFEBOAT_RUN_AS: serverAccount ? 'nobody' : undefined,
      ...env,
    },
  });
}

const drill = (input: object | string, over?: Over): Promise<TaskEnd> => start(input, over).ended;

const resultOf = (ended: TaskEnd): DrillResult => drillResultSchema.parse(assertWorked(ended));

/** The source's plan with other words in it. */
function planWith(name: string, change: (plan: string) => string): string {
  const path = join(source.folder, `${name}.yml`);
  writeFileSync(path, change(readFileSync(source.planPath, 'utf8')));
  source.giveToServer();
  return path;
}

/** A copy of the bucket, to be damaged. */
function copyOfBucket(): { bucket: string; planPath: string } {
  const bucket = join(source.folder, `bucket-${++count}`);
  spawnSync('cp', ['-a', source.bucket, bucket]);
  return { bucket, planPath: planWith(`copy-${count}`, (plan) => plan.replace(/^bucket: .*$/m, `bucket: ${bucket}`)) };
}

function damage(path: string): void {
  const bytes = readFileSync(path);
  bytes[bytes.length - 40]! ^= 0xff;
  writeFileSync(path, bytes);
}

/** Paths of stored WAL, in order. */
const walOf = (bucket: string): string[] =>
  spawnSync('find', [join(bucket, 'orders/wal'), '-type', 'f'], { encoding: 'utf8' })
    .stdout.trim()
    .split('\n')
    .sort();

/** Processes that work in a drill's folder. */
const serversThere = (): string[] =>
  readdirSync('/proc').filter((pid) => {
    const { stdout } = spawnSync('readlink', [`/proc/${pid}/cwd`], { encoding: 'utf8' });
    return /^\d+$/.test(pid) && stdout.startsWith(drills);
  });

/** What fetches WAL ahead looks once a second whether it is still wanted. */
async function untilNobodyIsThere(): Promise<void> {
  for (let waitedMs = 0; serversThere().length > 0; waitedMs += 50) {
    assert.ok(waitedMs < 5_000, `processes stay: ${serversThere()}`);
    await sleep(50);
  }
}

describe('the task drill', () => {
  test('proves a full backup to its own end', async () => {
    const result = resultOf(await drill({ backup: full }));
    assert.equal(result.verdict, 'proven');
    assert.equal(result.ok, true);
    assert.equal(result.failure, null);
    assert.deepEqual(result.chain, [full]);
    assert.equal(result.backup, full);
    assert.match(result.target, /backup's end/);
    assert.ok(result.reached && result.walBytes >= 0);
    assert.ok(result.checks.length >= 5 && result.checks.every(({ ok }) => ok));
    const { files, replay, checks } = result.durationsMs;
    assert.ok(files > 0 && replay > 0 && checks > 0);
    const tookMs = Date.parse(result.finishedAt) - Date.parse(result.startedAt);
    assert.ok(files + replay + checks <= tookMs);
  });

  test('proves the latest point from the chain that leads to it, and is not done twice', async () => {
    const result = resultOf(await drill({ target: {} }, { execution: 'twice' }));
    assert.deepEqual([result.verdict, ...result.chain], ['proven', full, incremental]);
    assert.ok(result.walBytes > 3 * (16 << 20), String(result.walBytes));
    assert.ok(result.rawBytes > 20e6);
    const again = await drill({ target: {} }, { execution: 'twice' });
    assert.deepEqual(resultOf(again), result);
    assert.match(String(again.log.at(-1)!.message), /result is there already/);
  });

  test('finds that a part is damaged', async () => {
    const copy = copyOfBucket();
    damage(join(copy.bucket, `orders/backups/${incremental}/base.tar.000000`));
    const result = resultOf(await drill({ backup: incremental }, copy));
    assert.equal(result.verdict, 'broken');
    assert.equal(result.ok, false);
    assert.equal(result.failure?.name, 'ObjectDamaged');
    assert.match(result.failure.message, /base\.tar\.000000/);
    assert.equal(result.reached, null);
    assert.ok(result.durationsMs.files > 0);
    assert.equal(result.durationsMs.replay, 0);
  });

  test('finds that a part of the parent is gone', async () => {
    const copy = copyOfBucket();
    rmSync(join(copy.bucket, `orders/backups/${full}/base.tar.000000`));
    const result = resultOf(await drill({ backup: incremental }, copy));
    assert.deepEqual([result.verdict, result.failure?.name], ['broken', 'ObjectMissing']);
  });

  test('finds that the manifest is damaged, or the parent is no backup any more', async () => {
    const damaged = copyOfBucket();
    writeFileSync(join(damaged.bucket, `orders/backups/${full}/manifest.json`), '{}');
    const own = resultOf(await drill({ backup: full }, damaged));
    assert.deepEqual([own.verdict, own.failure?.name, own.backup], ['broken', 'ObjectDamaged', full]);
    assert.deepEqual([own.planHash, own.chain], [null, [full]]);
    const orphan = copyOfBucket();
    rmSync(join(orphan.bucket, `orders/backups/${full}`), { recursive: true });
    rmSync(join(orphan.bucket, 'catalog'), { recursive: true });
    const child = resultOf(await drill({ backup: incremental }, orphan));
    assert.deepEqual([child.verdict, child.failure?.name], ['broken', 'TargetUnreachable']);
  });

  test('finds that WAL which the backup itself needs is gone', async () => {
    const copy = copyOfBucket();
    for (const path of walOf(copy.bucket)) rmSync(path);
    const result = resultOf(await drill({ backup: full }, copy));
    assert.deepEqual([result.verdict, result.failure?.name], ['broken', 'TargetUnreachable']);
  });

  test('finds that WAL on the way is damaged, which only the replay meets', async () => {
    const copy = copyOfBucket();
    const wal = walOf(copy.bucket);
    damage(wal.findLast((path) => /\/[0-9A-F]{24}%$/.test(path))!);
    const ended = await drill({ target: {} }, copy);
    const result = resultOf(ended);
    assert.deepEqual([result.verdict, result.failure?.name], ['broken', 'ObjectDamaged'], JSON.stringify(ended.log));
    assert.ok(result.durationsMs.replay > 0);
  });

  test('finds that a check is answered wrongly, and tells the answer', async () => {
    const planPath = planWith(
      'check',
      (plan) =>
        `${plan.replace(/ \}\s*$/, '')}, checks: [{ name: rows, query: "select count(*) from rows", expect: 7 }] }\n`,
    );
    const result = resultOf(await drill({ target: {} }, { planPath }));
    assert.deepEqual([result.verdict, result.failure], ['broken', null]);
    const wrong = result.checks.filter(({ ok }) => !ok);
    assert.deepEqual(
      wrong.map(({ check }) => check),
      ['query rows'],
    );
    assert.match(wrong[0]!.detail, /60000.*7/);
    assert.ok(result.reached);
  });
});

describe('a drill that says nothing about the backup', () => {
  test('fails where there is no room for the files', async (t) => {
    const small = smallDisk('8m');
    if (typeof small === 'string') return t.skip(small);
    const ended = await drill({ backup: full }, { env: { LIFEBOAT_DRILL_DIR: small.folder } });
    assertFailed(ended, 3, 'RestoreFailed', /bytes are needed, \d+ are free/);
    assert.deepEqual(readdirSync(small.folder), []);
  });

  test('fails where the disk fills up while WAL is replayed', async (t) => {
    const small = smallDisk('70m');
    if (typeof small === 'string') return t.skip(small);
    const ended = await drill({ target: {} }, { env: { LIFEBOAT_DRILL_DIR: small.folder } });
    assertFailed(ended, 3, 'RestoreFailed', /^the drill could not be carried out: .*(No space left|ENOSPC)/i);
    assert.deepEqual(readdirSync(small.folder), []);
  });

  test('fails without server programs of the right version', async () => {
    const other = machineInstallation();
    assertFailed(
      await drill({ backup: full }, { env: { LIFEBOAT_BIN_DIR: other.binDir } }),
      3,
      'RestoreFailed',
      /needs 18/,
    );
    const none = await drill({ backup: full }, { env: { LIFEBOAT_BIN_DIR: undefined, PATH: '/usr/bin:/bin' } });
    assertFailed(none, 3, 'RestoreFailed', /no server of PostgreSQL 18/);
  });

  test('fails for an account that does not exist', async () => {
    const ended = await drill({ backup: full }, { env: { LIFEBOAT_RUN_AS: 'no-such-user' } });
    assertFailed(ended, 2, 'InputInvalid', /^LIFEBOAT_RUN_AS: "no-such-user"/);
  });

  test('fails where its folder cannot be made', async () => {
    const file = join(source.folder, 'file');
    writeFileSync(file, '');
    const ended = await drill({ backup: full }, { env: { LIFEBOAT_DRILL_DIR: file } });
    assertFailed(ended, 3, 'RestoreFailed', /cannot be made for a drill/);
  });

  test('fails for a target that is not stored, and for a backup that is none', async () => {
    const past = await drill({ target: { time: '2020-01-01 00:00Z' } });
    assertFailed(past, 3, 'TargetUnreachable', /cannot be restored to time 2020/);
    const none = await drill({ backup: '20200101T000000000Z-full' });
    assertFailed(none, 2, 'InputInvalid', /^backup: "20200101T000000000Z-full"/);
  });

  test('fails without the key', async () => {
    const planPath = planWith('no-key', (plan) => plan.replace(/keyFile: \S+/, 'keyFile: /nowhere/key'));
    assertFailed(await drill({ backup: full }, { planPath }), 8, 'KeyUnusable', /does not exist/);
  });

  test('fails on a machine that lacks the locale of the databases', async () => {
    const abroad = await ProtectedSource.create(installation);
    cleanups.push(() => abroad.remove());
    await abroad.server.query(
      "update pg_database set datcollate = 'xx_XX', datctype = 'xx_XX' where datname = 'template1'",
    );
    const { manifest } = await abroad.backup('full');
    abroad.giveToServer();
    const ended = await drill({ backup: manifest.backup }, abroad);
    assertFailed(ended, 3, 'RestoreFailed', /could not be carried out: database locale is incompatible/);
  });

  const wrong: [what: string, input: object | string, message: RegExp][] = [
    ['no source', { source: undefined }, /^source: nothing is not allowed/],
    ['a source that is not in the plan', { source: 'order' }, /^source: "order" .*orders/],
    ['a backup that is no id', { backup: 'newest' }, /^backup: "newest"/],
    ['a target that is a word', { target: 'latest' }, /^target: "latest"/],
    ['two points', { target: { lsn: '0/1', xid: '5' } }, /^target: "lsn and xid"/],
    ['a time without a zone', { target: { time: '2026-01-01 00:00' } }, /^target time: /],
    [
      'two backups',
      { backup: '20200101T000000000Z-full', target: { backup: '20200101T000000001Z-full' } },
      /^target\.backup: /,
    ],
    ['nobody who asks', { requestedBy: undefined }, /^requestedBy: nothing/],
    ['clean that is not true', { clean: 'yes' }, /^clean: "yes" .*true/],
    ['a target to clean', { clean: true, target: {} }, /^target: /],
    ['a field that is unknown', { sources: [] }, /^sources: .*only the fields source, target/],
    ['no object', '"orders"', /^input: "orders" /],
  ];
  for (const [what, input, message] of wrong) {
    test(`refuses ${what}`, async () => assertFailed(await drill(input), 2, 'InputInvalid', message));
  }
});

describe('a drill that is ended', () => {
  /** A check that takes an hour. */
  const slowPlan = () =>
    planWith(
      'slow',
      (plan) => `${plan.replace(/ \}\s*$/, '')}, checks: [{ query: "select pg_sleep(3600)", expect: "" }] }\n`,
    );

  for (const [what, phase] of [
    ['laying down files', /"files begins"/],
    ['replaying', /"replay begins"/],
    ['waiting for the answer to a check', /"checks begins"/],
  ] as const) {
    test(`by SIGTERM while ${what} leaves no folder and no server`, async () => {
      const own = serverFolder('lifeboat-tmp-');
      const { child, ended, said } = start({ target: {} }, { planPath: slowPlan(), env: { TMPDIR: own } });
      await said(phase);
      await sleep(phase.source.includes('checks') ? 500 : 0);
      const begun = performance.now();
      child.kill('SIGTERM');
      assertFailed(await ended, 130, 'Aborted', /interrupted by SIGTERM|stopped/);
      assert.ok(performance.now() - begun < 8_000);
      await untilNobodyIsThere();
      const left = readdirSync(own).filter((name) => name.startsWith('lifeboat-server-'));
      assert.deepEqual(left, []);
      rmSync(own, { recursive: true });
    });
  }

  test('by kill -9 is cleared up by the next one, its server too', async () => {
    const { child, ended, said } = start({ target: {} }, { planPath: slowPlan(), execution: 'killed' });
    await said(/"checks begins"/);
    await sleep(300);
    child.kill('SIGKILL');
    assert.equal((await ended).signal, 'SIGKILL');
    assert.deepEqual(readdirSync(drills), ['killed-drill']);
    assert.ok(serversThere().length > 0, 'its server lives on');
    const next = await drill({ backup: full }, { execution: 'killed' });
    assert.equal(resultOf(next).verdict, 'proven');
    await untilNobodyIsThere();
    assert.match(JSON.stringify(next.log), /removed what a drill left.*killed-drill/);
  });

  test('by kill -9 is cleared up on demand, but not while it lives, nor what is none', async () => {
    const { child, ended, said } = start({ target: {} }, { planPath: slowPlan(), execution: 'living' });
    await said(/"checks begins"/);
    const mine = join(drills, 'mine');
    mkdirSync(mine);
    const clean = { clean: true, requestedBy: undefined };
    assert.deepEqual(assertWorked(await drill(clean)), { removed: [] });
    assert.deepEqual(readdirSync(drills), ['living-drill', 'mine']);
    const second = await drill({ backup: full }, { execution: 'living' });
    assertFailed(second, 3, 'RestoreFailed', /living-drill cannot be made for a drill/);
    child.kill('SIGKILL');
    await ended;
    assert.deepEqual(assertWorked(await drill(clean)), { removed: [join(drills, 'living-drill')] });
    assert.deepEqual(readdirSync(drills), ['mine']);
    await untilNobodyIsThere();
    rmSync(mine, { recursive: true });
  });

  test('by a second signal ends at once', async () => {
    const { child, ended, said } = start({ target: {} }, { planPath: slowPlan() });
    await said(/"files begins"/);
    child.kill('SIGTERM');
    child.kill('SIGINT');
    assert.equal((await ended).exitCode, 130);
    assert.equal((await drill({ clean: true, requestedBy: undefined })).exitCode, 0);
  });
});

/** A file system of that size; why not, where it cannot be mounted. */
function smallDisk(size: string): { folder: string } | string {
  const folder = serverFolder('lifeboat-small-');
  chmodSync(folder, 0o755);
  const mount = spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', folder], { encoding: 'utf8' });
  cleanups.push(() => {
    spawnSync('umount', [folder]);
    if (existsSync(folder)) rmSync(folder, { recursive: true, force: true });
  });
  return mount.status === 0 ? { folder } : `a small disk cannot be mounted here: ${mount.stderr}`;
}
