import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { installations } from '#harness/postgres-installations';
import { TestServer } from '#harness/postgres-server';
import { currentLsn, WalBucket } from '#harness/wal-bucket';
import { type ServerFacts, ServerQueries } from '#postgres/server-facts';
import type { WalPoint } from '#tasks/base-backup';
import { collectWal } from '#tasks/collect-wal';

for (const installation of installations()) {
  describe(installation.name, () => {
    let server: TestServer;
    let bucket: WalBucket;
    let facts: ServerFacts;
    before(async () => {
      server = await TestServer.create(installation, {
        initdb: ['--wal-segsize=1'],
        settings: { max_wal_size: '2MB' },
      });
      bucket = await WalBucket.create('encrypted');
      const queries = await ServerQueries.open(server.connection);
      facts = await queries.facts();
      await queries.close();
    });
    after(async () => {
      await server.remove();
      bucket.remove();
    });

    const collector = () => {
      const { store, keyRing } = bucket;
      return collectWal({ source: 'orders', store, keyRing, connection: server.connection, level: 1 });
    };
    const now = async (): Promise<WalPoint> => ({ lsn: await currentLsn(server), timeline: 1 });
    const write = () =>
      server.query(
        `create table if not exists t (x text); insert into t select repeat('x', 900) from generate_series(1, 1500)`,
      );
    const slots = () => server.value('select count(*) from pg_replication_slots');
    async function untilNoSlot(): Promise<void> {
      for (let waitedMs = 0; (await slots()) !== '0'; waitedMs += 10) {
        assert.ok(waitedMs < 5_000, 'the slot stays');
        await sleep(10);
      }
    }

    test('stores the WAL from start to stop, though the server would have removed it, and leaves no slot', async () => {
      const wal = collector();
      const { signal } = new AbortController();
      await wal.prepare(facts, signal);
      const start = await now();
      for (let i = 0; i < 3; i++) {
        await write();
        await server.query('checkpoint');
      }
      const stop = Promise.withResolvers<WalPoint>();
      const covered = wal.cover(start, stop.promise, signal);
      await write();
      const end = await now();
      await write();
      stop.resolve(end);
      await covered;
      assert.ok((await bucket.coveredUntil(server, 1, start.lsn)) >= end.lsn);
      assert.deepEqual((await bucket.compareSegments(server)).different, []);
      await untilNoSlot();
    });

    test('ends when the backup fails, with its failure', async () => {
      const wal = collector();
      const { signal } = new AbortController();
      await wal.prepare(facts, signal);
      const stop = Promise.withResolvers<WalPoint>();
      const covered = wal.cover(await now(), stop.promise, signal);
      stop.reject(new Error('the copy failed'));
      await assert.rejects(covered, /the copy failed/);
      await untilNoSlot();
    });

    test('lets go of the slot when the backup is stopped before it began', async () => {
      const controller = new AbortController();
      await collector().prepare(facts, controller.signal);
      assert.equal(await slots(), '1');
      controller.abort();
      await untilNoSlot();
    });
  });
}
