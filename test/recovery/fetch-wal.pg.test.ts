import assert from 'node:assert/strict';
import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { after, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { ArchivePlan, archiveAll, copyCluster } from '#harness/archiving';
import { type Installation, installations } from '#harness/postgres-installations';
import { TestServer } from '#harness/postgres-server';
import { runLifeboat } from '#harness/run-lifeboat';
import { currentLsn, WalBucket } from '#harness/wal-bucket';
import { formatLsn } from '#model/lsn';
import { isSegmentName } from '#model/wal-segment';
import { receiveWal } from '#tasks/receive-wal';

const cleanups: (() => unknown)[] = [];
after(async () => {
  for (const cleanup of cleanups.reverse()) await cleanup();
});

interface Scene {
  plan: ArchivePlan;
  bucket: WalBucket;
  source: TestServer;
  /** copies of the source from before its rows */
  copies: TestServer[];
}

/** A source with a bucket, copies of it, and then rows in several segments. */
async function scene(installation: Installation, how: 'archived' | 'received', copies: number): Promise<Scene> {
  const plan = new ArchivePlan('encrypted');
  const bucket = await WalBucket.open(plan.bucket, plan.key);
  const archive = { archive_mode: 'on', archive_command: plan.command('wal-push %p') };
  const source = await TestServer.create(installation, {
    initdb: ['--wal-segsize=1'],
    settings: how === 'archived' ? archive : {},
  });
  cleanups.push(() => source.remove());
  await source.query('create table t (n int, filler text)');
  await source.stop();
  const copied = Array.from({ length: copies }, () => copyCluster(source));
  for (const copy of copied) cleanups.push(() => copy.remove());
  await source.start();
  return { plan, bucket, source, copies: copied };
}

const insert = (server: TestServer, rows: number) =>
  server.query(`insert into t select g, repeat('x', 900) from generate_series(1, ${rows}) g`);

function recover(
  copy: TestServer,
  plan: ArchivePlan,
  options: { fetch?: string; settings?: Record<string, string> } = {},
): Promise<void> {
  copy.configure({
    restore_command: plan.command(`wal-fetch ${options.fetch ?? ''} %f %p`),
    archive_mode: 'off',
    max_wal_senders: '10',
    ...options.settings,
  });
  writeFileSync(join(copy.dataDir, 'recovery.signal'), '');
  return copy.start();
}

async function untilPromoted(server: TestServer): Promise<void> {
  while ((await server.value('select pg_is_in_recovery()::text')) === 'true') await sleep(20);
}

/** The segments that were seen waiting in the spool. */
function watchSpool(spool: string): { seen: Set<string>; end(): void } {
  const seen = new Set<string>();
  const timer = setInterval(() => {
    if (existsSync(spool)) for (const name of readdirSync(spool).filter(isSegmentName)) seen.add(name);
  }, 5);
  return { seen, end: () => clearInterval(timer) };
}

describe('restore_command', { concurrency: true }, () => {
  for (const installation of installations()) {
    test(`${installation.name} recovers all rows, and stops at a gap instead of starting without those after it`, async () => {
      const { source, plan, bucket, copies } = await scene(installation, 'archived', 2);
      const [whole, broken] = copies as [TestServer, TestServer];
      await insert(source, 4000);
      const needed = await currentLsn(source);
      await insert(source, 2500);
      await archiveAll(source);

      const spool = join(whole.dataDir, 'pg_wal', 'lifeboat.prefetch');
      const watch = watchSpool(spool);
      try {
        await recover(whole, plan);
        await untilPromoted(whole);
      } finally {
        watch.end();
      }
      assert.equal(await whole.value('select count(*) from t'), '6500');
      assert.ok(watch.seen.size >= 2, `${watch.seen.size} segments were fetched ahead`);
      for (let waitedMs = 0; existsSync(spool) && waitedMs < 5_000; waitedMs += 50) await sleep(50);
      assert.equal(existsSync(spool), false, 'the prefetcher has gone');

      const segments = (await bucket.keys()).filter((key) => isSegmentName(key.split('/').at(-1)!));
      await bucket.store.delete(segments.at(-2)!);
      await assert.rejects(recover(broken, plan, { settings: { hot_standby: 'off' } }), /the server did not start/);
      const log = broken.log.join('\n');
      assert.match(log, /lifeboat: 0{7}1[0-9A-F]{16} is not stored from .*, and WAL does not end there/);
      assert.match(log, /FATAL: +could not restore file/);
      assert.ok(existsSync(join(broken.dataDir, 'recovery.signal')), 'it was not promoted');

      const target = formatLsn(needed);
      await recover(broken, plan, {
        fetch: `--until ${target}`,
        settings: { hot_standby: 'on', recovery_target_lsn: target, recovery_target_action: 'promote' },
      });
      await untilPromoted(broken);
      assert.ok(Number(await broken.value('select count(*) from t')) >= 4000, 'a target before the gap is reached');
    });

    test(`${installation.name} recovers the rows of the last chunk, where no segment is complete`, async () => {
      const { source, copies, plan, bucket } = await scene(installation, 'received', 1);
      const controller = new AbortController();
      const received = Promise.withResolvers<void>();
      const receiving = receiveWal({
        source: 'orders',
        store: bucket.store,
        keyRing: bucket.keyRing,
        connectOptions: async () => source.connection,
        slot: 'lifeboat',
        walChunkSeconds: 0.1,
        level: 1,
        lease: { holder: { host: 'test', pid: 1 } },
        signal: controller.signal,
        log(event) {
          if (event.kind === 'receiving') received.resolve();
        },
      });
      await received.promise;
      await insert(source, 100);
      await sleep(200);
      await insert(source, 1500);
      await insert(source, 7);
      await source.untilReceived();
      controller.abort();
      await receiving;
      plan.giveToServer();
      await recover(copies[0]!, plan);
      await untilPromoted(copies[0]!);
      assert.equal(await copies[0]!.value('select count(*) from t'), '1607');
    });
  }
});

test('wal-fetch ends with 1 only where WAL ends, and with 255 for everything that went wrong', async () => {
  const { plan, source, bucket } = await scene(installations()[0]!, 'archived', 0);
  await insert(source, 1000);
  await archiveAll(source);
  const segment = (await bucket.names()).filter(isSegmentName).at(-1)!;
  const to = join(plan.folder, 'fetched');
  const cwd = source.dataDir;
  const usual = ['--plan', plan.path, '--source', 'orders'];
  const fetch = async (args: string[], options: { cwd?: string } = {}) =>
    (await runLifeboat(['wal-fetch', ...args], { cwd, ...options })).exitCode;

  assert.equal(await fetch([...usual, segment, to]), 0);
  assert.ok(existsSync(to));
  assert.equal(await fetch([...usual, '00000002.history', to]), 1);
  assert.equal(await fetch([...usual, 'FFFFFFFF00000000000000FF', to]), 1);
  assert.equal(await fetch([...usual, 'nonsense', to]), 255, 'a name that is none');
  assert.equal(await fetch(['--plan', '/nowhere.yml', segment, to]), 255, 'no plan');
  assert.equal(await fetch(['--plan', plan.path, segment, to]), 255, 'no source among several');
  assert.equal(await fetch(['--sauce', 'orders', segment, to]), 255, 'an option that there is not');
  assert.equal(await fetch([...usual, segment]), 255, 'an argument is missing');
  assert.equal(await fetch([...usual, segment, join(plan.folder, 'missing', 'to')]), 255, 'nowhere to put it');
  assert.equal(await fetch([...usual, segment, to], { cwd: dirname(cwd) }), 255, 'not in a data directory');
  const key = (await bucket.keys()).find((each) => each.endsWith(segment))!;
  await bucket.store.put(key, Buffer.from('damaged'));
  assert.equal(await fetch([...usual, segment, to]), 255, 'damage');
  plan.remove();
  assert.equal(await fetch([...usual, segment, to]), 255, 'no bucket');
});
