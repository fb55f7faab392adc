import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { MetricRecord } from '#model/metric';

const program = fileURLToPath(new URL('emf-child.ts', import.meta.url));

/** The lines that a function would log. */
const printed = (records: MetricRecord[], environment = {}) =>
  execFileSync(process.execPath, [program, JSON.stringify(records)], {
    env: { LIFEBOAT_STACK: 'lifeboat-prod', POWERTOOLS_METRICS_NAMESPACE: 'Lifeboat', ...environment },
    encoding: 'utf8',
  })
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line));

const records: MetricRecord[] = [
  { name: 'RpoSeconds', source: 'main', value: 2.5 },
  { name: 'WalLagBytes', source: 'main', value: 0 },
  { name: 'RpoSeconds', source: 'other', value: 7 },
  { name: 'WatchedSources', source: null, value: 2 },
];

test('each source has a line that CloudWatch makes metrics of, by stack and source alone', () => {
  const lines = printed(records);
  assert.deepEqual(
    lines.map(({ _aws }) => _aws.CloudWatchMetrics),
    [
      [
        {
          Namespace: 'Lifeboat',
          Dimensions: [['stack', 'source']],
          Metrics: [
            { Name: 'RpoSeconds', Unit: 'Seconds' },
            { Name: 'WalLagBytes', Unit: 'Bytes' },
          ],
        },
      ],
      [
        {
          Namespace: 'Lifeboat',
          Dimensions: [['stack', 'source']],
          Metrics: [{ Name: 'RpoSeconds', Unit: 'Seconds' }],
        },
      ],
      [{ Namespace: 'Lifeboat', Dimensions: [['stack']], Metrics: [{ Name: 'WatchedSources', Unit: 'Count' }] }],
    ],
  );
  assert.ok(lines.every(({ _aws }) => Math.abs(Date.now() - _aws.Timestamp) < 60_000));
  assert.deepEqual(
    lines.map(({ _aws: _, ...rest }) => rest),
    [
      { stack: 'lifeboat-prod', source: 'main', RpoSeconds: 2.5, WalLagBytes: 0 },
      { stack: 'lifeboat-prod', source: 'other', RpoSeconds: 7 },
      { stack: 'lifeboat-prod', WatchedSources: 2 },
    ],
  );
});

test('nothing is printed of nothing', () => {
  assert.deepEqual(printed([]), []);
});
