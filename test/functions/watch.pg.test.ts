import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { Context } from 'aws-lambda';
import { readExposure } from '#catalog/exposure';
import { readVerifiedWal } from '#catalog/wal-projection';
import { handler as verifier } from '#functions/checksum-verifier';
import { handler as indexer } from '#functions/metadata-indexer';
import { handler as watch } from '#functions/watch';
import { embeddedInstallation, machineInstallation } from '#harness/postgres-installations';
import { ProtectedSource, type Receiver } from '#harness/protected-source';
import type { Finding } from '#model/finding';
import { parseLsn } from '#model/lsn';
import type { MetricRecord } from '#model/metric';
import type { NoticeInput } from '#model/notice';
import { provideWorld } from '#runtime/function-world';
import { loadPlan } from '#runtime/load-plan';
import { serverPosition } from '#runtime/server-position';

const context = { functionName: 'f', awsRequestId: 'r', invokedFunctionArn: 'a', memoryLimitInMB: '128' } as Context;
const call = (handler: unknown, event: object): Promise<unknown> =>
  (handler as (event: object, context: Context) => Promise<unknown>)(event, context);

/** As EventBridge tells it, with what AWS adds. */
const created = (key: string) => ({
  version: '0',
  id: '2d4eba74-fd51-3966-4bfa-b013c9da8ff1',
  'detail-type': 'Object Created',
  source: 'aws.s3',
  account: '000000000000',
  time: '2026-11-20T05:13:45Z',
  region: 'local',
  resources: ['arn:aws:s3:::bucket'],
  detail: {
    version: '0',
    bucket: { name: 'bucket' },
    object: { key, size: 1, etag: 'e', sequencer: '1' },
    reason: 'PutObject',
  },
});

for (const installation of [embeddedInstallation(), machineInstallation()]) {
  describe(`watching ${installation.name}`, () => {
    let source: ProtectedSource;
    let receiver: Receiver;
    const notices: NoticeInput[] = [];
    const measured: MetricRecord[] = [];
    const delivered = new Set<string>();
    before(async () => {
      source = await ProtectedSource.create(installation, { initdb: ['--wal-segsize=1'] });
      const plan = await loadPlan(source.planPath, { environment: {}, cwd: '/' });
      provideWorld({
        plan,
        vault: source.vault,
        environment: {},
        now: () => new Date(),
        publish: async (notice) => void notices.push(notice),
        measure: async (records) => void measured.push(...records),
      });
      receiver = await source.receive();
    });
    after(() => source.remove());

    /** Every object to both functions, at the same time. */
    async function deliver(): Promise<unknown[]> {
      const outcomes: unknown[] = [];
      for await (const { key } of source.vault.store.list('orders/')) {
        if (delivered.has(key)) continue;
        delivered.add(key);
        const [verified] = await Promise.all([call(verifier, created(key)), call(indexer, created(key))]);
        outcomes.push(verified);
      }
      return outcomes;
    }
    const watched = async () => {
      const { findings } = (await call(watch, {})) as { findings: Finding[] };
      return { findings, exposure: (await readExposure(source.vault.store, 'orders'))! };
    };

    /** An idle server, too, writes something now and then. */
    async function untilCovered() {
      for (let tries = 0; ; tries++) {
        await receiver.hasStored();
        await deliver();
        const seen = await watched();
        if (seen.exposure.lossMs === 0 || tries === 5) return seen;
      }
    }

    test('the server tells where it is', async () => {
      const position = await serverPosition({ ...source.server.connection, sslmode: 'disable' }, {});
      const [row] = await source.server.query(
        'select system_identifier::text as id, pg_current_wal_flush_lsn()::text as lsn from pg_control_system()',
      );
      assert.deepEqual([position.systemId, position.timeline, position.segmentSize], [row!.id, 1, 1 << 20]);
      assert.ok(position.flushed <= parseLsn(row!.lsn!) && position.flushed > 0n);
      assert.ok(Math.abs(position.clock.getTime() - Date.now()) < 5_000);
    });

    test('an idle server whose WAL is stored and verified would lose nothing', async () => {
      await source.backup('full');
      await source.server.query('create table t (x int); insert into t select generate_series(1, 2000)');
      await receiver.hasStored();
      const outcomes = await deliver();
      assert.ok(outcomes.length > 3);
      assert.deepEqual(
        outcomes.filter((outcome) => !(outcome as { ok: boolean }).ok),
        [],
      );
      const { exposure, findings } = await untilCovered();
      assert.deepEqual([exposure.lossMs, findings], [0, []]);
    });

    test('what it saw is measured', async () => {
      measured.length = 0;
      await watched();
      const numbers = Object.fromEntries(measured.map(({ name, source: of, value }) => [`${name} of ${of}`, value]));
      assert.equal(numbers['WatchedSources of null'], 1);
      assert.ok(numbers['LastBackupAgeSeconds of orders']! < 600, JSON.stringify(numbers));
      assert.ok(numbers['RpoSeconds of orders']! < 60);
      assert.ok(numbers['WalLagBytes of orders']! >= 0);
      assert.deepEqual(
        ['Restorable', 'OverdueBackups', 'WalGaps', 'BrokenBackups'].map((name) => numbers[`${name} of orders`]),
        [1, 0, 0, 0],
      );
    });

    test('what was committed and is not verified is what would be lost, by its commit time', async () => {
      await source.server.query('insert into t values (1)');
      const committed = Date.parse((await source.server.query('select now()::text as at'))[0]!.at!);
      await receiver.hasStored();
      await deliver();
      const wal = await readVerifiedWal(source.vault.store, 'orders');
      const { last } = wal.systems[0]!.timelines[0]!.stretches.at(-1)!;
      assert.ok(Math.abs(Date.parse(last.commitTime ?? last.time) - committed) < 2_000, JSON.stringify(last));
      await source.server.query('insert into t values (2)');
      await receiver.hasStored();
      const { exposure } = await watched();
      assert.ok(exposure.lossMs! > 0 && exposure.lossMs! < 60_000, `${exposure.lossMs}: ${exposure.reason}`);
      assert.match(exposure.reason, /is stored and verified, the server is at /);
      assert.equal((await untilCovered()).exposure.lossMs, 0);
    });

    test('a server that is gone has lost nothing that was seen', async () => {
      await receiver.end();
      await source.server.stop();
      const { exposure, findings } = await watched();
      assert.equal(exposure.server.state, 'unreachable');
      assert.ok(exposure.lossMs! < 60_000);
      assert.deepEqual([findings, notices], [[], []]);
    });

    test('events of other objects are nobody’s business', async () => {
      for (const key of ['catalog/orders/wal.json', 'orders/leases/backup', 'orders/wal/1/notes', '../../etc/passwd']) {
        assert.deepEqual(await call(verifier, created(key)), { key, ok: true, outcome: 'ignored', damage: [] });
        assert.deepEqual(await call(indexer, created(key)), { key, outcome: 'ignored' });
      }
      await assert.rejects(call(verifier, { detail: {} }), /detail\.object: nothing is not allowed/);
    });
  });
}
