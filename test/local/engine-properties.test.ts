import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from '#harness/fast-check';
import { evaluate } from '#local/expression';
import type { Json } from '#local/integration';
import { printRecord, readRecords } from '#local/journal';
import { NotJson, toJson } from '#local/json-value';
import { machine, outcome } from './engine-world.ts';

/** As it is once it was written and read: what else could an input be? */
const json = fc.jsonValue({ maxDepth: 4 }).map((value) => JSON.parse(JSON.stringify(value)) as Json);
const input = (value: Json) => ({ states: { input: value } });

test('an expression that names a value gives that value, whatever it is', async () => {
  await fc.assert(
    fc.asyncProperty(json, async (value) => {
      assert.deepEqual(await evaluate('{% $states.input %}', 'Output', input(value)), value);
      assert.deepEqual(await evaluate('{% $v %}', 'Output', { v: value }), value);
    }),
    { numRuns: 300 },
  );
});

test('in an object and in a list it is the same value', async () => {
  await fc.assert(
    fc.asyncProperty(json, async (value) => {
      assert.deepEqual(await evaluate({ a: ['{% $states.input %}'] }, 'Output', input(value)), { a: [value] });
      assert.deepEqual(await evaluate("{% {'a': $states.input} %}", 'Output', input(value)), { a: value });
    }),
    { numRuns: 300 },
  );
});

test('text goes there and back', async () => {
  await fc.assert(
    fc.asyncProperty(json, async (value) => {
      assert.deepEqual(await evaluate('{% $parse($text) %}', 'Output', { text: JSON.stringify(value) }), value);
    }),
    { numRuns: 300 },
  );
});

test('no expression changes what it was given, and what it gives shares nothing with it', async () => {
  const expressions = [
    '$sort($keys($v))',
    '$v[]',
    '$append($v, 1)',
    '$reverse([$v])',
    '$v ~> |$|{"x":1}|',
    '[$v][0]',
    '$v.*',
  ];
  await fc.assert(
    fc.asyncProperty(json, fc.constantFrom(...expressions), async (value, expression) => {
      const before = JSON.stringify(value);
      const result = await evaluate(`{% ${expression} %}`, 'Output', { v: value }).catch(() => null);
      spoil(result);
      assert.equal(JSON.stringify(value), before, expression);
      const again = await evaluate('{% $v %}', 'Output', { v: value });
      assert.equal(JSON.stringify(again), before);
    }),
    { numRuns: 400 },
  );
});

function spoil(value: Json): void {
  if (Array.isArray(value)) {
    value.forEach(spoil);
    value.push('spoilt');
  } else if (value !== null && typeof value === 'object') {
    Object.values(value).forEach(spoil);
    value.spoilt = true;
  }
}

test('a template without expressions is itself', async () => {
  const texts = fc.jsonValue({ maxDepth: 4 }).filter((value) => !JSON.stringify(value).includes('{%'));
  await fc.assert(
    fc.asyncProperty(texts, async (value) => {
      const template = JSON.parse(JSON.stringify(value)) as Json;
      assert.deepEqual(await evaluate(template, 'Output', {}), template);
    }),
    { numRuns: 300 },
  );
});

test('a machine that passes its input on gives it, whatever it is', async () => {
  await fc.assert(
    fc.asyncProperty(json, async (value) => {
      const states = {
        A: { Type: 'Pass', Assign: { v: '{% $states.input %}' }, Next: 'B' },
        B: { Type: 'Pass', Output: '{% $v %}', End: true },
      };
      const { output } = await outcome(machine(states), { input: value });
      assert.deepEqual(output, value);
    }),
    { numRuns: 60 },
  );
});

test('a record is read as it was written, whatever is in it', () => {
  fc.assert(
    fc.property(fc.array(json, { maxLength: 5 }), (values) => {
      const records = values.map((value, at) => ({ at, type: 'succeeded' as const, key: '/A#0', result: value }));
      const bytes = Buffer.from(records.map(printRecord).join(''));
      assert.deepEqual(readRecords(bytes, 'x').records, records);
    }),
  );
});

test('what is no JSON is none at any depth', () => {
  const odd = fc.constantFrom<unknown>(
    Number.NaN,
    Number.POSITIVE_INFINITY,
    undefined,
    () => 1,
    new Date(),
    /x/,
    1n,
    new Map(),
    Symbol('x'),
  );
  const nest = (value: unknown, path: readonly boolean[]): unknown =>
    path.reduce((inner, list) => (list ? [1, inner] : { a: inner }), value);
  fc.assert(
    fc.property(odd, fc.array(fc.boolean(), { maxLength: 6 }), (value, path) => {
      if (value === undefined && path[0] === false) return; // a member that is not there
      assert.throws(() => toJson(nest(value, path)), NotJson);
    }),
  );
});
