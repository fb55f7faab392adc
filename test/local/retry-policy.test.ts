import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Retrier } from '#local/definition';
import type { FailedAttempt } from '#local/journal-record';
import { type Failing, whatFollows } from '#local/retry-policy';

const failing = (more: Partial<Failing>): Failing => ({
  error: 'E',
  retriers: [],
  catchers: [],
  before: [],
  now: 1_000,
  random: 0.5,
  ...more,
});
const retried = (retrier: number): FailedAttempt => ({
  error: 'E',
  cause: '',
  as: 'failed',
  next: { retrier, until: 0 },
});
const delays = (retrier: Omit<Retrier, 'ErrorEquals'>, count: number, random = 0.5) =>
  Array.from({ length: count }, (_, used) => {
    const before = Array.from({ length: used }, () => retried(0));
    const next = whatFollows(failing({ retriers: [{ ErrorEquals: ['E'], ...retrier }], before, random }));
    return next && 'until' in next ? next.until - 1_000 : next;
  });

test('a second, two, four, and then no more, unless it says otherwise', () => {
  assert.deepEqual(delays({}, 4), [1_000, 2_000, 4_000, null]);
});

test('interval, rate and longest delay', () => {
  assert.deepEqual(
    delays({ IntervalSeconds: 3, BackoffRate: 1.5, MaxAttempts: 5, MaxDelaySeconds: 6 }, 5),
    [3_000, 4_500, 6_000, 6_000, 6_000],
  );
});

test('full jitter draws from nothing to the whole delay', () => {
  assert.deepEqual(delays({ JitterStrategy: 'FULL' }, 3, 0.25), [250, 500, 1_000]);
  assert.deepEqual(delays({ JitterStrategy: 'FULL' }, 1, 0), [0]);
  assert.deepEqual(delays({ JitterStrategy: 'NONE' }, 1, 0.25), [1_000]);
});

test('a delay is never more than a date can bear', () => {
  const [last] = delays({ MaxAttempts: 99_999, BackoffRate: 10 }, 2_000).slice(-1);
  assert.ok(Number.isFinite(last));
});

const names: [string[], string, boolean][] = [
  [['E'], 'E', true],
  [['F', 'E'], 'E', true],
  [['e'], 'E', false],
  [['States.ALL'], 'E', true],
  [['States.ALL'], 'States.Timeout', true],
  [['States.ALL'], 'States.QueryEvaluationError', true],
  [['States.ALL'], 'States.DataLimitExceeded', true],
  [['States.ALL'], 'States.Runtime', false],
  [['States.TaskFailed'], 'E', true],
  [['States.TaskFailed'], 'States.Timeout', false],
  [['States.TaskFailed'], 'States.HeartbeatTimeout', true],
  [['States.TaskFailed'], 'States.DataLimitExceeded', true],
  [['States.TaskFailed'], 'States.QueryEvaluationError', false],
  [['States.Timeout'], 'States.HeartbeatTimeout', true],
  [['States.HeartbeatTimeout'], 'States.Timeout', false],
  [['States.DataLimitExceeded'], 'States.DataLimitExceeded', true],
  [['States.Runtime'], 'States.Runtime', false],
];
for (const [ErrorEquals, error, fits] of names) {
  test(`${ErrorEquals} ${fits ? 'names' : 'does not name'} ${error}`, () => {
    const next = whatFollows(failing({ error, catchers: [{ ErrorEquals, Next: 'X' }] }));
    assert.deepEqual(next, fits ? { catcher: 0 } : null);
    assert.equal(whatFollows(failing({ error, retriers: [{ ErrorEquals }] })) !== null, fits);
  });
}

test('a retrier that is used up does not leave the error to the next one', () => {
  const retriers = [{ ErrorEquals: ['E'], MaxAttempts: 1 }, { ErrorEquals: ['States.ALL'] }];
  const catchers = [{ ErrorEquals: ['States.ALL'], Next: 'X' }];
  assert.deepEqual(whatFollows(failing({ retriers, catchers, before: [retried(0)] })), { catcher: 0 });
});
