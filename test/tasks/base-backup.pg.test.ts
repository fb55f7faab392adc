import assert from 'node:assert/strict';
import { closeSync, openSync, readdirSync, readFileSync, readSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { committedBackups } from '#catalog/backups';
import { failingStore, heldStore } from '#harness/held-store';
import { embeddedInstallation, machineInstallation } from '#harness/postgres-installations';
import { serverFolder, type TestServer } from '#harness/postgres-server';
import { ProtectedSource } from '#harness/protected-source';
import { startLifeboat } from '#harness/run-lifeboat';
import type { BackupKind } from '#model/backup-id';
import { Aborted, ConnectionFailed, ServerError, StoreUnavailable } from '#model/failure';
import { type Manifest, startLsn, stopLsn } from '#model/manifest';
import { openBackup } from '#recovery/open-backup';
import type { BaseBackupWork } from '#tasks/base-backup';
import { verifyBackup } from '#tasks/verify-backup';

const cleanups: (() => unknown)[] = [];
after(async () => {
  for (const cleanup of cleanups.reverse()) await cleanup();
});

async function newSource(...how: Parameters<typeof ProtectedSource.create>): Promise<ProtectedSource> {
  const source = await ProtectedSource.create(...how);
  cleanups.push(() => source.remove());
  return source;
}

/** Reads back all that was stored. */
async function verify({ vault, bucket, environment }: ProtectedSource, manifest: Manifest): Promise<void> {
  const verification = await verifyBackup({
    vault,
    location: bucket,
    environment,
    manifest,
    workers: 2,
    signal: new AbortController().signal,
    onBytes: () => undefined,
  });
  assert.deepEqual(verification.damage, []);
}

/** Table `noise`: that many megabytes that no compression makes much smaller. */
const makeNoise = (server: TestServer, megabytes: number) =>
  server.query(`
    create table noise as
      select string_agg(md5(i::text), '') as filler from generate_series(1, ${megabytes * 29_000}) i group by i / 32`);

/** Runs a backup that has to fail, and compares what it left: nothing that counts, and nothing on the server. */
async function failedBackup(source: ProtectedSource, over: Partial<BaseBackupWork>): Promise<unknown> {
  const startedAt = new Date();
  const kind: BackupKind = 'full';
  const committed = (await committedBackups(source.vault.store, 'orders')).length;
  const failure = await source.backup(kind, { ...over, startedAt }).then(
    () => assert.fail('the backup should have failed'),
    (reason: unknown) => reason,
  );
  assert.equal(await source.isCommitted(startedAt, kind), false);
  assert.equal((await committedBackups(source.vault.store, 'orders')).length, committed);
  return failure;
}

/** The server closes connections a moment after we do. */
async function untilLetGo(server: TestServer): Promise<void> {
  const left = `select (select count(*) from pg_replication_slots) + (select count(*) from pg_stat_activity
    where backend_type in ('walsender', 'client backend') and pid <> pg_backend_pid())`;
  for (let waitedMs = 0; (await server.value(left)) !== '0'; waitedMs += 20) {
    assert.ok(waitedMs < 5_000, 'connections or slots stay');
    await sleep(20);
  }
}

describe(`${machineInstallation().name}: a full backup`, () => {
  let source: ProtectedSource;
  before(async () => {
    source = await newSource(machineInstallation(), { initdb: ['--wal-segsize=1'] });
  });

  test('of an empty cluster is complete', async () => {
    const { manifest, fallback } = await source.backup('full');
    assert.equal(fallback, undefined);
    assert.equal(manifest.kind, 'full');
    assert.equal(manifest.parent, null);
    assert.equal(manifest.server.superuser, 'postgres');
    assert.ok(startLsn(manifest) < stopLsn(manifest));
    assert.ok(manifest.start.time <= manifest.stop.time);
    assert.deepEqual([...new Set(manifest.parts.map(({ archive }) => archive))], ['base']);
    await verify(source, manifest);
    await untilLetGo(source.server);
  });

  test('of 3,000 tables in three archives has every file in its index', async () => {
    const { server } = source;
    for (const name of ['one', 'two']) {
      const location = serverFolder('lifeboat-space-');
      cleanups.push(() => rmSync(location, { recursive: true, force: true }));
      await server.query(`create tablespace ${name} location '${location}'`);
    }
    await server.query(`
      do $$ begin
        for i in 1 .. 3000 loop
          execute format('create table small_%s (n int) tablespace %s', i, (array['pg_default', 'one', 'two'])[i % 3 + 1]);
        end loop;
      end $$`);
    const { manifest } = await source.backup('full');
    const archives = manifest.parts.map(({ archive }) => archive);
    assert.deepEqual([...new Set(archives)], [...manifest.tablespaces.map(({ oid }) => oid), 'base']);
    assert.equal(manifest.tablespaces.length, 2);
    const stored = await Promise.all(
      manifest.parts.map(({ name }) => source.vault.store.head(`orders/backups/${manifest.backup}/${name}`)),
    );
    assert.deepEqual(
      stored.map((object) => object?.size),
      manifest.parts.map(({ storedBytes }) => storedBytes),
    );

    const indexed = new Set<string>();
    for await (const { archive, files } of openBackup(source.vault, manifest).parts()) {
      for (const [path] of files) indexed.add(archive === 'base' ? path : `pg_tblspc/${archive}/${path}`);
    }
    const relations = await server.query(
      "select pg_relation_filepath(oid) as path from pg_class where relname like 'small_%'",
    );
    assert.equal(relations.length, 3000);
    assert.deepEqual(
      relations.filter(({ path }) => !indexed.has(path!)),
      [],
    );
    await verify(source, manifest);
  });

  test('of a page with a wrong checksum fails at its end, and works again when the page is right', async () => {
    const { server } = source;
    await server.query('create table broken as select generate_series(1, 1000) as n');
    const path = join(server.dataDir, await server.value("select pg_relation_filepath('broken')"));
    await server.stop();
    flipByte(path, 8192 + 5000);
    await server.start();
    const failure = await failedBackup(source, {});
    assert.ok(failure instanceof ServerError, String(failure));
    assert.match(
      failure.message,
      /checksum verification failure .*\(checksum verification failed in file ".*", block 1/,
    );
    assert.match(failure.hint!, /a page on the server itself is damaged/);
    await untilLetGo(server);
    await server.stop();
    flipByte(path, 8192 + 5000);
    await server.start();
    await verify(source, (await source.backup('full')).manifest);
  });

  const { major } = machineInstallation();
  if (major < 17) {
    test('is taken instead of an incremental one, and said', async () => {
      const { manifest, fallback } = await source.backup('incr');
      assert.equal(manifest.kind, 'full');
      assert.match(manifest.backup, /-full$/);
      assert.equal(manifest.parent, null);
      assert.match(fallback!, new RegExp(`^PostgreSQL ${major} has no incremental backup`));
    });
  }
});

function flipByte(path: string, position: number): void {
  const file = openSync(path, 'r+');
  const byte = Buffer.alloc(1);
  readSync(file, byte, 0, 1, position);
  byte[0] = byte[0]! ^ 0xff;
  writeSync(file, byte, 0, 1, position);
  closeSync(file);
}

describe(`${embeddedInstallation().name}: a backup`, () => {
  let source: ProtectedSource;
  let server: TestServer;
  before(async () => {
    source = await newSource(embeddedInstallation(), { settings: { autovacuum: 'off', max_wal_size: '4GB' } });
    server = source.server;
    await makeNoise(server, 64);
  });

  for (const [what, key] of [
    ['a second part', /base\.tar\.0+1$/],
    ["the server's manifest", /backup_manifest\.json$/],
    ['the index', /\/index\.jsonl$/],
    ['the WAL', /\/wal\//],
    ['the manifest', /manifest\.json$/],
  ] as const) {
    test(`whose store fails on ${what} fails with what the store said, and lets go of the server`, async () => {
      const said = new StoreUnavailable('the bucket is full', { operation: 'put', subject: 'part' });
      const store = failingStore(source.vault.store, key, said);
      assert.equal(await failedBackup(source, { store }), said);
      await untilLetGo(server);
    });
  }

  test('whose store is slow waits for it in the server, and not in memory', async () => {
    const { store, held, release } = heldStore(source.vault.store);
    let copied = 0;
    const onProgress: BaseBackupWork['onProgress'] = (progress) => {
      if (progress.phase === 'copy') copied = progress.doneBytes;
    };
    const backup = source.backup('full', { store, onProgress });
    await held;
    await sleep(1_000);
    const ahead = copied;
    assert.ok(ahead < 60e6, `${ahead} bytes were taken, the store took none`);
    release();
    const { manifest } = await backup;
    assert.ok(manifest.rawBytes > 90e6);
    await verify(source, manifest);
  });

  test('that is stopped ends at once, and nothing of it counts', async () => {
    const controller = new AbortController();
    const { store, held, release } = heldStore(source.vault.store);
    const failed = failedBackup(source, { store, signal: controller.signal });
    await held;
    const begun = performance.now();
    controller.abort();
    release();
    const failure = await failed;
    assert.ok(failure instanceof Aborted, String(failure));
    assert.ok(performance.now() - begun < 2_000);
    await untilLetGo(server);
  });

  test('whose server dies in the middle fails, and the next one works', async () => {
    const { store, held, release } = heldStore(source.vault.store);
    const failed = failedBackup(source, { store });
    await held;
    await sleep(200); // what fits into the buffers between is full
    await server.kill();
    release();
    const failure = await failed;
    assert.ok(failure instanceof ConnectionFailed || failure instanceof ServerError, String(failure));
    await startAfterKill(server);
    await verify(source, (await source.backup('full')).manifest);
  });

  test('is the only one at its time: a second one is told who holds the lease', async () => {
    const [first, second] = await Promise.all([source.run(['backup']), source.run(['backup'])]);
    assert.deepEqual([first.exitCode, second.exitCode].sort(), [0, 7], first.stderr + second.stderr);
    const loser = first.exitCode === 0 ? second : first;
    assert.match(loser.stderr, /^lifeboat: the backup lease of orders is held by process \d+/m);
  });

  test('needs less than 256 MiB of memory, however large the cluster', async () => {
    await server.query(
      "create table large as select repeat('x', 1000) || g as filler from generate_series(1, 200000) g",
    );
    const { child, ended } = startLifeboat(['backup', '--plan', source.planPath], { env: source.environment });
    let mostKib = 0;
    const watch = setInterval(() => {
      mostKib = Math.max(mostKib, peakMemoryKib(child.pid!));
    }, 20);
    const { exitCode, stderr } = await ended;
    clearInterval(watch);
    assert.equal(exitCode, 0, stderr);
    assert.ok(mostKib > 30_000, 'it was measured');
    assert.ok(mostKib < 256 * 1024, `${mostKib} KiB`);
    const [newest] = (await committedBackups(source.vault.store, 'orders')).reverse();
    assert.ok(newest!.rawBytes > 290e6);
  });

  test('that is incremental falls back to a full one where the server has no summaries, and says why', async () => {
    const incremental = await source.backup('incr');
    assert.equal(incremental.fallback, undefined);
    assert.equal(incremental.manifest.kind, 'incr');
    assert.ok(incremental.manifest.parent);
    await verify(source, incremental.manifest);

    await server.query('alter system set summarize_wal = off');
    await server.query('select pg_reload_conf()');
    while ((await server.value('show summarize_wal')) === 'on') await sleep(20);
    const off = await source.backup('incr');
    assert.equal(off.manifest.kind, 'full');
    assert.match(off.fallback!, /summarize_wal is off/);

    await loseSummaries(server);
    const startedAt = new Date();
    const lost = await source.backup('incr', { startedAt });
    assert.equal(lost.manifest.kind, 'full');
    assert.match(lost.fallback!, /WAL summaries are required/);
    assert.equal(await source.isCommitted(startedAt, 'incr'), false);
    await verify(source, lost.manifest);
    await untilLetGo(server);
  });
});

/** Linux keeps the most that a process has ever used. */
function peakMemoryKib(pid: number): number {
  try {
    return Number(/^VmHWM:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0);
  } catch {
    return 0; // it has ended
  }
}

/** The processes of a server that was killed take a moment to notice. */
async function startAfterKill(server: TestServer): Promise<void> {
  for (let tries = 0; ; tries++) {
    try {
      return await server.start();
    } catch (error) {
      if (tries === 20) throw error;
      await sleep(100);
    }
  }
}

/** WAL that was never summarized goes away, and then summarizing is on again. */
async function loseSummaries(server: TestServer): Promise<void> {
  await server.query("alter system set max_wal_size = '32MB'");
  await server.query('alter system set wal_keep_size = 0');
  await server.query('select pg_reload_conf()');
  for (let i = 0; i < 3; i++) await server.query('select pg_switch_wal(); checkpoint');
  await server.stop();
  const summaries = join(server.dataDir, 'pg_wal', 'summaries');
  for (const name of readdirSync(summaries)) rmSync(join(summaries, name));
  await server.start({ summarize_wal: 'on' });
}
