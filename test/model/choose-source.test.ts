import assert from 'node:assert/strict';
import { test } from 'node:test';
import { chooseSource } from '#model/choose-source';
import { parsePlan } from '#model/plan';

const plan = (...names: string[]) =>
  parsePlan(
    `bucket: b\nencryption: none\nsources:\n${names.map((name) => `  ${name}: { connection: { host: h, user: u } }\n`).join('')}`,
    'plan.yml',
  );

test('a source is chosen by name, or is the only one there is', () => {
  assert.equal(chooseSource(plan('orders', 'audit'), 'audit').name, 'audit');
  assert.equal(chooseSource(plan('orders'), undefined).name, 'orders');
});

test('among several one has to be named', () => {
  assert.throws(() => chooseSource(plan('orders', 'audit'), undefined), {
    name: 'InputInvalid',
    message: /orders, audit$/,
  });
});

test('a name that is none is answered with the nearest and all', () => {
  assert.throws(() => chooseSource(plan('orders', 'audit'), 'order', '--source'), {
    message: `--source: "order" is not allowed: expected one of the plan's sources: orders, audit`,
    hint: 'did you mean "orders"?',
  });
});
