import assert from 'node:assert/strict';
import { test } from 'node:test';
import { firingName, plannedSchedules } from '#local/planned-schedules';
import { readBackupInput, readDrillInput } from '#model/machine-input';
import { parsePlan } from '#model/plan';

const planOf = (sources: Record<string, object>) =>
  parsePlan(
    JSON.stringify({
      bucket: './bucket',
      encryption: 'none',
      sources: Object.fromEntries(
        Object.entries(sources).map(([name, schedules]) => [
          name,
          { connection: { host: 'localhost', user: 'lifeboat' }, schedules },
        ]),
      ),
    }),
    'plan.yml',
  );

test('the plan says what is started when, and somebody watches every minute', () => {
  const plan = planOf({
    main: { full: 'cron(0 2 ? * SUN *)', incremental: 'cron(0 2 ? * MON-SAT *)', drill: 'cron(0 5 1 * ? *)' },
    other: { full: 'rate(1 day)' },
    never: {},
  });
  const scheduledTime = '<aws.scheduler.scheduled-time>';
  const backup = (source: string, type: string) => ({ stateMachine: 'backup', input: { source, type, scheduledTime } });
  assert.deepEqual(plannedSchedules(plan), [
    { name: 'full-main', expression: 'cron(0 2 ? * SUN *)', target: backup('main', 'full') },
    { name: 'incremental-main', expression: 'cron(0 2 ? * MON-SAT *)', target: backup('main', 'incremental') },
    {
      name: 'drill-main',
      expression: 'cron(0 5 1 * ? *)',
      target: { stateMachine: 'drill', input: { source: 'main', target: 'random', scheduledTime } },
    },
    { name: 'full-other', expression: 'rate(1 day)', target: backup('other', 'full') },
    { name: 'watch', expression: 'rate(1 minute)', target: { function: 'watch', input: {} } },
  ]);
});

test('the machines take these inputs once the time is filled in', () => {
  const scheduledTime = '2026-11-22T02:00:00Z';
  const expression = 'rate(1 day)';
  const plan = planOf({ main: { full: expression, incremental: expression, drill: expression } });
  for (const { target } of plannedSchedules(plan).slice(0, 3)) {
    const input = { ...(target.input as object), scheduledTime };
    if ('stateMachine' in target && target.stateMachine === 'drill') readDrillInput(input);
    else readBackupInput(input);
  }
});

test('an execution is named after its schedule and the second it was due', () => {
  assert.equal(firingName('full-main', new Date('2026-11-22T02:00:00Z')), 'full-main-20261122T020000Z');
});

test('the longest source still has names that AWS takes, and others than its neighbour', () => {
  const long = 'a'.repeat(62);
  const daily = { full: 'rate(1 day)', incremental: 'rate(1 day)', drill: 'rate(1 day)' };
  const names = plannedSchedules(planOf({ [`${long}b`]: daily, [`${long}c`]: daily })).map(({ name }) => name);
  assert.equal(new Set(names).size, 7);
  for (const name of names) {
    assert.match(name, /^[\w-]{1,64}$/);
    assert.match(firingName(name, new Date('2026-11-22T02:00:00Z')), /^[\w-]{1,80}$/);
  }
});
