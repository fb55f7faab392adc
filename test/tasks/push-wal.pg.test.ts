import assert from 'node:assert/strict';
import { copyFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { ArchivePlan, archiveAll } from '#harness/archiving';
import { installations, machineInstallation } from '#harness/postgres-installations';
import { TestServer } from '#harness/postgres-server';
import { systemId, WalBucket } from '#harness/wal-bucket';
import { InputInvalid, ObjectDamaged, StoreRefused, WalBroken } from '#model/failure';
import { isSegmentName } from '#model/wal-segment';
import { historyKey } from '#store/bucket-layout';
import { type PushWal, pushWalFile } from '#tasks/push-wal';

describe('archive_command', { concurrency: true }, () => {
  for (const [index, installation] of installations().entries()) {
    test(`${installation.name} archives into the bucket, and after a promotion on the new timeline`, async () => {
      const plan = new ArchivePlan('encrypted');
      const server = await TestServer.create(installation, {
        initdb: index === 0 ? ['--wal-segsize=1'] : [],
        settings: { archive_mode: 'on', archive_command: plan.command('wal-push %p') },
      });
      try {
        const bucket = await WalBucket.open(plan.bucket, plan.key);
        await server.query("create table t as select repeat('x', 900) from generate_series(1, 1500)");
        await archiveAll(server);
        await server.query('select pg_switch_wal()');
        const { compared, different } = await bucket.compareSegments(server);
        assert.deepEqual(different, []);
        assert.ok(compared >= 1);
        assert.equal(await server.value('select failed_count from pg_stat_archiver'), '0', server.log.join('\n'));

        await server.stop();
        writeFileSync(join(server.dataDir, 'standby.signal'), '');
        await server.start();
        await server.query('select pg_promote()');
        await server.query("insert into t select repeat('x', 900) from generate_series(1, 1500)");
        await archiveAll(server);
        const names = await bucket.names();
        assert.ok(names.includes('00000002.history'));
        assert.ok(names.some((name) => name.startsWith('00000001') && name.endsWith('.partial')));
        assert.ok(names.some((name) => name.startsWith('00000002') && isSegmentName(name)));
        const history = await bucket.reader.history(historyKey('orders', await systemId(server), 2));
        assert.equal(history, readFileSync(join(server.dataDir, 'pg_wal', '00000002.history'), 'utf8'));
        assert.equal(await server.value('select failed_count from pg_stat_archiver'), '0', server.log.join('\n'));
      } finally {
        await server.remove();
        plan.remove();
      }
    });
  }
});

describe('one file', () => {
  let server: TestServer;
  let other: TestServer;
  let bucket: WalBucket;
  const folder = mkdtempSync(join(tmpdir(), 'lifeboat-push-'));
  const small = { initdb: ['--wal-segsize=1'] };

  before(async () => {
    [server, other] = await Promise.all([
      TestServer.create(machineInstallation(), small),
      TestServer.create(machineInstallation(), small),
    ]);
    for (const each of [server, other]) written.set(each, await writtenSegments(each));
    bucket = await WalBucket.create('plain');
  });
  after(async () => {
    await Promise.all([server.remove(), other.remove()]);
    bucket.remove();
    rmSync(folder, { recursive: true });
  });

  const written = new Map<TestServer, string[]>();
  const segmentsOf = (one: TestServer) => written.get(one)!;

  /** Those that are complete: beyond them lie recycled ones. */
  async function writtenSegments(one: TestServer): Promise<string[]> {
    for (let i = 0; i < 3; i++) await one.query("select pg_create_restore_point('x'); select pg_switch_wal()");
    const current = await one.value('select pg_walfile_name(pg_current_wal_lsn())');
    const names = readdirSync(join(one.dataDir, 'pg_wal')).filter((name) => isSegmentName(name) && name < current);
    return names.toSorted();
  }

  /** A copy that may be spoiled, under a name of its own choice. */
  function copied(one: TestServer, name: string, as = name): Pick<PushWal, 'path' | 'name'> {
    const path = join(folder, as);
    copyFileSync(join(one.dataDir, 'pg_wal', name), path);
    return { path, name: as };
  }

  const push = (file: Pick<PushWal, 'path' | 'name'>, over: Partial<PushWal> = {}) =>
    pushWalFile({
      source: 'orders',
      store: bucket.store,
      keyRing: undefined,
      dataDir: server.dataDir,
      level: 1,
      ...file,
      ...over,
    });

  test('is stored once; again it is compared', async () => {
    const [name] = segmentsOf(server);
    assert.equal(await push(copied(server, name!)), 'stored');
    assert.equal(await push(copied(server, name!)), 'already there');
    const changed = copied(server, name!);
    const bytes = readFileSync(changed.path);
    bytes[bytes.length - 1]! ^= 1;
    writeFileSync(changed.path, bytes);
    await assert.rejects(push(changed), (failure: WalBroken) => {
      assert.ok(failure instanceof WalBroken);
      assert.match(failure.message, /is stored with other content, and stays as it is/);
      return true;
    });
    assert.equal(await push(copied(server, name!)), 'already there');
  });

  test('that another cluster wrote is refused, and nothing is stored', async () => {
    const before = await bucket.keys();
    const [name] = segmentsOf(other);
    await assert.rejects(push(copied(other, name!)), (failure: WalBroken) => {
      assert.ok(failure instanceof WalBroken);
      assert.match(failure.message, /belongs to system \d+: expected \d+/);
      return true;
    });
    assert.deepEqual(await bucket.keys(), before);
  });

  test('outside of a data directory, any cluster has its own place', async () => {
    const [name] = segmentsOf(other);
    assert.equal(await push(copied(other, name!), { dataDir: folder }), 'stored');
    assert.ok((await bucket.keys()).some((key) => key.endsWith(name!)));
  });

  test('that is not what its name says is refused', async () => {
    const [name, next] = segmentsOf(server);
    await assert.rejects(push(copied(server, name!, next!)), /begins at 0\/[0-9A-F]+: expected 0\/[0-9A-F]+/);
  });

  test('that is cut off, empty or too long is refused', async () => {
    const name = segmentsOf(server)[1]!;
    const short = copied(server, name);
    truncateSync(short.path, 500_000);
    await assert.rejects(
      push(short),
      (failure) => failure instanceof WalBroken && /has 500000 bytes/.test(failure.message),
    );
    truncateSync(short.path, 0);
    await assert.rejects(push(short), WalBroken);
    const long = copied(server, name);
    truncateSync(long.path, 2_000_000);
    await assert.rejects(push(long), /has 2000000 bytes, expected 1048576/);
  });

  test('that PostgreSQL does not archive is refused by its name', async () => {
    const path = join(folder, 'postgresql.conf');
    writeFileSync(path, '');
    await assert.rejects(push({ path, name: 'postgresql.conf' }), InputInvalid);
    await assert.rejects(push({ path, name: '000000010000000000000001.tmp' }), InputInvalid);
  });

  test('that no recovery reads is not stored', async () => {
    const before = await bucket.keys();
    const path = join(folder, '000000010000000000000001.00000028.backup');
    writeFileSync(path, 'START WAL LOCATION: 0/1000028');
    assert.equal(await push({ path, name: '000000010000000000000001.00000028.backup' }), 'not needed');
    assert.deepEqual(await bucket.keys(), before);
  });

  test('that is a history belongs to the data directory, and has to be one', async () => {
    const path = join(folder, '00000002.history');
    writeFileSync(path, '1\t0/3000000\tno recovery target specified\n');
    await assert.rejects(push({ path, name: '00000002.history' }, { dataDir: folder }), InputInvalid);
    assert.equal(await push({ path, name: '00000002.history' }), 'stored');
    assert.equal(await push({ path, name: '00000002.history' }), 'already there');
    writeFileSync(path, '1\t0/4000000\tno recovery target specified\n');
    await assert.rejects(push({ path, name: '00000002.history' }), WalBroken);
    writeFileSync(path, 'not a history\n');
    await assert.rejects(push({ path, name: '00000003.history' }), InputInvalid);
  });

  test('is not taken for stored when what is there cannot be read', async () => {
    const name = segmentsOf(server)[1]!;
    await push(copied(server, name));
    const key = (await bucket.keys()).find((each) => each.endsWith(name))!;
    await bucket.store.put(key, Buffer.from('no container at all'));
    await assert.rejects(push(copied(server, name)), ObjectDamaged);
    await bucket.store.delete(key);
  });

  test('is not taken for stored when the bucket is gone', async () => {
    const gone = await WalBucket.create('plain');
    gone.remove();
    await assert.rejects(push(copied(server, segmentsOf(server)[0]!), { store: gone.store }), StoreRefused);
  });
});
