import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Json } from '#local/integration';
import { failing, lasting, machine, outcome, scope, type Task } from './engine-world.ts';

interface Case {
  states: Record<string, Json>;
  more?: { [name: string]: Json };
  input?: Json;
  tasks?: Record<string, Task>;
  gives?: Json;
  /** error and, if it matters, cause */
  fails?: [string, (string | RegExp)?];
  status?: string;
  /** seconds from the start to the end */
  takes?: number;
}

const lambda = 'arn:aws:states:::lambda:invoke';
const end = { End: true };
const call = (more: { [name: string]: Json } = {}): { [name: string]: Json } => ({
  Type: 'Task',
  Resource: lambda,
  ...(more.Next ? {} : end),
  ...more,
});
const pass = (Output: Json, more: { [name: string]: Json } = {}): Json => ({
  Type: 'Pass',
  Output,
  ...(more.Next ? {} : end),
  ...more,
});
const gives = (expression: string, result: Json, input: Json = {}): Case => ({
  states: { A: pass(`{% ${expression} %}`) },
  input,
  gives: result,
});
const queryFails = (expression: string, says: string | RegExp, input: Json = {}): Case => ({
  states: { A: pass(`{% ${expression} %}`) },
  input,
  fails: [
    'States.QueryEvaluationError',
    typeof says === 'string'
      ? `An error occurred while executing the state 'A' (entered at the event id #2). The JSONata expression '${expression}' specified for the field 'Output' ${says}`
      : says,
  ],
});
const nothing = 'returned nothing (undefined).';
const echo: Task = ({ arguments: given }) => given;
const tasks = { 'lambda:invoke': echo };
const times = (count: number, then: Json, error = 'Flaky'): Record<string, Task> => {
  let left = count;
  return { 'lambda:invoke': () => (left-- > 0 ? failing(error, 'once more')(undefined as never) : then) };
};
const never = { 'lambda:invoke': lasting };
const breaks = (error: string, cause = ''): Record<string, Task> => ({ 'lambda:invoke': failing(error, cause) });
const big = (bytes: number) => 'x'.repeat(bytes);
const map = (more: { [name: string]: Json }, states: Record<string, Json> = { I: { Type: 'Pass', ...end } }): Json => ({
  Type: 'Map',
  ItemProcessor: scope(states),
  ...(more.Next ? {} : end),
  ...more,
});
const distributed = (more: { [name: string]: Json }, states: Record<string, Json>): Json => ({
  Type: 'Map',
  ItemProcessor: { ProcessorConfig: { Mode: 'DISTRIBUTED', ExecutionType: 'STANDARD' }, ...scope(states) },
  ...end,
  ...more,
});
const parallel = (branches: Record<string, Json>[], more: { [name: string]: Json } = {}): Json => ({
  Type: 'Parallel',
  Branches: branches.map(scope),
  ...(more.Next ? {} : end),
  ...more,
});
const caught = { Caught: pass({ caught: '{% $states.input %}' }) };
const catchAll = [{ ErrorEquals: ['States.ALL'], Next: 'Caught' }];

const cases: Record<string, Record<string, Case>> = {
  expressions: {
    'a number': gives('1 + 2', 3),
    'a list of one stays a list when it was one': gives('$states.input.l', [1], { l: [1] }),
    'a path that finds one thing gives that thing': gives(
      '$states.input.l[n=1]',
      { n: 1 },
      { l: [{ n: 1 }, { n: 2 }] },
    ),
    'unless it is asked to keep the list': gives('$states.input.l[n=1][]', [{ n: 1 }], { l: [{ n: 1 }, { n: 2 }] }),
    'null is a value': gives('$states.input.n', null, { n: null }),
    'null is a value in a list': gives('[null, 1]', [null, 1]),
    'a missing field': queryFails('$states.input.y', nothing),
    'a missing variable': queryFails('$missing', nothing),
    'a function is no value': queryFails('$sum', /returned an unsupported result type/),
    'nor in an object': queryFails("{'f': $sum}", /returned an unsupported result type/),
    'nor in a list': queryFails('[function($x){$x}]', /returned an unsupported result type/),
    'a regular expression is no value': queryFails('/a/', /returned an unsupported result type/),
    'infinity is its name': gives('1/0', 'Infinity'),
    'also within a list': gives('[-1/0, 1]', ['-Infinity', 1]),
    'no number is its name': gives('0/0', 'NaN'),
    'minus zero is zero': gives('$string(-0 * 1)', '0'),
    'an error has its code': queryFails(
      "$split('a','b',-1)",
      'threw an error during evaluation. D3020: Third argument of split function must evaluate to a positive number',
    ),
    'a wrong argument': queryFails(
      "$sum(['a'])",
      'threw an error during evaluation. T0412: Argument 1 of function "sum" must be an array of "numbers"',
    ),
    'values that do not compare': queryFails("1 < 'a'", /T2009/),
    'an error that is raised': queryFails("$error('no')", /threw an error during evaluation\. D3137: no/),
    'a recursion without end': queryFails('($f := function($x){ 1 + $f($x) }; $f(1))', /Stack overflow error/),
    'a hundred terms are the deepest': gives(`1${'+1'.repeat(99)}`, 100),
    'one more is too deep': queryFails(`1${'+1'.repeat(100)}`, /Stack overflow error/),
    'text beside an expression is text': {
      states: { A: pass({ a: ' {% 1 %}', b: ' {% 1 %} ', c: 'x {% 1 %} y', d: '%}' }) },
      gives: { a: ' {% 1 %}', b: ' {% 1 %} ', c: 'x {% 1 %} y', d: '%}' },
    },
    'expressions at any depth': {
      states: { A: pass({ a: [{ b: ['{% 1 %}', 'x', ['{% [2] %}']] }], '{% 1 %}': null }) },
      gives: { a: [{ b: [1, 'x', [[2]]] }], '{% 1 %}': null },
    },
    'a field is named by its path': {
      states: { A: pass({ a: [{ b: ['x', '{% $no %}'] }] }) },
      fails: ['States.QueryEvaluationError', /the field 'Output\/a\[0\]\/b\[1\]' returned nothing/],
    },
    'a member named __proto__': {
      states: { A: pass('{% $states.input %}') },
      input: JSON.parse('{"__proto__":{"a":1},"b":2}'),
      gives: JSON.parse('{"__proto__":{"a":1},"b":2}'),
    },
    'sorting leaves the input as it was': {
      states: { A: pass({ s: '{% $sort($states.input.l) %}', l: '{% $states.input.l %}' }) },
      input: { l: [3, 1, 2] },
      gives: { s: [1, 2, 3], l: [3, 1, 2] },
    },
    'the context': {
      states: {
        A: pass('{% $merge([$states.context.Execution, {"StartTime": 0}]) %}'),
      },
      input: { x: 1 },
      gives: {
        Id: 'arn:aws:states:local:000000000000:execution:machine:one',
        Input: { x: 1 },
        StartTime: 0,
        Name: 'one',
        RoleArn: 'arn:aws:iam::000000000000:role/lifeboat',
        RedriveCount: 0,
      },
    },
    'the state and its machine in the context': {
      states: { A: pass(['{% $states.context.StateMachine.Name %}', '{% $states.context.State %}']) },
      gives: ['machine', { EnteredTime: '2026-03-01T12:00:00.000Z', Name: 'A' }],
    },
  },

  "Step Functions' functions": {
    $partition: gives('$partition([1,2,3,4,5], 2)', [[1, 2], [3, 4], [5]]),
    '$partition of a list that fits': gives('$partition([0], 5)', [[0]]),
    '$partition cuts the size to a whole number': gives('$partition([1,2,3], 2.9)', [[1, 2], [3]]),
    '$partition of nothing': queryFails('$partition([], 2)', nothing),
    '$partition into parts of nothing': queryFails('$partition([1], 0)', nothing),
    '$partition into parts of less': queryFails(
      '$partition([1], -1)',
      /D3137: Second argument must be zero or greater/,
    ),
    $range: gives('$range(0, 10, 2)', [0, 2, 4, 6, 8, 10]),
    '$range downwards': gives('$range(3, 1, -1)', [3, 2, 1]),
    '$range of one number is that number': gives('$range(3, 3, 1)', 3),
    '$range that cannot be': queryFails('$range(5, 1, 1)', nothing),
    '$range without a step': queryFails('$range(1, 5)', nothing),
    '$range cuts towards zero': gives('$range(-1.7, 2, 1)', [-1, 0, 1, 2]),
    '$range that is too long': queryFails(
      '$range(1, 1000000000, 1)',
      'threw an error during evaluation: Expression evaluation memory limit exceeded: Check for excessive memory usage',
    ),
    '$hash MD5': gives("$hash('Hello', 'MD5')", '8b1a9953c4611296a827abf8c47804d7'),
    '$hash SHA-1': gives("$hash('Hello', 'SHA-1')", 'f7ff9e8b7bb2e09b70935a5d785e0cc5d9d0abf0'),
    '$hash SHA-256': gives(
      "$hash('Hello', 'SHA-256')",
      '185f8db32271fe25f561a6fc938b2e264306ec304eda518007d1764826381969',
    ),
    '$hash SHA-384': gives("$length($hash('Hello', 'SHA-384'))", 96),
    '$hash SHA-512': gives("$length($hash('Hello', 'SHA-512'))", 128),
    '$hash of what is not ASCII': gives("$hash('ñ', 'MD5')", '94e9342ecbb1458b6043ecd3bfcbc192'),
    '$hash by another name': queryFails("$hash('a', 'md5')", /D3137/),
    '$hash of a number': queryFails("$hash(42, 'MD5')", /T0410: Argument 1 of function "hash"/),
    '$random is below one': gives('$random() < 1 and $random() >= 0', true),
    '$random of a seed': gives(
      '[$random(42), $random(0), $random(7)]',
      [0.7275636800328681, 0.730967787376657, 0.7306990420600421],
    ),
    $uuid: gives('$match($uuid(), /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/).index', 0),
    '$uuid is another each time': gives('$uuid() = $uuid()', false),
    '$uuid takes nothing': queryFails("$uuid('x')", /T0410/),
    $parse: gives('$parse(\'{"a":[1,null]}\').a', [1, null]),
    '$parse of a null': gives("$exists($parse('null'))", true),
    '$parse of what is no JSON': queryFails("$parse('no')", /D3137: Invalid JSON/),
    '$parse in a map': gives("$map(['1', '2'], $parse)", [1, 2]),
    '$eval is not there': queryFails("$eval('1')", /T1006: Attempted to invoke a non-function/),
  },

  'Pass, Succeed and Fail': {
    'a Pass gives its input': { states: { A: { Type: 'Pass', ...end } }, input: [1], gives: [1] },
    'a Succeed gives its input': { states: { A: { Type: 'Succeed' } }, input: 'x', gives: 'x' },
    'a Succeed with an output': { states: { A: { Type: 'Succeed', Output: '{% 1 %}' } }, gives: 1 },
    'an output of null': { states: { A: pass(null) }, gives: null },
    'a Fail says what it is told to': {
      states: { A: { Type: 'Fail', Error: 'E', Cause: 'because' } },
      fails: ['E', 'because'],
    },
    'a Fail with expressions': {
      states: { A: { Type: 'Fail', Error: "{% 'E' & 1 %}", Cause: '{% $states.input.why %}' } },
      input: { why: 'so' },
      fails: ['E1', 'so'],
    },
    'a Fail without words': { states: { A: { Type: 'Fail' } }, status: 'FAILED' },
    'a Fail whose cause is nothing': {
      states: { A: { Type: 'Fail', Error: 'E', Cause: '{% $no %}' } },
      fails: ['States.QueryEvaluationError', /the field 'Cause' returned nothing/],
    },
    'a Fail whose error is a number': {
      states: { A: { Type: 'Fail', Error: '{% 1 %}' } },
      fails: ['States.QueryEvaluationError', /Expected 'string', but was 'number' for value: 1$/],
    },
  },

  variables: {
    'are there in the next state': {
      states: { A: { Type: 'Pass', Assign: { x: 1 }, Next: 'B' }, B: pass('{% $x %}') },
      gives: 1,
    },
    'are what they were while they are assigned': {
      states: {
        A: { Type: 'Pass', Assign: { x: 3, a: 6 }, Next: 'B' },
        B: pass('{% $x %}', { Assign: { x: '{% $a %}', next: '{% $x %}' }, Next: 'C' }),
        C: pass(['{% $states.input %}', '{% $x %}', '{% $next %}']),
      },
      gives: [3, 6, 3],
    },
    'may be null': {
      states: { A: { Type: 'Pass', Assign: { n: null }, Next: 'B' }, B: pass(['{% $n %}', '{% $exists($n) %}']) },
      gives: [null, true],
    },
    'cannot be nothing': {
      states: { A: { Type: 'Pass', Assign: { x: { y: '{% $no %}' } }, ...end } },
      fails: [
        'States.QueryEvaluationError',
        "An error occurred while executing the state 'A' (entered at the event id #2). The JSONata expression '$no' specified for the field 'Assign/x/y' returned nothing (undefined).",
      ],
    },
    'are set from a result': {
      states: { A: call({ Arguments: 5, Assign: { r: '{% $states.result %}' }, Next: 'B' }), B: pass('{% $r %}') },
      tasks,
      gives: 5,
    },
    'are read by what is inside, and what is inside stays there': {
      states: {
        A: { Type: 'Pass', Assign: { outer: 42 }, Next: 'M' },
        M: map({ Items: [1, 2], Next: 'C' }, { I: pass('{% $outer %}', { Assign: { inner: 1 } }) }),
        C: pass(['{% $states.input %}', '{% $exists($inner) %}']),
      },
      gives: [[42, 42], false],
    },
    'of one branch are not of another': {
      states: {
        P: parallel([
          { A: { Type: 'Pass', Assign: { mine: 1 }, Next: 'A2' }, A2: pass('{% $mine %}') },
          { B: { Type: 'Pass', Next: 'B2' }, B2: pass('{% $exists($mine) %}') },
        ]),
      },
      gives: [1, false],
    },
    'are not seen by a distributed map': {
      states: {
        A: { Type: 'Pass', Assign: { outer: 42 }, Next: 'M' },
        M: distributed({ Items: [1] }, { I: pass('{% $exists($outer) %}', { Assign: { outer: 1 } }) }),
      },
      gives: [false],
    },
    'are set on the way out of a wait': {
      states: { W: { Type: 'Wait', Seconds: 0, Assign: { foo: 'oof' }, Next: 'R' }, R: pass('{% $foo %}') },
      gives: 'oof',
    },
    'are too big': {
      states: { A: { Type: 'Pass', Assign: { x: "{% $pad('', 262145, 'y') %}" }, ...end } },
      fails: ['States.DataLimitExceeded'],
    },
  },

  Choice: {
    'takes the first rule that holds': {
      states: {
        C: {
          Type: 'Choice',
          Choices: [
            { Condition: '{% false %}', Next: 'A' },
            { Condition: '{% true %}', Next: 'B' },
            { Condition: '{% $no %}', Next: 'A' },
          ],
        },
        A: pass('a'),
        B: pass('b'),
      },
      gives: 'b',
    },
    'takes the rule its output and variables': {
      states: {
        C: {
          Type: 'Choice',
          Choices: [{ Condition: '{% $states.input.x = 1 %}', Output: 'rule', Assign: { v: 'rule' }, Next: 'A' }],
          Default: 'A',
          Output: 'default',
          Assign: { v: 'default' },
        },
        A: pass(['{% $states.input %}', '{% $v %}']),
      },
      input: { x: 1 },
      gives: ['rule', 'rule'],
    },
    'takes its own with the default': {
      states: {
        C: {
          Type: 'Choice',
          Choices: [{ Condition: '{% $states.input.x = 1 %}', Output: 'rule', Assign: { v: 'rule' }, Next: 'A' }],
          Default: 'A',
          Output: 'default',
          Assign: { v: 'default' },
        },
        A: pass(['{% $states.input %}', '{% $v %}']),
      },
      gives: ['default', 'default'],
    },
    'gives its input when nothing is said': {
      states: {
        C: { Type: 'Choice', Choices: [{ Condition: '{% true %}', Next: 'A' }], Output: 'default' },
        A: { Type: 'Pass', ...end },
      },
      input: 5,
      gives: 5,
    },
    'fails when no rule holds and there is no default': {
      states: { C: { Type: 'Choice', Choices: [{ Condition: '{% false %}', Next: 'A' }] }, A: pass(1) },
      fails: [
        'States.Runtime',
        "An error occurred while executing the state 'C' (entered at the event id #2). Failed to transition out of the state. The state does not point to a next state.",
      ],
    },
    'names the rule that gives nothing': {
      states: {
        C: {
          Type: 'Choice',
          Choices: [
            { Condition: '{% false %}', Next: 'A' },
            { Condition: '{% $no %}', Next: 'A' },
          ],
          Default: 'A',
        },
        A: pass(1),
      },
      fails: ['States.QueryEvaluationError', /the field 'Choices\[1\]\/Condition' returned nothing/],
    },
    'wants true or false': {
      states: { C: { Type: 'Choice', Choices: [{ Condition: '{% 1 %}', Next: 'A' }], Default: 'A' }, A: pass(1) },
      fails: [
        'States.QueryEvaluationError',
        /'Choices\[0\]\/Condition' returned an unexpected result type. Expected 'boolean', but was 'number' for value: 1$/,
      ],
    },
    "names a rule's output": {
      states: {
        C: { Type: 'Choice', Choices: [{ Condition: '{% true %}', Output: { v: '{% $no %}' }, Next: 'A' }] },
        A: pass(1),
      },
      fails: ['States.QueryEvaluationError', /'Choices\[0\]\/Output\/v'/],
    },
    "names a rule's variable": {
      states: {
        C: { Type: 'Choice', Choices: [{ Condition: '{% true %}', Assign: { v: '{% $no %}' }, Next: 'A' }] },
        A: pass(1),
      },
      fails: ['States.QueryEvaluationError', /'Choices\[0\]\/Assign\/v'/],
    },
    'goes round until it is enough': {
      states: {
        A: { Type: 'Pass', Assign: { n: 0 }, Next: 'B' },
        B: { Type: 'Pass', Assign: { n: '{% $n + 1 %}' }, Next: 'C' },
        C: { Type: 'Choice', Choices: [{ Condition: '{% $n < 500 %}', Next: 'B' }], Default: 'D' },
        D: pass('{% $n %}'),
      },
      gives: 500,
    },
  },

  Wait: {
    seconds: { states: { W: { Type: 'Wait', Seconds: 10, ...end } }, input: 1, gives: 1, takes: 10 },
    'seconds of an expression': { states: { W: { Type: 'Wait', Seconds: '{% 5 * 4 %}', ...end } }, takes: 20 },
    'no seconds': { states: { W: { Type: 'Wait', Seconds: 0, Output: 'x', ...end } }, gives: 'x', takes: 0 },
    'a timestamp': { states: { W: { Type: 'Wait', Timestamp: '2026-03-01T12:01:00Z', ...end } }, takes: 60 },
    'a timestamp of an expression, in another zone': {
      states: { W: { Type: 'Wait', Timestamp: '{% $states.input.t %}', ...end } },
      input: { t: '2026-03-01T13:00:30.500+01:00' },
      takes: 30.5,
    },
    'a timestamp that has passed': {
      states: { W: { Type: 'Wait', Timestamp: '2020-01-01T00:00:00Z', ...end } },
      takes: 0,
    },
    'forty days': { states: { W: { Type: 'Wait', Seconds: 40 * 86_400, ...end } }, takes: 40 * 86_400 },
    'no time at all': {
      states: { W: { Type: 'Wait', Seconds: '{% $no %}', ...end } },
      fails: ['States.QueryEvaluationError', /the field 'Seconds' returned nothing/],
    },
    'less than nothing': {
      states: { W: { Type: 'Wait', Seconds: '{% -1 %}', ...end } },
      fails: ['States.QueryEvaluationError'],
    },
    'half a second': {
      states: { W: { Type: 'Wait', Seconds: '{% 0.5 %}', ...end } },
      fails: ['States.QueryEvaluationError'],
    },
    'seconds as a text': {
      states: { W: { Type: 'Wait', Seconds: "{% '3' %}", ...end } },
      fails: [
        'States.QueryEvaluationError',
        /'Seconds' returned an unexpected result type. Expected 'number', but was 'string' for value: "3"$/,
      ],
    },
    'a date is no timestamp': {
      states: { W: { Type: 'Wait', Timestamp: '{% "2026-03-01" %}', ...end } },
      fails: ['States.QueryEvaluationError'],
    },
    'a day that is none': {
      states: { W: { Type: 'Wait', Timestamp: "{% '2026-13-01T00:00:00Z' %}", ...end } },
      fails: ['States.QueryEvaluationError'],
    },
  },

  Task: {
    'is called with its input': { states: { A: call() }, input: { x: 1 }, tasks, gives: { x: 1 } },
    'is called with its arguments': {
      states: { A: call({ Arguments: { y: '{% $states.input.x %}' } }) },
      input: { x: 1 },
      tasks,
      gives: { y: 1 },
    },
    'gives its output': {
      states: { A: call({ Arguments: 2, Output: '{% $states.result + $states.input %}' }) },
      input: 3,
      tasks,
      gives: 5,
    },
    'that answers nothing gives null': {
      states: { A: call() },
      tasks: { 'lambda:invoke': () => undefined as never },
      gives: null,
    },
    'fails with its error': { states: { A: call() }, tasks: breaks('Mine', 'why'), fails: ['Mine', 'why'] },
    'fails by what is no error of a state': {
      states: { A: call() },
      tasks: {
        'lambda:invoke': () => {
          throw new TypeError('broken');
        },
      },
      fails: ['States.TaskFailed', 'TypeError: broken'],
    },
    'that answers what is no JSON': {
      states: { A: call() },
      tasks: { 'lambda:invoke': () => ({ at: new Date() }) as never },
      fails: ['States.Runtime', /is no JSON/],
    },
    'whose argument is nothing is not called': {
      states: { A: call({ Arguments: { q: '{% $no %}' } }) },
      tasks: { 'lambda:invoke': failing('Called') },
      fails: ['States.QueryEvaluationError', /the field 'Arguments\/q' returned nothing/],
    },
    'whose answer is too big': {
      states: { A: call() },
      tasks: { 'lambda:invoke': () => big(262_143) },
      fails: [
        'States.DataLimitExceeded',
        "The state/task 'lambda' returned a result with a size exceeding the maximum number of bytes service limit.",
      ],
    },
    'whose answer just fits': {
      states: { A: call({ Output: 'ok' }) },
      tasks: { 'lambda:invoke': () => big(262_142) },
      gives: 'ok',
    },
    'whose size counts in bytes': {
      states: { A: call() },
      tasks: { 'lambda:invoke': () => 'é'.repeat(131_072) },
      fails: ['States.DataLimitExceeded'],
    },
    'whose output is too big': {
      states: { A: call({ Output: ['{% $states.result %}', '{% $states.result %}'] }) },
      tasks: { 'lambda:invoke': () => big(140_000) },
      fails: ['States.DataLimitExceeded'],
    },
    'whose arguments are too big': {
      states: { A: call({ Arguments: ['{% $states.input %}', '{% $states.input %}'] }) },
      input: big(140_000),
      tasks,
      fails: ['States.DataLimitExceeded'],
    },
    'that takes too long': {
      states: { A: call({ TimeoutSeconds: 30 }) },
      tasks: never,
      fails: ['States.Timeout', ''],
      takes: 30,
    },
    'that takes longer than an expression says': {
      states: { A: call({ TimeoutSeconds: '{% $states.input.s %}' }) },
      input: { s: 7 },
      tasks: never,
      fails: ['States.Timeout', ''],
      takes: 7,
    },
    'with a timeout of nothing': {
      states: { A: call({ TimeoutSeconds: '{% 0 %}' }) },
      tasks,
      fails: ['States.QueryEvaluationError'],
    },
    'that does not end when it is told to is left after a while': {
      states: { A: call({ TimeoutSeconds: 30, Catch: catchAll }), ...caught },
      tasks: { 'lambda:invoke': () => new Promise(() => undefined) },
      gives: { caught: { Error: 'States.Timeout', Cause: '' } },
      takes: 75,
    },
    'that succeeds after its time was over has failed': {
      states: { A: call({ TimeoutSeconds: 30 }) },
      tasks: {
        'lambda:invoke': ({ signal }) => new Promise((resolve) => signal.addEventListener('abort', () => resolve(1))),
      },
      fails: ['States.Timeout', ''],
    },
    'by the ARN of a function': {
      states: { A: call({ Resource: 'arn:aws:lambda:local:000000000000:function:f' }) },
      input: 1,
      tasks: { 'arn:aws:lambda:local:000000000000:function:f': echo },
      gives: 1,
    },
    'of the SDK': {
      states: { A: call({ Resource: 'arn:aws:states:::aws-sdk:s3:headObject' }) },
      input: 1,
      tasks: { 'aws-sdk:s3:headObject': ({ pattern }) => pattern },
      gives: 'request',
    },
    'that is waited for': {
      states: { A: call({ Resource: 'arn:aws:states:::ecs:runTask.sync' }) },
      tasks: { 'ecs:runTask': ({ pattern }) => pattern },
      gives: 'sync',
    },
    'that is waited for and read': {
      states: { A: call({ Resource: 'arn:aws:states:::states:startExecution.sync:2' }) },
      tasks: { 'states:startExecution': ({ pattern }) => pattern },
      gives: 'sync:2',
    },
  },

  Retry: {
    'until it succeeds': {
      states: { A: call({ Retry: [{ ErrorEquals: ['Flaky'] }] }) },
      tasks: times(2, 'ok'),
      gives: 'ok',
      takes: 3,
    },
    'three times at most': {
      states: { A: call({ Retry: [{ ErrorEquals: ['Flaky'] }] }) },
      tasks: times(4, 'ok'),
      fails: ['Flaky', 'once more'],
      takes: 7,
    },
    never: {
      states: { A: call({ Retry: [{ ErrorEquals: ['Flaky'], MaxAttempts: 0 }] }) },
      tasks: times(1, 'ok'),
      fails: ['Flaky'],
      takes: 0,
    },
    'at the same interval': {
      states: { A: call({ Retry: [{ ErrorEquals: ['Flaky'], IntervalSeconds: 5, BackoffRate: 1 }] }) },
      tasks: times(3, 'ok'),
      gives: 'ok',
      takes: 15,
    },
    'not later than so': {
      states: {
        A: call({ Retry: [{ ErrorEquals: ['Flaky'], IntervalSeconds: 10, BackoffRate: 3, MaxDelaySeconds: 20 }] }),
      },
      tasks: times(3, 'ok'),
      gives: 'ok',
      takes: 50,
    },
    'not another error': {
      states: { A: call({ Retry: [{ ErrorEquals: ['Other'] }] }) },
      tasks: times(1, 'ok'),
      fails: ['Flaky'],
    },
    'any error': {
      states: { A: call({ Retry: [{ ErrorEquals: ['States.ALL'] }] }) },
      tasks: times(1, 'ok'),
      gives: 'ok',
    },
    'any failure of a task': {
      states: { A: call({ Retry: [{ ErrorEquals: ['States.TaskFailed'] }] }) },
      tasks: times(1, 'ok'),
      gives: 'ok',
    },
    'a timeout is no failure of a task': {
      states: { A: call({ Retry: [{ ErrorEquals: ['States.TaskFailed'] }] }) },
      tasks: times(1, 'ok', 'States.Timeout'),
      fails: ['States.Timeout'],
    },
    'the first retrier that fits': {
      states: {
        A: call({
          Retry: [
            { ErrorEquals: ['Flaky'], IntervalSeconds: 2, MaxAttempts: 1 },
            { ErrorEquals: ['States.ALL'], IntervalSeconds: 100 },
          ],
        }),
      },
      tasks: times(2, 'ok'),
      fails: ['Flaky'],
      takes: 2,
    },
    'each retrier on its own account': {
      states: {
        A: call({
          Retry: [
            { ErrorEquals: ['One'], IntervalSeconds: 1, MaxAttempts: 1 },
            { ErrorEquals: ['Two'], IntervalSeconds: 10, MaxAttempts: 1 },
          ],
        }),
      },
      tasks: (() => {
        const errors = ['One', 'Two', 'One'];
        return { 'lambda:invoke': () => failing(errors.shift()!)(undefined as never) };
      })(),
      fails: ['One'],
      takes: 11,
    },
    'is counted in the context': {
      states: { A: call({ Arguments: '{% $states.context.State.RetryCount %}', Retry: [{ ErrorEquals: ['Flaky'] }] }) },
      tasks: {
        'lambda:invoke': ({ arguments: given }) => (given === 2 ? given : failing('Flaky')(undefined as never)),
      },
      gives: 2,
    },
    'when an output cannot be evaluated': {
      states: {
        A: call({
          Output: "{% $states.context.State.RetryCount = 0 ? $no : 'second' %}",
          Retry: [{ ErrorEquals: ['States.QueryEvaluationError'] }],
        }),
      },
      tasks,
      gives: 'second',
    },
    'what is too big, by a wildcard': {
      states: {
        A: call({ Retry: [{ ErrorEquals: ['States.ALL'] }], Catch: catchAll }),
        Caught: pass('{% $states.input.Error %}'),
      },
      tasks: { 'lambda:invoke': () => big(300_000) },
      gives: 'States.DataLimitExceeded',
      takes: 7,
    },
    'not what never can succeed': {
      states: { A: call({ Retry: [{ ErrorEquals: ['States.Runtime'] }, { ErrorEquals: ['States.ALL'] }] }) },
      tasks: breaks('States.Runtime'),
      fails: ['States.Runtime'],
      takes: 0,
    },
    'a parallel, all of it': {
      states: { P: parallel([{ A: call() }, { B: pass(1) }], { Retry: [{ ErrorEquals: ['States.ALL'] }] }) },
      tasks: times(1, 'ok'),
      gives: ['ok', 1],
      takes: 1,
    },
    'a map, all of it': {
      states: { M: map({ Items: [1, 2], MaxConcurrency: 1, Retry: [{ ErrorEquals: ['Flaky'] }] }, { A: call() }) },
      tasks: times(2, 'ok'),
      gives: ['ok', 'ok'],
      takes: 3,
    },
  },

  Catch: {
    'the error it names': {
      states: {
        A: call({
          Catch: [
            { ErrorEquals: ['Other'], Next: 'X' },
            { ErrorEquals: ['Mine'], Next: 'Caught' },
          ],
        }),
        X: pass('x'),
        ...caught,
      },
      tasks: breaks('Mine', 'why'),
      gives: { caught: { Error: 'Mine', Cause: 'why' } },
    },
    'any error': {
      states: { A: call({ Catch: catchAll }), ...caught },
      tasks: breaks('Mine'),
      gives: { caught: { Error: 'Mine', Cause: '' } },
    },
    'no other error': {
      states: { A: call({ Catch: [{ ErrorEquals: ['Other'], Next: 'Caught' }] }), ...caught },
      tasks: breaks('Mine'),
      fails: ['Mine'],
    },
    'gives an output': {
      states: {
        A: call({
          Catch: [
            {
              ErrorEquals: ['States.ALL'],
              Output: { e: '{% $states.errorOutput %}', i: '{% $states.input %}' },
              Next: 'Caught',
            },
          ],
        }),
        ...caught,
      },
      input: 9,
      tasks: breaks('Mine', 'why'),
      gives: { caught: { e: { Error: 'Mine', Cause: 'why' }, i: 9 } },
    },
    'sets variables, and not those of the state': {
      states: {
        A: call({
          Assign: { a: 'state' },
          Catch: [{ ErrorEquals: ['States.ALL'], Assign: { c: '{% $states.errorOutput.Error %}' }, Next: 'R' }],
        }),
        R: pass(['{% $c %}', '{% $exists($a) %}']),
      },
      tasks: breaks('Mine'),
      gives: ['Mine', false],
    },
    'after the last retry': {
      states: { A: call({ Retry: [{ ErrorEquals: ['Mine'], MaxAttempts: 1 }], Catch: catchAll }), ...caught },
      tasks: breaks('Mine'),
      gives: { caught: { Error: 'Mine', Cause: '' } },
      takes: 1,
    },
    'arguments that are nothing': {
      states: {
        A: call({ Arguments: '{% $no %}', Catch: [{ ErrorEquals: ['States.QueryEvaluationError'], Next: 'R' }] }),
        R: pass('{% $states.input.Error %}'),
      },
      tasks,
      gives: 'States.QueryEvaluationError',
    },
    'an output that is nothing': {
      states: { A: call({ Output: '{% $no %}', Catch: catchAll }), Caught: pass('{% $states.input.Error %}') },
      tasks,
      gives: 'States.QueryEvaluationError',
    },
    'what is too big, by its name': {
      states: { A: call({ Catch: [{ ErrorEquals: ['States.DataLimitExceeded'], Next: 'R' }] }), R: pass('small') },
      tasks: { 'lambda:invoke': () => big(300_000) },
      gives: 'small',
    },
    'a timeout by its name': {
      states: {
        A: call({ TimeoutSeconds: 3, Catch: [{ ErrorEquals: ['States.Timeout'], Next: 'Caught' }] }),
        ...caught,
      },
      tasks: never,
      gives: { caught: { Error: 'States.Timeout', Cause: '' } },
    },
    'a timeout is not any failure of a task': {
      states: {
        A: call({ TimeoutSeconds: 3, Catch: [{ ErrorEquals: ['States.TaskFailed'], Next: 'Caught' }] }),
        ...caught,
      },
      tasks: never,
      fails: ['States.Timeout'],
    },
    'whose own output is nothing fails, and is caught by nobody': {
      states: {
        A: call({
          Catch: [
            { ErrorEquals: ['Mine'], Output: { v: '{% $no %}' }, Next: 'Caught' },
            { ErrorEquals: ['States.ALL'], Next: 'Caught' },
          ],
        }),
        ...caught,
      },
      tasks: breaks('Mine'),
      fails: ['States.QueryEvaluationError', /the field 'Catch\[0\]\/Output\/v' returned nothing/],
    },
    'a failure within a map': {
      states: {
        M: map({ Items: [1], Catch: catchAll }, { F: { Type: 'Fail', Error: 'In', Cause: 'side' } }),
        ...caught,
      },
      gives: { caught: { Error: 'In', Cause: 'side' } },
    },
    'a failure within a branch': {
      states: { P: parallel([{ F: { Type: 'Fail', Error: 'In' } }], { Catch: catchAll }), ...caught },
      gives: { caught: { Error: 'In', Cause: '' } },
    },
    'a heartbeat that stops, by its name': {
      states: {
        A: call({
          Resource: `${lambda}.waitForTaskToken`,
          HeartbeatSeconds: 4,
          Catch: [{ ErrorEquals: ['States.HeartbeatTimeout'], Next: 'R' }],
        }),
        R: pass('stopped'),
      },
      tasks,
      gives: 'stopped',
      takes: 4,
    },
    'a heartbeat that stops, as a timeout': {
      states: {
        A: call({
          Resource: `${lambda}.waitForTaskToken`,
          HeartbeatSeconds: 4,
          Catch: [{ ErrorEquals: ['States.Timeout'], Next: 'R' }],
        }),
        R: pass('stopped'),
      },
      tasks,
      gives: 'stopped',
    },
    'a heartbeat that stops is told as a timeout': {
      states: { A: call({ Resource: `${lambda}.waitForTaskToken`, HeartbeatSeconds: 4 }) },
      tasks,
      fails: ['States.Timeout', ''],
      takes: 4,
    },
  },

  Parallel: {
    'gives the outputs in the order of the branches': {
      states: { P: parallel([{ A: { Type: 'Wait', Seconds: 9, Output: 'a', ...end } }, { B: pass('b') }]) },
      gives: ['a', 'b'],
      takes: 9,
    },
    'gives each branch its input': {
      states: { P: parallel([{ A: { Type: 'Pass', ...end } }, { B: pass('{% $states.input.x %}') }]) },
      input: { x: 1 },
      gives: [{ x: 1 }, 1],
    },
    'gives each branch its arguments': {
      states: { P: parallel([{ A: { Type: 'Pass', ...end } }], { Arguments: { y: '{% $states.input.x %}' } }) },
      input: { x: 1 },
      gives: [{ y: 1 }],
    },
    'has its result for output and variables': {
      states: {
        P: parallel([{ A: pass(1) }, { B: pass(2) }], {
          Output: '{% $sum($states.result) %}',
          Assign: { r: '{% $states.result %}' },
          Next: 'Q',
        }),
        Q: pass(['{% $states.input %}', '{% $r %}']),
      },
      gives: [3, [1, 2]],
    },
    'fails with the branch that fails first, and does not wait for the others': {
      states: {
        P: parallel([
          { A: { Type: 'Wait', Seconds: 900, ...end } },
          { B: { Type: 'Wait', Seconds: 5, Next: 'F' }, F: { Type: 'Fail', Error: 'First', Cause: 'it' } },
          { C: { Type: 'Wait', Seconds: 6, Next: 'G' }, G: { Type: 'Fail', Error: 'Second' } },
        ]),
      },
      fails: ['First', 'it'],
      takes: 5,
    },
    'ends what other branches have begun': {
      states: {
        P: parallel([
          { A: call() },
          { B: { Type: 'Wait', Seconds: 5, Next: 'F' }, F: { Type: 'Fail', Error: 'First' } },
        ]),
      },
      tasks: never,
      fails: ['First'],
      takes: 5,
    },
    'is too big as a whole': {
      states: { P: parallel([{ A: pass('{% $states.input %}') }, { B: pass('{% $states.input %}') }]) },
      input: big(140_000),
      fails: ['States.DataLimitExceeded'],
    },
  },

  Map: {
    'of a list': { states: { M: map({ Items: [1, 2, 3] }, { I: pass('{% $states.input * 2 %}') }) }, gives: [2, 4, 6] },
    'of the input': { states: { M: map({}) }, input: ['a'], gives: ['a'] },
    'of an expression': { states: { M: map({ Items: '{% $states.input.l %}' }) }, input: { l: [1] }, gives: [1] },
    'of a list with expressions': { states: { M: map({ Items: [1, '{% 1 + 1 %}'] }) }, gives: [1, 2] },
    'of nothing': { states: { M: map({ Items: [] }) }, gives: [] },
    'of an object is refused': {
      states: { M: map({ Items: '{% $states.input %}' }) },
      input: { a: 1 },
      fails: [
        'States.QueryEvaluationError',
        "An error occurred while executing the state 'M' (entered at the event id #2). The JSONata expression '$states.input' specified for the field 'Items' returned an unexpected result type. Expected 'array', but was 'object' for value: {\"a\":1}",
      ],
    },
    'of a text is refused': {
      states: { M: map({}) },
      input: 'x',
      fails: ['States.QueryEvaluationError', /Expected 'array', but was 'string'/],
    },
    'of what is not there': {
      states: { M: map({ Items: '{% $no %}' }) },
      fails: ['States.QueryEvaluationError', /the field 'Items' returned nothing/],
    },
    'with a selector': {
      states: {
        M: map({
          Items: ['a', 'b'],
          ItemSelector: {
            v: '{% $states.context.Map.Item.Value %}',
            i: '{% $states.context.Map.Item.Index %}',
            all: '{% $states.input.x %}',
          },
        }),
      },
      input: { x: 1 },
      gives: [
        { v: 'a', i: 0, all: 1 },
        { v: 'b', i: 1, all: 1 },
      ],
    },
    'with a selector that gives nothing': {
      states: {
        M: map({ Items: [1], ItemSelector: { v: '{% $no %}' }, Catch: catchAll }),
        Caught: pass('{% $states.input.Cause %}'),
      },
      gives:
        "An error occurred while executing the state 'M' (entered at the event id #2). The JSONata expression '$no' specified for the field 'ItemSelector/v' returned nothing (undefined).",
    },
    'knows its item inside': {
      states: { M: map({ Items: ['a'] }, { I: pass('{% $states.context.Map.Item %}') }) },
      gives: [{ Index: 0, Value: 'a' }],
    },
    'one at a time': {
      states: { M: map({ Items: [1, 2, 3], MaxConcurrency: 1 }, { I: { Type: 'Wait', Seconds: 10, ...end } }) },
      gives: [1, 2, 3],
      takes: 30,
    },
    'two at a time': {
      states: { M: map({ Items: [1, 2, 3], MaxConcurrency: '{% 2 %}' }, { I: { Type: 'Wait', Seconds: 10, ...end } }) },
      takes: 20,
    },
    'all at a time': {
      states: { M: map({ Items: [1, 2, 3] }, { I: { Type: 'Wait', Seconds: 10, ...end } }) },
      takes: 10,
    },
    'forty at a time at most': {
      states: { M: map({ Items: '{% [1..41] %}', Output: 1 }, { I: { Type: 'Wait', Seconds: 10, ...end } }) },
      takes: 20,
    },
    'with a width that is nothing': {
      states: { M: map({ Items: [1], MaxConcurrency: '{% $no %}' }) },
      fails: ['States.QueryEvaluationError', /the field 'MaxConcurrency' returned nothing/],
    },
    'with a width below nothing': {
      states: { M: map({ Items: [1], MaxConcurrency: '{% -1 %}' }) },
      fails: ['States.QueryEvaluationError'],
    },
    'fails with the first item that fails': {
      states: {
        M: map(
          { Items: [9, 3, 6] },
          {
            I: { Type: 'Wait', Seconds: '{% $states.input %}', Next: 'F' },
            F: { Type: 'Fail', Error: '{% "E" & $states.input %}' },
          },
        ),
      },
      fails: ['E3'],
      takes: 3,
    },
    'tolerates nothing when it is inline': {
      states: {
        M: map(
          { Items: [1], ToleratedFailureCount: 5, ToleratedFailurePercentage: 100 },
          { F: { Type: 'Fail', Error: 'E' } },
        ),
      },
      fails: ['E'],
    },
    'within a map': {
      states: { M: map({ Items: [[1, 2], [3]] }, { N: map({}, { I: pass('{% $states.input + 1 %}') }) }) },
      gives: [[2, 3], [4]],
    },
  },

  'distributed Map': {
    'of a list': { states: { M: distributed({ Items: [1, 2] }, { I: { Type: 'Pass', ...end } }) }, gives: [1, 2] },
    'of an object': {
      states: {
        M: distributed(
          { Items: { a: 1, b: 2 } },
          { I: pass(['{% $states.input %}', '{% $states.context.Map.Item.Key %}']) },
        ),
      },
      gives: [
        [{ Key: 'a', Value: 1 }, 'a'],
        [{ Key: 'b', Value: 2 }, 'b'],
      ],
    },
    'fails when too many fail': {
      states: { M: distributed({ Items: [1] }, { F: { Type: 'Fail', Error: 'E', Cause: 'C' } }) },
      fails: ['States.ExceedToleratedFailureThreshold', 'The specified tolerated failure threshold was exceeded'],
    },
    'tolerates as many as are said': {
      states: {
        M: distributed(
          { Items: [1, 2, 3], ToleratedFailureCount: 1 },
          {
            C: { Type: 'Choice', Choices: [{ Condition: '{% $states.input = 2 %}', Next: 'F' }], Default: 'I' },
            F: { Type: 'Fail' },
            I: { Type: 'Pass', ...end },
          },
        ),
      },
      gives: [1, { Status: 'FAILED', Error: '', Cause: '' }, 3],
    },
    'tolerates a share': {
      states: {
        M: distributed(
          { Items: [1, 2, 3], ToleratedFailurePercentage: '{% 34 %}' },
          {
            C: { Type: 'Choice', Choices: [{ Condition: '{% $states.input = 2 %}', Next: 'F' }], Default: 'I' },
            F: { Type: 'Fail' },
            I: { Type: 'Pass', ...end },
          },
        ),
      },
      gives: [1, { Status: 'FAILED', Error: '', Cause: '' }, 3],
    },
    'tolerates the lesser of both': {
      states: {
        M: distributed(
          { Items: [1, 2], ToleratedFailureCount: 2, ToleratedFailurePercentage: 50 },
          { F: { Type: 'Fail' } },
        ),
      },
      fails: ['States.ExceedToleratedFailureThreshold'],
    },
    'in batches': {
      states: {
        M: distributed(
          { Items: [1, 2, 3], ItemBatcher: { MaxItemsPerBatch: 2, BatchInput: { c: '{% $states.input.x %}' } } },
          { I: { Type: 'Pass', ...end } },
        ),
      },
      input: { x: 1 },
      gives: [
        { Items: [1, 2], BatchInput: { c: 1 } },
        { Items: [3], BatchInput: { c: 1 } },
      ],
    },
  },

  'the time of a machine': {
    'is over': {
      states: { W: { Type: 'Wait', Seconds: 100, ...end } },
      more: { TimeoutSeconds: 60 },
      status: 'TIMED_OUT',
      takes: 60,
    },
    'is over and ends what it began': {
      states: { A: call() },
      more: { TimeoutSeconds: 60 },
      tasks: never,
      status: 'TIMED_OUT',
      takes: 60,
    },
    'is over in the midst of a map': {
      states: { M: map({ Items: [1, 2] }, { A: call() }) },
      more: { TimeoutSeconds: 60 },
      tasks: never,
      status: 'TIMED_OUT',
      takes: 60,
    },
    'cannot be caught': {
      states: {
        P: parallel([{ A: call() }], { Catch: catchAll, Retry: [{ ErrorEquals: ['States.ALL'] }] }),
        ...caught,
      },
      more: { TimeoutSeconds: 60 },
      tasks: never,
      status: 'TIMED_OUT',
      takes: 60,
    },
    'is enough': { states: { W: { Type: 'Wait', Seconds: 59, ...end } }, more: { TimeoutSeconds: 60 }, takes: 59 },
  },
};

for (const [subject, table] of Object.entries(cases)) {
  for (const [name, one] of Object.entries(table)) {
    test(`${subject}: ${name}`, async () => {
      const { states, more = {}, input = {}, fails, takes } = one;
      const end = await outcome(machine(states, more), { input, tasks: one.tasks ?? {} });
      const said = `${end.error}: ${end.cause}`;
      assert.equal(end.status, one.status ?? (fails ? 'FAILED' : 'SUCCEEDED'), said);
      if ('gives' in one) assert.deepEqual(JSON.parse(JSON.stringify(end.output)), one.gives);
      if (fails) assert.equal(end.error, fails[0], said);
      if (fails?.[1] instanceof RegExp) assert.match(end.cause ?? '', fails[1]);
      else if (fails?.[1] !== undefined) assert.equal(end.cause ?? '', fails[1]);
      if (takes !== undefined) assert.equal((Date.parse(end.stoppedAt) - Date.parse(end.startedAt)) / 1000, takes);
    });
  }
}
