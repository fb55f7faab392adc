import assert from 'node:assert/strict';
import { test } from 'node:test';
import { describeDump, describeDumpProof } from '#model/describe-dump';
import { type DumpId, dumpId } from '#model/dump-id';
import { type DumpProof, dumpNotProven } from '#model/dump-proof';
import { dumpMetrics, dumpProofMetrics } from '#model/task-metrics';
import type { DumpResult } from '#model/task-result';

const dump: DumpId = dumpId(new Date('2026-11-20T05:13:45.123Z'), 'dump');
const result: DumpResult = {
  ...{ source: 'main', dump, kind: 'dump', databases: ['shop', 'crm'], rawBytes: 3 << 20, storedBytes: 1 << 20 },
  ...{ warnings: [], durationMs: 90_000 },
};
const times = { startedAt: '2026-11-20T05:14:00.000Z', finishedAt: '2026-11-20T05:15:00.000Z' };
const proof: DumpProof = {
  ...{ format: 'lifeboat-dump-proof/1', source: 'main', dump, ok: true, verdict: 'proven', restored: true },
  ...{ failure: null, checks: [{ check: 'rows', ok: true, detail: '5', durationMs: 1 }], execution: null, ...times },
  databases: [
    { name: 'shop', tables: 3, durationMs: 5 },
    { name: 'crm', tables: 4, durationMs: 5 },
  ],
  ...{ rawBytes: 3 << 20, durationMs: 60_000 },
};

test('a dump is told with what is in it, how large it is, and what is strange about it', () => {
  assert.deepEqual(describeDump({ ...result, warnings: ['roles without passwords'] }), {
    title: `dump ${dump} of main is committed`,
    what: 'shop, crm: 3.00 MiB dumped in 1m 30s, stored as 1.00 MiB\nroles without passwords',
  });
  const many = { ...result, databases: ['a', 'b', 'c', 'd', 'e', 'f'] };
  assert.match(describeDump(many).what, /^6 databases \(a, b, c, d, e, …\): /);
});

test('what its restore showed is told, and what reading it back did', () => {
  assert.deepEqual(describeDumpProof(proof), {
    title: `dump ${dump} of main is proven`,
    what: 'shop, crm restored in 1m, with 7 tables; 1 check is as it should be',
  });
  assert.deepEqual(describeDumpProof({ ...proof, verdict: 'verified', restored: false, databases: [], checks: [] }), {
    title: `dump ${dump} of main is verified`,
    what: '3.00 MiB read back in 1m, as they were written',
  });
});

test('a broken one is told with why, whether it could not be restored or answered wrongly', () => {
  const failure = { name: 'RestoreFailed', message: 'no extension' };
  const broken = { ...proof, ok: false, verdict: 'broken' as const };
  const told = describeDumpProof({ ...broken, restored: false, failure, checks: [], databases: [] });
  assert.deepEqual(told, { title: `dump ${dump} of main is BROKEN`, what: 'RestoreFailed: no extension' });
  const wrong = describeDumpProof({ ...broken, checks: [{ check: 'rows', ok: false, detail: '4', durationMs: 1 }] });
  assert.equal(wrong.what, 'rows: 4\nshop, crm restored in 1m, with 7 tables');
});

test('one that could not be looked at says nothing about the dump', () => {
  const failure = { name: 'RestoreFailed', message: 'no disk' };
  const told = describeDumpProof(dumpNotProven({ source: 'main', dump, execution: null, failure, ...times }));
  assert.deepEqual(told, {
    title: `dump ${dump} of main could not be looked at`,
    what: 'RestoreFailed: no disk\nThis says nothing about the dump, which stays as it was.',
  });
});

test('it is measured in bytes and seconds, and by what it showed', () => {
  const values = (records: { name: string; value: number }[]) => records.map(({ name, value }) => [name, value]);
  assert.deepEqual(values(dumpMetrics(result)), [
    ['DumpRawBytes', 3 << 20],
    ['DumpStoredBytes', 1 << 20],
    ['DumpSeconds', 90],
  ]);
  assert.deepEqual(values(dumpProofMetrics(proof)), [['DumpProven', 1]]);
  const failure = { name: 'x', message: 'y' };
  const untold = dumpNotProven({ source: 'main', dump, execution: null, failure, ...times });
  assert.deepEqual(values(dumpProofMetrics(untold)), [['DumpProven', 0]]);
});
