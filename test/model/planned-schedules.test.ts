import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readBackupInput, readDrillInput, readScrubInput } from '#model/machine-input';
import { parsePlan } from '#model/plan';
import { filledIn, firingName, isFiringOf, plannedSchedules } from '#model/planned-schedules';

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
    main: {
      full: 'cron(0 2 ? * SUN *)',
      incremental: 'cron(0 2 ? * MON-SAT *)',
      drill: 'cron(0 5 1 * ? *)',
      scrub: 'cron(0 6 * * ? *)',
      timezone: 'Europe/Berlin',
      windowMinutes: 15,
    },
    other: { full: 'rate(1 day)' },
    never: {},
  });
  const scheduledTime = '<aws.scheduler.scheduled-time>';
  const backup = (source: string, type: string) => ({ stateMachine: 'backup', input: { source, type, scheduledTime } });
  const berlin = { timezone: 'Europe/Berlin', windowMinutes: 15 };
  const utc = { timezone: 'UTC', windowMinutes: 0 };
  assert.deepEqual(plannedSchedules(plan), [
    { name: 'full-main', expression: 'cron(0 2 ? * SUN *)', ...berlin, target: backup('main', 'full') },
    {
      name: 'incremental-main',
      expression: 'cron(0 2 ? * MON-SAT *)',
      ...berlin,
      target: backup('main', 'incremental'),
    },
    {
      name: 'drill-main',
      expression: 'cron(0 5 1 * ? *)',
      ...berlin,
      target: { stateMachine: 'drill', input: { source: 'main', target: 'random', scheduledTime } },
    },
    {
      name: 'scrub-main',
      expression: 'cron(0 6 * * ? *)',
      ...berlin,
      target: { stateMachine: 'scrub', input: { source: 'main', scheduledTime } },
    },
    { name: 'full-other', expression: 'rate(1 day)', ...utc, target: backup('other', 'full') },
    { name: 'watch', expression: 'rate(1 minute)', ...utc, target: { function: 'watch', input: {} } },
  ]);
});

test('the machines take these inputs once the time is filled in', () => {
  const scheduledTime = '2026-11-22T02:00:00Z';
  const expression = 'rate(1 day)';
  const plan = planOf({ main: { full: expression, incremental: expression, drill: expression, scrub: expression } });
  const read: Record<string, (input: unknown) => unknown> = {
    backup: readBackupInput,
    drill: readDrillInput,
    scrub: readScrubInput,
  };
  for (const { target } of plannedSchedules(plan).slice(0, 4)) {
    const machine = 'stateMachine' in target ? target.stateMachine : '';
    const { input } = filledIn(target, new Date(scheduledTime));
    assert.equal(input.scheduledTime, scheduledTime);
    assert.deepEqual(read[machine]!(input), input);
  }
});

test('an execution is named after its schedule and the second it was due', () => {
  assert.equal(firingName('full-main', new Date('2026-11-22T02:00:00Z')), 'full-main-20261122T020000Z');
});

test('whose firing an execution is can be told by its name', () => {
  const name = firingName('full-main', new Date('2026-11-22T02:00:00Z'));
  assert.ok(isFiringOf('full-main', name));
  assert.ok(!isFiringOf('full', name));
  assert.ok(!isFiringOf('full-main', `full-main-2-${name.slice(-16)}`));
  assert.ok(!isFiringOf('full-main', 'full-main-again'));
});

test('the longest source still has names that AWS takes, and others than its neighbour', () => {
  const long = 'a'.repeat(62);
  const daily = { full: 'rate(1 day)', incremental: 'rate(1 day)', drill: 'rate(1 day)', scrub: 'rate(1 day)' };
  const names = plannedSchedules(planOf({ [`${long}b`]: daily, [`${long}c`]: daily })).map(({ name }) => name);
  assert.equal(new Set(names).size, 9);
  for (const name of names) {
    assert.match(name, /^[\w-]{1,64}$/);
    assert.match(firingName(name, new Date('2026-11-22T02:00:00Z')), /^[\w-]{1,80}$/);
  }
});

test('the groups that can fail over are watched every minute, where there are any', () => {
  const site = (port: number) => ({
    server: { kind: 'postgres', connection: { host: 'db', port, user: 'lifeboat' }, control: { kind: 'sql' } },
  });
  const shop = { source: 'main', home: 'east', sites: { east: site(5432), west: site(5433) } };
  const sources = { main: { connection: { host: 'localhost', user: 'lifeboat' } } };
  const watches = (more: object) =>
    plannedSchedules(
      parsePlan(JSON.stringify({ bucket: './bucket', encryption: 'none', sources, ...more }), 'plan.yml'),
    )
      .filter(({ name }) => name === 'watch-failover')
      .map(({ expression, target }) => [expression, target]);
  assert.deepEqual(watches({}), []);
  assert.deepEqual(watches({ failover: { shop } }), [['rate(1 minute)', { function: 'watch-failover', input: {} }]]);
});
