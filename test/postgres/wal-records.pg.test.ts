import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import fc from '#harness/fast-check';
import { type Installation, installations } from '#harness/postgres-installations';
import { TestServer } from '#harness/postgres-server';
import { formatLsn, type Lsn, parseLsn } from '#model/lsn';
import { type WalEvent, walkEvents } from '#postgres/wal-events';
import type { WalRecord } from '#postgres/wal-record';
import { WalWalker, type WalWalkOptions } from '#postgres/wal-records';
import { runWorkload, segmentSizeOf, walBytes } from './wal-workload.ts';

/** Of a switch record: behind it the segment is not written. */
const switchBytes = 24;

const clusters = installations().flatMap((installation) => [
  { installation, megabytes: 1, walLevel: 'replica', compression: 'off' },
  { installation, megabytes: 16, walLevel: 'logical', compression: 'pglz' },
]);

for (const cluster of clusters) {
  describe(`the WAL of ${cluster.installation.name} in segments of ${cluster.megabytes} MiB`, () => {
    let server: TestServer;
    let segmentSize: number;
    let range: { start: Lsn; end: Lsn };
    let truth: TrueRecord[];
    let bytes: Buffer;
    before(async () => {
      server = await createServer(cluster);
      segmentSize = await segmentSizeOf(server);
      range = await runWorkload(server);
      truth = await inspect(server, range);
      bytes = walBytes(server, segmentSize, range.start, range.end);
    });
    after(() => server.remove());

    function walk(fed: Buffer, options: Partial<WalWalkOptions> = {}, cuts: Iterable<number> = []) {
      const found: FoundRecord[] = [];
      const onRecord = (record: WalRecord) => found.push(describeRecord(record));
      const walker = new WalWalker({ start: range.start, segmentSize, onRecord, ...options });
      let from = 0;
      for (const length of cuts) {
        walker.feed(fed.subarray(from, from + length));
        from += Math.min(length, fed.length - from);
      }
      return { found, result: walker.feed(fed.subarray(from)) };
    }

    test('is read record by record as the server reads it', () => {
      const { found, result } = walk(bytes, { verifyCrc: 'all' });
      assert(truth.length > 3000, `only ${truth.length} records`);
      assertSame(
        found,
        truth.map(({ record }) => record),
      );
      assert.deepEqual(result, { ended: 'end of data', at: range.end });
    });

    test('is read the same however it is cut', () => {
      const whole = walk(bytes).found;
      const sizes = fc.array(fc.oneof(fc.integer({ min: 1, max: 200_000 }), fc.integer({ min: 1, max: 30 })), {
        minLength: 40,
        maxLength: 200,
      });
      fc.assert(
        fc.property(sizes, fc.constantFrom('none' as const, 'all' as const), (cuts, verifyCrc) => {
          assertSame(walk(bytes, { verifyCrc }, cuts).found, whole);
        }),
        { numRuns: 8 },
      );
    });

    test('is read from any page on', () => {
      const whole = walk(bytes).found;
      fc.assert(
        fc.property(fc.integer({ min: 1, max: Math.floor(bytes.length / 8192) - 1 }), (page) => {
          const start = (range.start + BigInt(page * 8192)) as Lsn;
          fc.pre(!whole.some(({ lsn, end, length }) => lsn < start && start < end && length === switchBytes));
          const { found } = walk(bytes.subarray(page * 8192), { start });
          assertSame(
            found,
            whole.filter(({ lsn }) => lsn >= start),
          );
        }),
        { numRuns: 40 },
      );
    });

    test('is read up to a changed byte and not beyond, when CRCs are verified', () => {
      const part = bytes.subarray(0, 300_000);
      const whole = walk(part).found;
      fc.assert(
        fc.property(fc.nat(part.length - 1), fc.integer({ min: 1, max: 255 }), (at, change) => {
          const changed = Buffer.from(part);
          changed[at] = changed[at]! ^ change;
          const { found } = walk(changed, { verifyCrc: 'all' });
          assertSame(found, whole.slice(0, found.length));
          const position = range.start + BigInt(at);
          const hit = whole.findIndex(({ lsn, length }) => position >= lsn && position < lsn + BigInt(length));
          if (hit >= 0 && whole[hit]!.end - whole[hit]!.lsn < 8192n) assert.equal(found.length, hit);
        }),
        { numRuns: 60 },
      );
    });

    test('tells of commits, restore points and the rest what the server says of them', () => {
      const events: WalEvent[] = [];
      const walker = walkEvents({ start: range.start, segmentSize, kinds, onEvent: (event) => events.push(event) });
      for (let from = 0; from < bytes.length; from += 10_000) walker.feed(bytes.subarray(from, from + 10_000));
      const expected = truth.flatMap(({ event }) => (event ? [event] : []));
      assert.deepEqual(events.map(describeEvent), expected);
      const made = new Set(expected.map((line) => line.replace(/ (\d|at ).*/, '')));
      assert.deepEqual([...made].sort(), [...kindsMade].sort());
    });
  });
}

const kinds = ['commit', 'abort', 'restore point', 'checkpoint', 'switch', 'end of recovery'] as const;
const kindsMade = ['commit', 'commit prepared', 'abort', 'abort prepared', 'restore point', 'checkpoint', 'switch'];

/** One by one: the difference of two long lists takes minutes to print. */
function assertSame(found: FoundRecord[], expected: FoundRecord[]): void {
  for (const [index, record] of expected.entries()) assert.deepEqual(found[index], record);
  assert.equal(found.length, expected.length);
}

function createServer(cluster: {
  installation: Installation;
  megabytes: number;
  walLevel: string;
  compression: string;
}): Promise<TestServer> {
  return TestServer.create(cluster.installation, {
    initdb: [`--wal-segsize=${cluster.megabytes}`],
    settings: {
      max_prepared_transactions: '5',
      wal_keep_size: '200MB',
      wal_level: cluster.walLevel,
      wal_compression: cluster.compression,
      autovacuum: 'off',
      timezone: 'UTC',
      lc_messages: 'C',
    },
  });
}

interface FoundRecord {
  lsn: Lsn;
  end: Lsn;
  previous: Lsn;
  xid: number;
  resourceManager: number;
  length: number;
  mainDataLength: number;
  keptBytes: number;
}

const describeRecord = (record: WalRecord): FoundRecord => ({
  lsn: record.lsn,
  end: record.end,
  previous: record.previous,
  xid: record.xid,
  resourceManager: record.resourceManager,
  length: record.length,
  mainDataLength: record.mainDataLength,
  keptBytes: record.mainData.length,
});

interface TrueRecord {
  record: FoundRecord;
  event: string | undefined;
}

/** What pg_walinspect says; it has a row for each record. */
async function inspect(server: TestServer, range: { start: Lsn; end: Lsn }): Promise<TrueRecord[]> {
  const rows = await server.query(
    `select start_lsn, end_lsn, prev_lsn, xid, resource_manager, record_type, record_length, main_data_length,
            case when resource_manager in ('XLOG', 'Transaction') then description end as description
       from pg_get_wal_records_info('${formatLsn(range.start)}', '${formatLsn(range.end)}')`,
  );
  return rows.map((row) => ({ record: recordOf(row as Row), event: eventOf(row as Row) }));
}

type Row = Record<string, string>;

const recordOf = (row: Row): FoundRecord => ({
  lsn: parseLsn(row.start_lsn!),
  end: parseLsn(row.end_lsn!),
  previous: parseLsn(row.prev_lsn!),
  xid: Number(row.xid),
  resourceManager: resourceManagers.indexOf(row.resource_manager!),
  length: Number(row.record_length),
  mainDataLength: Number(row.main_data_length),
  keptBytes: Math.min(128, Number(row.main_data_length)),
});

/** In the order of PostgreSQL's rmgrlist.h. */
const resourceManagers = (
  'XLOG Transaction Storage CLOG Database Tablespace MultiXact RelMap Standby Heap2 Heap Btree Hash Gin Gist ' +
  'Sequence SPGist BRIN CommitTs ReplicationOrigin Generic LogicalMessage'
).split(' ');

/** The server's description of the record, in the words of `describeEvent`. */
function eventOf(row: Row): string | undefined {
  const at = `at ${row.start_lsn} to ${row.end_lsn}`;
  const description = row.description ?? '';
  const transaction = /^(COMMIT|ABORT)(_PREPARED)?$/.exec(row.record_type!);
  if (row.resource_manager === 'Transaction' && transaction) {
    const [, xid = row.xid, time] = /^(?:(\d+): )?([^;]+)/.exec(description)!;
    const kind = `${transaction[1]!.toLowerCase()}${transaction[2] ? ' prepared' : ''}`;
    return `${kind} ${xid} ${microsOf(time!)} ${at}`;
  }
  if (row.resource_manager !== 'XLOG') return undefined;
  if (row.record_type === 'RESTORE_POINT') return `restore point ${at} ${description}`;
  if (row.record_type === 'SWITCH') return `switch ${at}`;
  const checkpoint = /^redo (\S+); tli (\d+);.*; (shutdown|online)$/.exec(description);
  if (/^CHECKPOINT_(SHUTDOWN|ONLINE)$/.test(row.record_type!)) {
    return `checkpoint ${at} ${checkpoint![3]} redo ${checkpoint![1]} timeline ${checkpoint![2]}`;
  }
  return undefined;
}

function microsOf(text: string): bigint {
  const [, seconds, fraction = ''] = /^([^.+]+)(?:\.(\d+))?\+00$/.exec(text)!;
  return BigInt(Date.parse(`${seconds}Z`)) * 1000n + BigInt(fraction.padEnd(6, '0'));
}

function describeEvent(event: WalEvent): string {
  const at = `at ${formatLsn(event.lsn)} to ${formatLsn(event.end)}`;
  switch (event.kind) {
    case 'commit':
    case 'abort':
      assert.equal(BigInt(event.time.getTime()), event.timeMicros / 1000n);
      return `${event.kind}${event.prepared ? ' prepared' : ''} ${event.xid} ${event.timeMicros} ${at}`;
    case 'restore point':
      assert(Math.abs(event.time.getTime() - Date.now()) < 60_000);
      return `restore point ${at} ${event.name}`;
    case 'checkpoint': {
      assert(Math.abs(event.time.getTime() - Date.now()) < 60_000);
      const kind = event.shutdown ? 'shutdown' : 'online';
      return `checkpoint ${at} ${kind} redo ${formatLsn(event.redo)} timeline ${event.timeline}`;
    }
    default:
      return `${event.kind} ${at}`;
  }
}
