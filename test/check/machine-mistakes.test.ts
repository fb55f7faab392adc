import assert from 'node:assert/strict';
import { test } from 'node:test';
import { house, machineText, problemsOf } from './checked-machines.ts';
import { machineProblems } from './machine-rules.ts';
import { innerScopes, type Json, type Machine, type Scope, type State } from './machine-states.ts';

type Place = [state: string | undefined, path: string];

/** One mistake in a machine that is right: what it changes, and what is said about it. No value: the field goes. */
type Mistake = [name: string, machine: string, place: Place, value: Json | undefined, said: RegExp];

const all = ['States.ALL'];
const island: Json = { Type: 'Succeed', Comment: 'x' };

const mistakes: Mistake[] = [
  ['JSONPath', 'backup', [undefined, 'QueryLanguage'], undefined, /no QueryLanguage JSONata/],
  ['a machine without a timeout', 'backup', [undefined, 'TimeoutSeconds'], undefined, /machine has no TimeoutSeconds/],
  ['a machine without a comment', 'backup', [undefined, 'Comment'], undefined, /machine has no Comment/],
  ['a start that is not there', 'backup', [undefined, 'StartAt'], 'Start', /StartAt: there is no state "Start"/],
  ['a state that nothing leads to', 'verify', [undefined, 'States.Island'], island, /Island: no way leads here/],
  ['a state without a comment', 'verify', ['Conclude', 'Comment'], undefined, /Conclude: it has no Comment/],
  ['a Next to nowhere', 'verify', ['Conclude', 'Next'], 'Whole?', /Conclude: Next: there is no state "Whole\?"/],
  ['a Default to nowhere', 'verify', ['Is it whole?', 'Default'], 'No', /Default: there is no state "No"/],
  ['a Choice to nowhere', 'verify', ['Is it whole?', 'Choices.0.Next'], 'Yes', /Choices\[0\]: there is no state "Yes"/],
  ['a Choice without a Default', 'verify', ['Is it whole?', 'Default'], undefined, /it has no Default/],
  ['a Catch to nowhere', 'verify', ['Conclude', 'Catch.0.Next'], 'Oh', /Catch\[0\]: there is no state "Oh"/],
  [
    'a Map without its inside',
    'verify',
    ['Read each step back', 'ItemProcessor'],
    undefined,
    /it has no ItemProcessor/,
  ],
  [
    'a Task without a timeout',
    'backup',
    ['Copy the cluster', 'TimeoutSeconds'],
    undefined,
    /no literal TimeoutSeconds/,
  ],
  ['a timeout to evaluate', 'backup', ['Copy the cluster', 'TimeoutSeconds'], '{% 5 %}', /no literal TimeoutSeconds/],
  ['a slow heartbeat', 'backup', ['Copy the cluster', 'HeartbeatSeconds'], 86400, /HeartbeatSeconds are not below/],
  ['a Task without a Catch', 'drill', ['Record the drill', 'Catch'], undefined, /nobody would be told/],
  ['a Task without a Retry', 'drill', ['Record the drill', 'Retry'], undefined, /it has no Retry/],
  [
    'States.ALL in company',
    'drill',
    ['Record the drill', 'Catch.0.ErrorEquals.1'],
    'StoreUnavailable',
    /ALL stands alone/,
  ],
  ['States.ALL before another', 'restore', ['Ask for approval', 'Catch.0.ErrorEquals'], all, /States.ALL stands last/],
  ['a rule without errors', 'drill', ['Record the drill', 'Retry.0.ErrorEquals'], [], /Retry\[0\] names no error/],
  ['a BackoffRate below 1', 'drill', ['Record the drill', 'Retry.0.BackoffRate'], 0.5, /BackoffRate is below 1/],
  ['a wrong error', 'drill', ['Restore it for a look', 'Retry.0.ErrorEquals.0'], 'ECS.ServerError', /no error of it/],
  [
    'an error that passes and is not retried',
    'drill',
    ['Restore it for a look', 'Retry.0.ErrorEquals'],
    ['ECS.ServerException'],
    /"AmazonECS.Unknown" passes, and no Retry names it/,
  ],
  ['a wrong error to catch', 'verify', ['Prove it', 'Catch.0.ErrorEquals.0'], 'Exists', /it cannot have/],
  [
    'another service’s error',
    'drill',
    ['Record the drill', 'Retry.0.ErrorEquals.0'],
    'ECS.ServerException',
    /no error of it that passes/,
  ],
  ['a token that nobody waits for', 'restore', ['Ask for approval', 'Resource'], lambda(''), /a token is waited for/],
  ['a token that is kept', 'restore', ['Look again', 'Resource'], lambda('.waitForTaskToken'), /a token is waited for/],
  [
    'an unknown integration',
    'verify',
    ['Prove it', 'Resource'],
    'arn:aws:states:::sqs:sendMessage',
    /is no integration/,
  ],
  ['an argument that is missing', 'verify', ['Prove it', 'Arguments.Name'], undefined, /its Arguments have no Name/],
  [
    'an unknown substitution',
    'verify',
    ['Conclude', 'Arguments.FunctionName'],
    subst('X'),
    /\$\{X\} is substituted by/,
  ],
  ['an unknown function', 'verify', ['Conclude', 'Arguments.FunctionName'], subst('XFunctionArn'), /is substituted by/],
  ['an unknown task', 'drill', ['Clean up', 'Arguments.TaskDefinition'], subst('DrillsTaskArn'), /is substituted by/],
  ['an expression that is none', 'verify', ['Verified', 'Output'], '{% $source & %}', /Output: is not JSONata/],
  ['an expression without end', 'verify', ['Verified', 'Output'], '{% $source ', /Output: the expression has no end/],
  ['a blank before one', 'verify', ['Verified', 'Output'], ' {% $source %}', /Output: it is a text and no expression/],
  ['an unassigned variable', 'verify', ['Verified', 'Output'], '{% $sorce %}', /\$sorce is not assigned/],
  [
    'one assigned on one way only',
    'verify',
    ['Not verified', 'Error'],
    '{% $backup %}',
    /\$backup is not assigned on every/,
  ],
  [
    'one that a Catch skips',
    'backup',
    ['Copy the cluster', 'Catch.0.Next'],
    'Clear up',
    /\$failure is not assigned on every/,
  ],
  ['one of the scope around', 'verify', ['Looked', 'Assign'], { source: 'x' }, /assigns \$source of the scope around/],
  [
    'one that a child execution cannot see',
    'backup',
    ['Backed up', 'Output'],
    '{% $planned %}',
    /\$planned is not assigned/,
  ],
  [
    'one in a function',
    'verify',
    ['Verified', 'Output'],
    '{% $map([1], function($v) { $v + $w }) %}',
    /\$w is not assigned/,
  ],
  ['one bound in another block', 'verify', ['Verified', 'Output'], '{% [($x := 1; $x), $x] %}', /\$x is not assigned/],
  ['a function that AWS lacks', 'verify', ['Verified', 'Output'], "{% $eval('1') %}", /there is no function \$eval/],
  ['a function by a wrong name', 'verify', ['Verified', 'Output'], '{% $strin(1) %}', /there is no function \$strin/],
];

function lambda(pattern: string): string {
  return `arn:aws:states:::lambda:invoke${pattern}`;
}

function subst(name: string): string {
  return `\${${name}}`;
}

for (const [name, machine, place, value, said] of mistakes) {
  test(`found: ${name}`, async () => {
    const content = JSON.parse(machineText(machine)) as Machine;
    change(content, place, value);
    const problems = await machineProblems(JSON.stringify(content), house);
    assert.ok(
      problems.some((problem) => said.test(problem)),
      `said: ${problems.join('\n') || 'nothing'}`,
    );
  });
}

test('asl-validator has its say, too', async () => {
  const content = JSON.parse(machineText('verify')) as Machine;
  change(content, ['Verified', 'Type'], 'Success');
  assert.match((await problemsOf(JSON.stringify(content))).join('\n'), /Verified/);
});

test('what an expression binds itself needs no assigning', async () => {
  const content = JSON.parse(machineText('verify')) as Machine;
  change(content, ['Verified', 'Output'], '{% ( $a := 1; $f := function($b) { $a + $b }; $f($a) ) %}');
  assert.deepEqual(await problemsOf(JSON.stringify(content)), []);
});

function change(machine: Machine, [name, path]: Place, value: Json | undefined): void {
  const fields = path.split('.');
  let target = (name === undefined ? machine : stateOf(machine, name)) as unknown as Record<string, unknown>;
  for (const field of fields.slice(0, -1)) target = target[field] as Record<string, unknown>;
  if (value === undefined) delete target[fields.at(-1)!];
  else target[fields.at(-1)!] = value;
}

function stateOf(machine: Machine, name: string): State {
  for (const scopes: Scope[] = [machine]; ; ) {
    const { States } = scopes.shift()!;
    if (Object.hasOwn(States, name)) return States[name]!;
    scopes.push(...Object.values(States).flatMap(innerScopes));
  }
}
