import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkDefinition } from '#local/check-definition';
import type { Json } from '#local/integration';
import { machine, scope } from './engine-world.ts';

const end = { End: true };
const pass = { Type: 'Pass', ...end };
const output = (expression: string): Json => machine({ A: { ...pass, Output: { v: `{% ${expression} %}` } } });
const task = (more: { [name: string]: Json }): Json =>
  machine({ A: { Type: 'Task', Resource: 'arn:aws:states:::lambda:invoke', Next: 'B', ...more }, B: pass });
const map = (more: { [name: string]: Json }): Json => machine({ M: { Type: 'Map', ...end, ...more } });
const items = { ItemProcessor: scope({ I: pass }) };

/** AWS makes no machine of these, and neither do we. */
const refused: [Json, RegExp][] = [
  [output('phone'), /^state A: Output v names phone, but there is no document/],
  [output('phone[0]'), /names phone/],
  [output('$.phone'), /names \$, but there is no document/],
  [output('$$'), /names \$\$, but there is no document/],
  [output('{aaa: 1}'), /names aaa/],
  [output('-aaa'), /names aaa/],
  [output('[aaa]'), /names aaa/],
  [output('($x := aaa; $x)'), /names aaa/],
  [output('$map($states.input.a, function($x){ b })'), /names b/],
  [output('$states.input ~> $append(aaa)'), /names aaa/],
  [output('$x ?? 1'), /has the operator \?\?/],
  [output('$x ?: 1'), /has the operator \?:/],
  [output('$states.result'), /names \$states\.result, which is not there: expected input, context/],
  [output('$states.errorOutput.Cause'), /names \$states\.errorOutput/],
  [output('$states.inputs'), /names \$states\.inputs/],
  [output('phone[1,2)'), /is not JSONata: Expected "]", got ","/],
  [output('$match("a", /abc'), /is not JSONata: No terminating/],
  [task({ Arguments: '{% $states.result %}' }), /Arguments names \$states\.result/],
  [task({ Output: '{% $states.errorOutput %}' }), /names \$states\.errorOutput/],
  [task({ Catch: [{ ErrorEquals: ['E'], Output: '{% $states.result %}', Next: 'B' }] }), /Catch\[0\]\/Output names/],
  [map({ ...items, Items: '{% phone %}' }), /^state M: Items names phone/],
  [map({ ...items, ItemSelector: { Next: '{% phone %}' } }), /ItemSelector Next names phone/],
  [map({ ItemProcessor: scope({ I: { ...pass, Output: '{% phone %}' } }) }), /state I: Output names phone/],
  [machine({ A: { Type: 'Wait', Seconds: '{% phone %}', ...end } }), /Seconds names phone/],
  [machine({ A: { Type: 'Fail', Cause: '{% phone %}' } }), /Cause names phone/],
  [
    machine({ A: { Type: 'Choice', Choices: [{ Condition: '{% phone = 1 %}', Next: 'B' }] }, B: pass }),
    /Choices\[0\]\/Condition names phone/,
  ],
  [machine({ A: { ...pass, TimeoutSeconds: 1 } }), /^state A: TimeoutSeconds is not a field of it/],
  [map({ ...items, TimeoutSeconds: 1 }), /TimeoutSeconds is not a field/],
  [machine({ A: { ...pass, Catch: [{ ErrorEquals: ['E'], Next: 'A' }] } }), /^state A: Catch is not a field of it/],
  [machine({ A: { Type: 'Fail', Assign: { x: 1 } } }), /Assign is not a field/],
  [machine({ A: { Type: 'Succeed', End: true } }), /End is not a field/],
  [task({ Retry: [{ ErrorEquals: ['E'], MaxAttempt: 1 }] }), /Retry\[0\]\/MaxAttempt is not a field/],
  [machine({ A: { Type: 'Pass', Next: 'B' }, B: { Type: 'Pass', Next: 'A' } }), /^no state is an end$/],
  [machine({ A: pass, B: pass }), /^state B: no state leads to it$/],
  [
    machine({ M: { Type: 'Map', ...items, Next: 'I' }, I: pass }),
    /^state I: another state of the machine has this name$/,
  ],
  [
    machine({
      A: { Type: 'Pass', Assign: { x: 1 }, Next: 'M' },
      M: { Type: 'Map', ItemProcessor: scope({ I: { ...pass, Assign: { x: 2 } } }), ...end },
    }),
    /Assign sets \$x, a variable of an outer scope/,
  ],
  [
    machine({
      M: { Type: 'Map', ItemProcessor: scope({ I: { ...pass, Assign: { x: 2 } } }), Assign: { x: 1 }, Next: 'C' },
      C: { Type: 'Choice', Choices: [{ Condition: '{% true %}', Next: 'M' }], Default: 'Z' },
      Z: pass,
    }),
    /Assign sets \$x, a variable of an outer scope/,
  ],
];

for (const [definition, says] of refused) {
  test(`${JSON.stringify((definition as { States: Json }).States).slice(0, 100)} is refused`, () => {
    const problems = checkDefinition(definition);
    assert.equal(problems.length, 1, problems.join('\n'));
    assert.match(problems[0]!, says);
  });
}

const taken: Json[] = [
  output('$states.input.phone'),
  output('$states.input.items[phone > 3]'),
  output('$states.input{type: n}'),
  output('$states.input^(n).{ "k": n }'),
  output('$map($states.input.a, function($x){ $x.phone })'),
  output('$phone ? $phone : 1'),
  output('$exists($phone) ? $phone : 1'),
  output('($states).result'),
  task({ Output: '{% $states.result %}', Assign: { r: '{% $states.result %}' } }),
  task({ Comment: '{% phone %}', Retry: [{ ErrorEquals: ['{% phone %}'] }] }),
  task({ Catch: [{ ErrorEquals: ['E'], Output: '{% $states.errorOutput.Cause %}', Next: 'B' }] }),
  // set only behind the scope that sets it as well
  machine({
    M: { Type: 'Map', ItemProcessor: scope({ I: { ...pass, Assign: { x: 2 } } }), Next: 'Z' },
    Z: { ...pass, Assign: { x: 1 } },
  }),
];
for (const definition of taken) {
  test(`${JSON.stringify((definition as { States: Json }).States).slice(0, 100)} is taken`, () => {
    assert.deepEqual(checkDefinition(definition), []);
  });
}
