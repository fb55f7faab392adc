import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Plan, parsePlan } from '#model/plan';
import { choosePurge } from '#model/purge-choice';

const plan = parsePlan(
  `bucket: ./bucket
encryption: none
sources:
  orders: { connection: { host: localhost, user: backup } }
  ledger: { kind: rds, instance: ledger-db, schedules: { snapshot: rate(1 day) } }
  books: { kind: rds, cluster: books, schedules: { snapshot: rate(1 day) }, retention: { window: 7d } }
`,
  'plan.yml',
);
const onAws = { ...plan, aws: {} } as Plan;

test('whatever is in the plan can be purged, with or without retention', () => {
  for (const name of ['orders', 'ledger', 'books']) assert.equal(choosePurge(plan, name).name, name);
});

test('a stack purges databases of RDS only where it may delete their snapshots', () => {
  for (const name of ['orders', 'books']) assert.equal(choosePurge(onAws, name).name, name);
  assert.throws(() => choosePurge(onAws, 'ledger'), { name: 'InputInvalid', hint: /retention: \{ window: 35d \}/ });
});

test('what is not in the plan is refused, with what was meant', () => {
  assert.throws(() => choosePurge(plan, 'order'), { name: 'InputInvalid', hint: /did you mean "orders"/ });
});
