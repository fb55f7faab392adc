import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Json } from '#local/integration';
import { machine, outcome } from './engine-world.ts';

/** What Step Functions gives for an expression, where it is not what everybody would expect. */
const gives: [string, Json][] = [
  ['1/0', 'Infinity'],
  ['-1/0', '-Infinity'],
  ['0/0', 'NaN'],
  ["{'k': [1/0, 2]}", { k: ['Infinity', 2] }],
  ['1e308 * 10', 'Infinity'],
  ["$parseInteger('abc', '0')", 'NaN'],
  ['1/0 > 5', true],
  ['$partition([1, 2, 3], $nothing)', [[1, 2, 3]]],
  ['$partition([], $nothing)', [[]]],
  ['$partition([1, 2, 3], 1.5)', [[1], [2], [3]]],
  ['$exists($partition($nothing, 2))', false],
  ['$exists($hash($nothing, "MD5"))', false],
  ['$exists($hash("a"))', false],
  ['$range(5, 1, -1.5)', [5, 4, 3, 2, 1]],
  ['[$range(3, 0, 1)]', []],
  ['$append([], $range(7, 7, 1))', [7]],
  ['$count($range(0, 1000, 1))', 1001],
  ['$count($range(1, 360145, 1))', 360_145],
  ['$random(0.9) = $random(0)', true],
  ['$random($nothing) < 1', true],
  ["$parse(\"{'a': 'it'}\")", { a: 'it' }],
  ['$parse("\'a \\"b\\" \\\\u0041\'")', 'a "b" A'],
  ["$parse(' [1.0, 1e2, -0, null, true, {}] ')", [1, 100, 0, null, true, {}]],
  ['$parse("{\\"__proto__\\": 1}").a = 1', false],
  ["$decodeUrlComponent('a+b%2Bc%20d%E6%97%A5')", 'a b+c d日'],
  ["$decodeUrlComponent('%E6')", '\ufffd'],
  ["$base64decode('YWJ')", 'ab'],
  ["$base64decode('5pel5pysIGE=')", '日本 a'],
  ["$base64encode('日本 a')", '5pel5pysIGE='],
  ["$formatNumber(0.125, '0.00')", '0.12'],
  ['$round(2.675, 2)', 2.68],
  ['$string(1e20)', '100000000000000000000'],
  ['$string(1e21)', '1e+21'],
  ['$count(null)', 1],
  ['$toMillis($now()) = $millis()', true],
  ['$count([1..873782])', 873_782],
];

/** And what it says when it fails; nothing for what gives nothing. */
const fails: [string, string?][] = [
  ['$hash("a", $nothing)', ". D3137: Hash algorithm 'null' must be one of SHA-1, SHA-384, SHA-256, SHA-512, MD5"],
  ['$hash("a", "SHA256")', ". D3137: Hash algorithm 'SHA256' must be one of SHA-1, SHA-384, SHA-256, SHA-512, MD5"],
  ['$hash()', '. T0410: Argument 1 of function "hash" does not match function signature'],
  ['$hash("a", 5)', '. T0410: Argument 2 of function "hash" does not match function signature'],
  ['$hash("a", "MD5", "x")', '. T0410: Argument 3 of function "hash" does not match function signature'],
  ['$partition(5, 2)', '. T0412: Argument 1 of function "partition" must be an array of undefined'],
  ['$partition(null, 2)', '. T0412: Argument 1 of function "partition" must be an array of undefined'],
  ['$partition([1], "2")', '. T0410: Argument 2 of function "partition" does not match function signature'],
  ['$partition([1], -1)', '. D3137: Second argument must be zero or greater'],
  ['$partition([1], -0.5)'],
  ['$partition([], 2)'],
  ['$range(0, 4, 0)'],
  ['$range(0, 4, 1, 2)', '. T0410: Argument 4 of function "range" does not match function signature'],
  ['$range(1, null, 1)', '. T0410: Argument 2 of function "range" does not match function signature'],
  ['$range(1, 360146, 1)', ': Expression evaluation memory limit exceeded: Check for excessive memory usage'],
  ['$random("x")', '. T0410: Argument 1 of function "random" does not match function signature'],
  ['$parse(null)', '. T0410: Argument 1 of function "parse" does not match function signature'],
  ...[
    '',
    '  ',
    'NaN',
    '1e400',
    '{"a":1,"a":2}',
    '[1] [2]',
    '[1,]',
    '{a:1}',
    '01',
    '"a',
    '\\',
    '"\\x"',
    '"a\'',
    'nul',
  ].map((text): [string, string] => [`$parse(${JSON.stringify(text)})`, '. D3137: Invalid JSON']),
  ['$parse($string([1..9]) & "x")', '. D3137: Invalid JSON'],
  ["$decodeUrlComponent('%zz')", '. D3140: Malformed URL passed to $decodeUrlComponent(): "%zz"'],
  ["$base64decode('!!')", ': the text is not base64'],
  ['$count([1..873783])', ': Expression evaluation memory limit exceeded: Check for excessive memory usage'],
  [
    "($f := function($s, $n){ $n = 0 ? $s : $f($s & $s, $n - 1) }; $f('x', 23))",
    ': Expression evaluation memory limit exceeded: Check for excessive memory usage',
  ],
  ['$eval("1+1")', '. T1006: Attempted to invoke a non-function'],
  ['1/0 + 1', '. D1001: Number out of range: null'],
];

const run = (expression: string) =>
  outcome(machine({ A: { Type: 'Pass', Output: { r: `{% ${expression} %}` }, End: true } }));

for (const [expression, value] of gives) {
  test(`${expression} gives ${JSON.stringify(value)}`, async () => {
    const { output, cause } = await run(expression);
    assert.deepEqual(output, { r: value }, cause);
  });
}

for (const [expression, says] of fails) {
  test(`${expression} fails`, async () => {
    const { error, cause } = await run(expression);
    assert.equal(error, 'States.QueryEvaluationError');
    const what = says === undefined ? 'returned nothing (undefined).' : `threw an error during evaluation${says}`;
    assert.equal(
      cause,
      `An error occurred while executing the state 'A' (entered at the event id #2). The JSONata expression '${expression}' specified for the field 'Output/r' ${what}`,
    );
  });
}

test('what is read as JSON is nested as deep as it likes, and no deeper than the stack', async () => {
  const nested = (depth: number) => `${'['.repeat(depth)}${']'.repeat(depth)}`;
  const states = { A: { Type: 'Pass', Output: '{% $type($parse($states.input)) %}', End: true } };
  assert.equal((await outcome(machine(states), { input: nested(1_000) })).output, 'array');
  assert.match((await outcome(machine(states), { input: nested(100_000) })).cause!, /D3137: Invalid JSON$/);
});
