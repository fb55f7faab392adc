import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { type Mark, mark, markedRows, markSettings, OpenTransaction } from '#harness/marked-commits';
import { embeddedInstallation, type Installation, machineInstallation } from '#harness/postgres-installations';
import type { TestServer } from '#harness/postgres-server';
import { ProtectedSource, type Restored, readRecord } from '#harness/protected-source';
import { TargetUnreachable } from '#model/failure';
import { formatLsn, type Lsn, parseLsn } from '#model/lsn';
import type { TargetInput } from '#model/recovery-target';

interface Story {
  source: ProtectedSource;
  /** row 1 is in the full backup; the incremental one, where there is one, was taken between rows 4 and 5 */
  marks: Mark[];
  /** row 6 began before row 5 was committed, and was committed after it */
  point: { name: string; lsn: Lsn };
  backups: { id: string; stop: Lsn }[];
}

async function tell(installation: Installation): Promise<Story> {
  const source = await ProtectedSource.create(installation, {
    initdb: ['--wal-segsize=1'],
    settings: { ...markSettings, archive_mode: 'on', archive_command: '/bin/true' },
  });
  const { server } = source;
  const receiver = await source.receive();
  const marks = [await mark(server, 1)];
  const full = (await source.backup('full')).manifest;
  for (const row of [2, 3, 4]) marks.push(await mark(server, row));
  const incremental = installation.major >= 17 ? (await source.backup('incr')).manifest : undefined;
  const sixth = await OpenTransaction.begin(server, 6);
  marks.push(await mark(server, 5));
  marks.push(await sixth.commit());
  const lsn = parseLsn(await server.value("select pg_create_restore_point('before the mistake')"));
  for (const row of [7, 8]) marks.push(await mark(server, row));
  await receiver.hasStored();
  await receiver.end();
  const backups = [full, ...(incremental ? [incremental] : [])];
  return {
    source,
    marks,
    point: { name: 'before the mistake', lsn },
    backups: backups.map(({ backup, stop }) => ({ id: backup, stop: parseLsn(stop.lsn) })),
  };
}

/** What must be true of every restored cluster, whatever it was restored to. */
function checkRecord({ record, dataDir }: Restored, story: Story, target: TargetInput): void {
  assert.deepEqual(readRecord(dataDir), JSON.parse(JSON.stringify(record)), 'the directory says the same');
  assert.equal(record.state, 'replayed');
  assert.equal(record.dataDir, dataDir);
  assert.equal(record.source, 'orders');
  assert.ok(
    record.checks.every(({ ok }) => ok),
    JSON.stringify(record.checks),
  );
  assert.ok(record.checks.some(({ check }) => check === 'page checksums'));
  const usable = target.backup ?? story.backups.at(-1)!.id;
  if (record.chain.length > 1)
    assert.deepEqual(
      record.chain,
      story.backups.map(({ id }) => id),
    );
  else assert.ok(record.chain[0] === story.backups[0]!.id || record.chain[0] === usable);
}

async function untilPaused(server: TestServer): Promise<void> {
  while ((await server.value('select pg_get_wal_replay_pause_state()')) !== 'paused') {
    assert.equal(await server.value('select pg_is_in_recovery()::text'), 'true');
  }
}

const rowsTo = (last: number): number[] => Array.from({ length: last }, (_, index) => index + 1);

for (const installation of [machineInstallation(), embeddedInstallation()]) {
  describe(installation.name, () => {
    let story: Story;
    /** rows 101 and 102, on timeline 2 */
    let promoted: Mark[];
    before(async () => {
      story = await tell(installation);
    });
    after(() => story?.source.remove());

    /** row 1 is the first */
    const row = (number: number): Mark => story.marks.find((made) => made.row === number)!;

    /** Restores, compares the point that was reached, starts the cluster, and compares its rows. */
    async function reach(
      target: TargetInput,
      expected: { lsn: Lsn; last: Mark | undefined; rows: number[] },
      restoreIt = () => story.source.restore(target),
    ): Promise<Restored> {
      const restored = await restoreIt();
      const { record, server } = restored;
      checkRecord(restored, story, target);
      assert.equal(record.reached!.lsn, formatLsn(expected.lsn), `${record.reached!.stoppedAt}`);
      assert.equal(record.reached!.time, expected.last?.time ?? null);
      assert.equal(record.reached!.timeline, 1);
      if ((target.action ?? 'promote') === 'promote') await isPrimary(restored, 2);
      if (target.action === 'pause') await server.start();
      if (target.action === 'shutdown') await shutsDownAgain(server);
      if (target.action === 'pause' || target.action === 'shutdown') {
        await untilPaused(server);
        assert.equal(await server.value('select pg_last_wal_replay_lsn()'), formatLsn(expected.lsn));
      }
      assert.deepEqual(await markedRows(server), expected.rows);
      assert.equal(await server.value('show archive_mode'), 'off');
      return restored;
    }

    async function isPrimary({ record, server, dataDir }: Restored, timeline: number): Promise<void> {
      assert.equal(record.history?.timeline, timeline);
      assert.equal(record.history?.content.split('\t')[0], String(record.reached!.timeline));
      await server.start();
      assert.equal(await server.value('select pg_is_in_recovery()::text'), 'false');
      assert.equal(
        await server.value('select substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8)'),
        timeline.toString(16).padStart(8, '0').toUpperCase(),
      );
      assert.equal(await server.value('show restore_command'), '', 'nothing of the recovery stays behind');
      assert.doesNotMatch(
        readFileSync(join(dataDir, 'postgresql.auto.conf'), 'utf8'),
        /recovery_target|restore_command/,
      );
    }

    async function shutsDownAgain(server: TestServer): Promise<void> {
      await assert.rejects(server.start(), /shutting down at recovery target|shutdown at recovery target/);
      await server.start({ recovery_target_action: 'pause' });
    }

    describe('restores to the point that was asked for', { concurrency: 3 }, () => {
      test('the latest point', async () => {
        const { ends } = row(8);
        const { record } = await reach({}, { lsn: ends, last: row(8), rows: rowsTo(8) });
        assert.equal(record.target, 'the latest point');
        if (installation.major >= 17) assert.equal(record.chain.length, 2, 'with the incremental backup');
      });

      test('a time, with what was committed in this very microsecond', async () => {
        const { time } = row(5);
        await reach({ time: `${time}:00` }, { lsn: row(6).begins, last: row(5), rows: rowsTo(5) });
      });

      test('a time, without what was committed in this very microsecond', async () => {
        const target = ['--time', row(7).time, '--exclusive'];
        await reach(
          { time: row(7).time, exclusive: true },
          { lsn: row(7).begins, last: row(6), rows: rowsTo(6) },
          async () => {
            const { ended, restored } = await story.source.restoreByProgram(target);
            assert.equal(ended.exitCode, 0, ended.stderr);
            assert.deepEqual(JSON.parse(ended.stdout), readRecord(restored!.dataDir));
            return restored!;
          },
        );
      });

      test('a time after the last commit is the latest point', async () => {
        const { plan } = await story.source.plan({ time: row(8).time });
        const latest = await story.source.plan({});
        assert.deepEqual(plan.stop, latest.plan.stop);
        assert.equal(plan.inclusive, true);
      });

      test('a position, with the record that begins there, and stands still there again', async () => {
        const { begins, ends } = row(3);
        const target = { lsn: formatLsn(begins), action: 'pause' };
        const { server, record } = await reach(target, { lsn: ends, last: row(3), rows: rowsTo(3) });
        assert.equal(record.history, undefined);
        await assert.rejects(server.query('insert into marks values (0)'), /read-only/);
        await server.query('select pg_wal_replay_resume()');
        while ((await server.value('select pg_is_in_recovery()::text')) === 'true');
        await server.query('insert into marks values (0)');
      });

      test('a position, without the record that begins there, and shuts down there again', async () => {
        const { begins } = row(6);
        const target = { lsn: formatLsn(begins), exclusive: true, action: 'shutdown' };
        await reach(target, { lsn: begins, last: row(5), rows: rowsTo(5) });
      });

      test('a transaction, in the order of commits and not of ids', async () => {
        const { xid, ends } = row(5);
        assert.ok(Number(row(6).xid) < Number(xid));
        await reach({ xid }, { lsn: ends, last: row(5), rows: rowsTo(5) });
      });

      test('just before a transaction', async () => {
        const { xid, begins } = row(6);
        await reach({ xid, exclusive: true, action: 'pause' }, { lsn: begins, last: row(5), rows: rowsTo(5) });
      });

      test('a named point', async () => {
        const { name, lsn } = story.point;
        await reach({ name }, { lsn, last: row(6), rows: rowsTo(6) });
      });

      test("a backup's own end", async () => {
        const { id, stop } = story.backups[0]!;
        const { record } = await reach({ immediate: true, backup: id }, { lsn: stop, last: undefined, rows: [1] });
        assert.deepEqual(record.chain, [id]);
      });
    });

    describe('after a restored cluster has become the primary on timeline 2', { concurrency: 3 }, () => {
      before(async () => {
        const { source } = story;
        const { server } = await source.restore({ xid: row(5).xid });
        await server.start();
        // It has written WAL of its own, and more than a segment, before anybody receives from it.
        promoted = [await mark(server, 101)];
        await server.query('select pg_switch_wal()');
        const receiver = await source.receive(server, 'lifeboat_2');
        promoted.push(await mark(server, 102));
        await receiver.hasStored();
        await receiver.end();
        await server.stop();
      });

      test('the latest point is on the newer timeline', async () => {
        const restored = await story.source.restore({});
        checkRecord(restored, story, {});
        const { lsn, time, timeline } = restored.record.reached!;
        assert.equal(timeline, 2);
        assert.ok(parseLsn(lsn) >= promoted[1]!.ends);
        assert.equal(time, promoted[1]!.time);
        await isPrimary(restored, 3);
        assert.deepEqual(await markedRows(restored.server), [...rowsTo(5), 101, 102]);
      });

      test('a time at which the older timeline was written is on the older one', async () => {
        const { time } = row(7);
        const restored = await story.source.restore({ time });
        checkRecord(restored, story, {});
        assert.equal(restored.record.reached!.lsn, formatLsn(row(8).begins));
        assert.equal(restored.record.reached!.time, time);
        assert.equal(restored.record.reached!.timeline, 1);
        await isPrimary(restored, 3);
        assert.deepEqual(await markedRows(restored.server), rowsTo(7));
      });

      test('a named point is on the timeline that has it', async () => {
        const { plan } = await story.source.plan({ name: story.point.name });
        assert.equal(plan.timeline, 1);
      });

      test('what may be meant on either timeline is refused until one is named', async () => {
        const { xid, begins } = row(7);
        assert.equal(promoted[0]!.xid, xid, 'both servers have used this id');
        await meantOnEither({ lsn: formatLsn(begins) });
        await meantOnEither({ xid });
      });
    });

    async function meantOnEither(target: TargetInput): Promise<void> {
      await assert.rejects(story.source.plan(target), (failure: TargetUnreachable) => {
        assert.ok(failure instanceof TargetUnreachable, String(failure));
        assert.match(failure.message, /timelines 1 and 2 .*: name one with --timeline/);
        return true;
      });
      for (const timeline of ['1', '2']) {
        const { plan } = await story.source.plan({ ...target, timeline });
        assert.equal(plan.timeline, Number(timeline));
      }
    }

    test('a time at which two primaries were writing is refused until one timeline is named', async () => {
      const { source } = story;
      const receiver = await source.receive();
      const ninth = await mark(source.server, 9);
      await receiver.hasStored();
      await receiver.end();
      await meantOnEither({ time: promoted[1]!.time });
      const restored = await source.restore({ timeline: '1' });
      assert.equal(restored.record.reached!.time, ninth.time);
      await isPrimary(restored, 3);
      assert.deepEqual(await markedRows(restored.server), rowsTo(9));
    });

    test('what the WAL does not reach is refused, with what can be reached, and nothing is touched', async () => {
      const refused = async (target: TargetInput, message: RegExp) => {
        await assert.rejects(story.source.plan(target), (failure: TargetUnreachable) => {
          assert.ok(failure instanceof TargetUnreachable, String(failure));
          assert.match(failure.message, message);
          assert.match(failure.hint!, /what can be restored: .* from \d+T\d+Z-/);
          return true;
        });
      };
      await refused({ time: '2000-01-01 00:00Z' }, /is before the end of the first usable backup/);
      await refused({ time: '2099-01-01 00:00Z' }, /is beyond the WAL that is stored/);
      await refused({ lsn: '0/1' }, /is before the end of the first usable backup/);
      await refused({ lsn: 'FF/1' }, /is beyond the WAL that is stored/);
      await refused({ xid: '4000000000' }, /is not in the WAL that is stored/);
      await refused({ name: 'nobody made it' }, /is not in the WAL that is stored/);
      const { ended } = await story.source.restoreByProgram(['--lsn', 'FF/1']);
      assert.equal(ended.exitCode, 3);
    });
  });
}
