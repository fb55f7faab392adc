import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { embeddedInstallation } from '#harness/postgres-installations';
import { TestServer } from '#harness/postgres-server';
import type { Lsn } from '#model/lsn';
import { walkEvents } from '#postgres/wal-events';
import { WalWalker } from '#postgres/wal-records';
import { LastCommit } from '#recovery/last-commit';
import { runWorkload, segmentSizeOf, walBytes } from '../postgres/wal-workload.ts';

let server: TestServer;
before(async () => {
  server = await TestServer.create(embeddedInstallation(), {
    initdb: ['--wal-segsize=1'],
    settings: { max_prepared_transactions: '5', wal_keep_size: '200MB' },
  });
});
after(() => server.remove());

test('the last commit of a real server’s WAL is found wherever a record begins', async () => {
  const { start, end } = await runWorkload(server);
  const segmentSize = await segmentSizeOf(server);
  const systemId = await server.value('select system_identifier::text from pg_control_system()');
  const bytes = walBytes(server, segmentSize, start, end);
  const records: Lsn[] = [];
  new WalWalker({ start, segmentSize, onRecord: (record) => void records.push(record.lsn) }).feed(bytes);
  const commits: { at: Lsn; end: Lsn; time: number }[] = [];
  walkEvents({
    ...{ start, segmentSize, kinds: ['commit'] },
    onEvent: (event) => {
      if (event.kind === 'commit') commits.push({ at: event.lsn, end: event.end, time: event.time.getTime() });
    },
  }).feed(bytes);
  assert.ok(commits.length > 100 && records.length > 5_000, `${commits.length} of ${records.length}`);
  for (let index = 0; index < records.length; index += 37) {
    const from = records[index]!;
    const to = records[Math.min(records.length - 1, index + 400)]!;
    const expected = commits.filter(({ at, end: until }) => at >= from && until <= to).at(-1)?.time;
    const piece = new LastCommit({ start: from, segmentSize, systemId });
    piece.feed(bytes.subarray(Number(from - start), Number(to - start)));
    assert.equal(piece.time?.getTime(), expected, `${index}: ${from.toString(16)}`);
  }
});
