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
const retrier = (more: { [name: string]: Json }): Json => ({ ErrorEquals: ['E'], ...more });
const map = (more: { [name: string]: Json }): Json => machine({ M: { Type: 'Map', ...end, ...more } });
const processed = (config: Json): Json => map({ ItemProcessor: { ...scope({ I: pass }), ProcessorConfig: config } });
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
  [
    task({ Retry: [retrier({ BackoffRate: 0.5 })] }),
    /^state A: Retry\[0\]\/BackoffRate is 0\.5: expected a number from 1$/,
  ],
  [
    task({ Retry: [retrier({ IntervalSeconds: -1 })] }),
    /IntervalSeconds is -1: expected a whole number from 0 to 99999999/,
  ],
  [task({ Retry: [retrier({ MaxAttempts: -1 })] }), /MaxAttempts is -1/],
  [task({ Retry: [retrier({ MaxAttempts: '{% 1 %}' })] }), /MaxAttempts is "{% 1 %}": expected a whole number/],
  [task({ Retry: [retrier({ MaxDelaySeconds: 31_622_401 })] }), /MaxDelaySeconds is 31622401/],
  [task({ Retry: [retrier({ JitterStrategy: 'HALF' })] }), /JitterStrategy is "HALF": expected FULL or NONE/],
  [task({ Retry: [retrier({ ErrorEquals: ['E', 'States.ALL'] })] }), /States\.ALL to stand alone, in the last rule/],
  [
    task({ Retry: [retrier({ ErrorEquals: ['States.ALL'] }), retrier({})] }),
    /^state A: Retry\[0\]\/ErrorEquals is \["States/,
  ],
  [task({ Catch: [{ ErrorEquals: [], Next: 'B' }] }), /Catch\[0\]\/ErrorEquals is \[\]: expected names of errors/],
  [task({ TimeoutSeconds: 0 }), /^state A: TimeoutSeconds is 0/],
  [task({ TimeoutSeconds: 1.5 }), /TimeoutSeconds is 1\.5/],
  [task({ TimeoutSeconds: '1' }), /TimeoutSeconds is "1"/],
  [task({ TimeoutSeconds: 5, HeartbeatSeconds: 5 }), /HeartbeatSeconds is 5: expected less than TimeoutSeconds, 5/],
  [map({ ...items, MaxConcurrency: -1 }), /MaxConcurrency is -1/],
  [map({ ...items, ToleratedFailurePercentage: 101 }), /ToleratedFailurePercentage is 101/],
  [map({ ...items, ToleratedFailureCount: 0.5 }), /ToleratedFailureCount is 0\.5/],
  [machine({ A: { Type: 'Wait', Seconds: -1, ...end } }), /Seconds is -1/],
  [machine({ A: { Type: 'Wait', Seconds: 100_000_000, ...end } }), /Seconds is 100000000/],
  [machine({ A: { ...pass, Assign: { '1x': 1 } } }), /Assign sets \$1x, which is no name of a variable/],
  [machine({ A: { ...pass, Assign: { 'a-b': 1 } } }), /Assign sets \$a-b, which is no name of a variable/],
  [machine({ A: { ...pass, Output: { v: ['{% 1 %} '] } } }), /Output v \[0\] begins with {% but does not end with %}/],
  [machine({ A: pass }, { Timeout: 1 }), /^Timeout is not a field of a machine/],
  [machine({ A: pass }, { Version: '2.0' }), /^Version is "2\.0": expected "1\.0"$/],
  [processed({ Mode: 'DISTRIBUTED' }), /ExecutionType is nothing: expected STANDARD or EXPRESS/],
  [processed({ Mode: 'DISTRIBUTED', ExecutionType: 'FAST' }), /ExecutionType is "FAST"/],
  [processed({ Mode: 'INLINE', ExecutionType: 'STANDARD' }), /nothing of an INLINE one/],
  [machine({ A: { Type: 'Wait', Timestamp: '2026-02-30T00:00:00Z', ...end } }), /Timestamp is "2026-02-30/],
  [machine({ A: { Type: 'Pass', Next: 'B' }, B: { Type: 'Pass', Next: 'A' } }), /^no state is an end$/],
  [machine({ A: { Type: 'Pass', Next: 'B'.repeat(81) }, ['B'.repeat(81)]: pass }), /longer than 80 characters$/],
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
  task({ TimeoutSeconds: 5, HeartbeatSeconds: 4, Retry: [retrier({ MaxAttempts: 0, BackoffRate: 1.5 })] }),
  task({ TimeoutSeconds: '{% 5 %}', Retry: [retrier({}), { ErrorEquals: ['States.ALL'], JitterStrategy: 'FULL' }] }),
  machine({ A: { Type: 'Wait', Timestamp: '2028-02-29T23:59:59.5+01:00', ...end } }),
  processed({ Mode: 'DISTRIBUTED', ExecutionType: 'EXPRESS' }),
  processed({ Mode: 'INLINE' }),
  machine({ A: { ...pass, Assign: { größe_1: 1 }, Output: 'no {% 1 %}' } }, { Version: '1.0', Comment: 'c' }),
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
