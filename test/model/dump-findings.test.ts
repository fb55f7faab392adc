import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type DumpFacts, dumpFindings, overdueDumps } from '#model/dump-findings';
import { parseSchedule } from '#model/schedule';

const hourMs = 3_600_000;
const now = new Date('2026-11-20T12:00:00Z');
const ago = (hours: number): string => new Date(now.getTime() - hours * hourMs).toISOString();

const source = {
  name: 'main',
  schedules: { dump: parseSchedule('cron(0 4 * * ? *)'), timezone: 'UTC', windowMinutes: 0 },
  dump: { schemaOnly: false, restoreTest: true },
};
type Dump = DumpFacts['dumps'][number];
const dump = (hours: number, more: Partial<Dump> = {}): Dump => ({
  ...{ dump: `dump-${hours}`, kind: 'dump', startedAt: ago(hours), finishedAt: ago(hours - 0.1), state: 'proven' },
  ...{ provedAt: ago(hours - 0.2), failure: null },
  ...more,
});
const found = (dumps: readonly Dump[], more: Partial<DumpFacts> = {}) =>
  dumpFindings({ source, dumps, watchedSince: new Date(ago(100)), now, ...more });
const kinds = (dumps: readonly Dump[], more: Partial<DumpFacts> = {}) => found(dumps, more).map(({ kind }) => kind);

describe('a dump that was due', () => {
  test('is overdue an hour later, since its time, with the command that makes up for it', () => {
    const [finding, ...others] = found([dump(32)]);
    assert.deepEqual(others, []);
    assert.deepEqual(
      [finding!.kind, finding!.since, finding!.todo, finding!.dedupe],
      ['dump-overdue', '2026-11-20T04:00:00.000Z', 'lifeboat dump main', 'dump-overdue main'],
    );
    assert.match(finding!.what, /^the dump that was due at 2026-11-20T04:00:00.000Z is not there: the last one that/);
    assert.match(found([])[0]!.what, /is not there: there is none$/);
  });

  test('is there once one was taken after it, by whomever', () => assert.deepEqual(kinds([dump(32), dump(7)]), []));

  test('is not waited for where no schedule has it taken, or before anybody watched', () => {
    const without = { ...source, schedules: { timezone: 'UTC', windowMinutes: 0 } };
    assert.deepEqual(kinds([], { source: without }), []);
    assert.deepEqual(kinds([], { watchedSince: new Date(ago(2)) }), []);
  });

  test('is not replaced by definitions alone, where rows were promised', () => {
    const schema = dump(7, { kind: 'schema' });
    assert.deepEqual(kinds([dump(32), schema]), ['dump-overdue']);
    assert.deepEqual(kinds([schema], { source: { ...source, dump: { ...source.dump, schemaOnly: true } } }), []);
  });

  test('may take twice as long as the last one did', () => {
    const slow = dump(31.9, { finishedAt: ago(27) });
    assert.deepEqual(kinds([slow], { now: new Date(now.getTime()) }), []);
    assert.deepEqual(kinds([dump(31.9)]), ['dump-overdue']);
  });
});

describe('the newest dump', () => {
  test('that is broken is damage, until there is a better one', () => {
    const broken = dump(7, { state: 'broken', failure: 'no extension' });
    const [finding] = found([broken]);
    assert.deepEqual(
      [finding!.kind, finding!.what, finding!.since],
      ['damage', 'dump dump-7 is broken: no extension', ago(6.8)],
    );
    assert.deepEqual(kinds([broken, dump(1)]), []);
  });

  test('is unproven when nobody has looked at it for six hours; read back alone is enough where no more is wanted', () => {
    const [old, fresh] = [dump(7, { state: 'committed', provedAt: null }), dump(5, { state: 'committed' })];
    assert.deepEqual(kinds([old]), ['unproven']);
    assert.deepEqual(kinds([fresh]), []);
    assert.deepEqual(kinds([dump(7, { state: 'verified' })]), []);
  });
});

test('dumps that are overdue are counted where there is a schedule, and no other finding is', () => {
  const findings = found([dump(32, { state: 'broken' })]);
  assert.deepEqual(overdueDumps(source, findings), [{ name: 'OverdueDumps', source: 'main', value: 1 }]);
  assert.deepEqual(overdueDumps(source, []), [{ name: 'OverdueDumps', source: 'main', value: 0 }]);
  assert.deepEqual(overdueDumps({ ...source, schedules: { timezone: 'UTC', windowMinutes: 0 } }, findings), []);
});
