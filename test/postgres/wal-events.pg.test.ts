import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { installations } from '#harness/postgres-installations';
import { TestServer } from '#harness/postgres-server';
import { formatLsn, type Lsn, parseLsn } from '#model/lsn';
import { parseHistory } from '#model/timeline';
import { segmentAt, segmentName, segmentStart } from '#model/wal-segment';
import { type WalEvent, walkEvents } from '#postgres/wal-events';
import { segmentSizeOf } from './wal-workload.ts';

for (const installation of installations()) {
  describe(`a promotion of ${installation.name}`, () => {
    let server: TestServer;
    before(async () => {
      server = await TestServer.create(installation, { initdb: ['--wal-segsize=1'], settings: { hot_standby: 'on' } });
      await server.query('create table a (v int)');
      await server.stop();
      writeFileSync(join(server.dataDir, 'standby.signal'), '');
      await server.start();
      await server.query('select pg_promote()');
      await server.query('insert into a values (1)');
    });
    after(() => server.remove());

    test('is in the WAL where the history file says, and the walk goes on across it', async () => {
      const segmentSize = await segmentSizeOf(server);
      const end = parseLsn(await server.value('select pg_current_wal_flush_lsn()'));
      const history = parseHistory(2, readFileSync(join(server.dataDir, 'pg_wal', '00000002.history'), 'utf8'));
      const { switchpoint } = history.ancestors[0]!;
      const start = segmentStart(segmentAt(2, switchpoint, segmentSize), segmentSize);
      const events: WalEvent[] = [];
      const kinds = ['commit', 'end of recovery'] as const;
      const walker = walkEvents({ start, segmentSize, kinds, onEvent: (event) => events.push(event) });
      for (let at = start; at < end; at = (at + BigInt(segmentSize)) as Lsn) {
        const name = segmentName(segmentAt(2, at, segmentSize), segmentSize);
        const file = readFileSync(join(server.dataDir, 'pg_wal', name));
        walker.feed(file.subarray(0, Number(end - at)));
      }
      assert.equal(formatLsn(walker.result.at), formatLsn(end));
      const promotion = events.find((event) => event.kind === 'end of recovery');
      assert(promotion?.kind === 'end of recovery');
      assert.equal(formatLsn(promotion.lsn), formatLsn(switchpoint));
      assert.deepEqual([promotion.previousTimeline, promotion.timeline], [1, 2]);
      assert(Math.abs(promotion.time.getTime() - Date.now()) < 60_000);
      const xid = Number(await server.value('select xmin from a'));
      const commit = events.at(-1);
      assert(commit?.kind === 'commit' && commit.xid === xid && commit.lsn > promotion.lsn);
    });
  });
}
