import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { metricHelp, metricNames, metricRecords, metricUnit, prometheusName } from '#model/metric';
import type { Proof } from '#model/proof';
import { backupMetrics, drillMetrics, objectMetrics, verificationMetrics } from '#model/task-metrics';
import type { BaseBackupResult } from '#model/task-result';
import { type WatchedSource, watchMetrics } from '#model/watch-metrics';

const values = (records: readonly { name: string; value: number }[]) =>
  Object.fromEntries(records.map(({ name, value }) => [name, value]));

test('every metric has one name in each of both worlds, with its unit at the end', () => {
  assert.equal(prometheusName('WalLagBytes'), 'lifeboat_wal_lag_bytes');
  assert.equal(new Set(metricNames.map(prometheusName)).size, metricNames.length);
  for (const name of metricNames) {
    // https://prometheus.io/docs/concepts/data_model/
    assert.match(prometheusName(name), /^[a-z_:][a-z0-9_:]*$/);
    assert.match(metricHelp[name], /^[^\n\\]+$/);
  }
  assert.deepEqual((['WalLagBytes', 'RpoSeconds', 'BackupRatio', 'WalGaps'] as const).map(metricUnit), [
    'Bytes',
    'Seconds',
    'None',
    'Count',
  ]);
});

test('the page on operating names all that is pushed', () => {
  const page = readFileSync(new URL('../../docs/operating.md', import.meta.url), 'utf8');
  for (const name of metricNames.filter((one) => one !== 'ObjectVerified')) {
    assert.ok(page.includes(`\`${prometheusName(name).replace('lifeboat_', '')}\``), name);
  }
});

test('what nobody knows is no number', () => {
  const unknown = {
    RpoSeconds: null,
    RtoSeconds: undefined,
    BackupRatio: Number.NaN,
    WalLagBytes: Infinity,
    WalGaps: 0,
  };
  assert.deepEqual(metricRecords('main', unknown), [{ name: 'WalGaps', source: 'main', value: 0 }]);
});

const result = { source: 'main', rawBytes: 3_000, storedBytes: 1_000, durationMs: 1_500 } as BaseBackupResult;

test('a backup is measured in bytes, seconds and how much smaller it got', () => {
  const expected = { BackupRawBytes: 3_000, BackupStoredBytes: 1_000, BackupSeconds: 1.5, BackupRatio: 3 };
  assert.deepEqual(values(backupMetrics(result)), expected);
  assert.equal(values(backupMetrics({ ...result, storedBytes: 0 })).BackupRatio, undefined);
});

test('a drill is measured by what it proved, and how long that took', () => {
  const proof = { source: 'main', verdict: 'proven', durationsMs: { files: 1_000, replay: 200, checks: 30 } } as Proof;
  assert.deepEqual(values(drillMetrics(proof)), { DrillProven: 1, DrillSeconds: 1.23 });
  assert.deepEqual(values(drillMetrics({ ...proof, verdict: 'broken' })), { DrillProven: 0, DrillSeconds: 1.23 });
  assert.deepEqual(values(drillMetrics({ ...proof, verdict: 'not carried out' })), { DrillProven: 0 });
});

test('what was read back counts once: not what was known, nor what is gone', () => {
  assert.deepEqual(values(verificationMetrics('main', false)), { BackupVerified: 0 });
  assert.deepEqual(values(objectMetrics('main', 'verified')), { ObjectVerified: 1 });
  assert.deepEqual(values(objectMetrics('main', 'damaged')), { ObjectVerified: 0 });
  assert.deepEqual([...objectMetrics('main', 'known'), ...objectMetrics('main', 'gone')], []);
});

const watched: WatchedSource = {
  at: '2026-11-20T05:01:00.000Z',
  lossMs: 2_500,
  tier: { rpoMs: 60_000, rtoMs: 3_600_000 },
  rto: { ms: 90_000 },
  server: { state: 'reachable', flushed: '0/5000100' },
  behind: { storedTo: '0/5000000', since: '2026-11-20T05:00:30.000Z' },
  gap: null,
  findings: [{ kind: 'backup-overdue' }, { kind: 'damage' }],
  summary: { counts: { proven: 5, verified: 2, committed: 1, broken: 4 } },
};
const watch = (more: Partial<WatchedSource> = {}, last: Date | null = new Date('2026-11-20T04:01:00Z')) =>
  values(watchMetrics('main', { ...watched, ...more }, last ?? undefined));

test('a source is measured against its tier', () => {
  assert.deepEqual(watch(), {
    Restorable: 1,
    RpoSeconds: 2.5,
    RpoTierSeconds: 60,
    RtoSeconds: 90,
    RtoTierSeconds: 3_600,
    WalLagBytes: 256,
    WalLagSeconds: 30,
    WalGaps: 0,
    OverdueBackups: 1,
    BrokenBackups: 4,
    UnprovenBackups: 3,
    ProvenBackups: 5,
    LastBackupAgeSeconds: 3_600,
  });
});

test('where everything would be lost there is no loss in seconds, but nothing to restore', () => {
  const { Restorable, RpoSeconds } = watch({ lossMs: null });
  assert.deepEqual([Restorable, RpoSeconds], [0, undefined]);
});

test('WAL lags by nothing where the server has nothing else, and by nobody knows what while it is gone', () => {
  const { WalLagBytes, WalLagSeconds } = watch({ behind: null });
  assert.deepEqual([WalLagBytes, WalLagSeconds], [0, 0]);
  const gone = watch({ server: { state: 'unreachable' } });
  assert.deepEqual([gone.WalLagBytes, gone.WalLagSeconds], [undefined, undefined]);
  const never = watch({ behind: { storedTo: null, since: watched.at } });
  assert.deepEqual([never.WalLagBytes, never.WalLagSeconds], [undefined, 0]);
});

test('without a backup, a tier and a drill, only what is known is told', () => {
  const few = watch({ tier: null, rto: null, summary: null, gap: { after: '0/1' } }, null);
  assert.deepEqual(Object.keys(few).sort(), [
    'OverdueBackups',
    'Restorable',
    'RpoSeconds',
    'WalGaps',
    'WalLagBytes',
    'WalLagSeconds',
  ]);
  assert.equal(few.WalGaps, 1);
});
