import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from '#harness/fast-check';
import { executionArn, parseExecutionArn, parseMachineArn, stackOf } from '#model/arn';

const aws = (rest: string, partition = 'aws') => `arn:${partition}:states:eu-central-1:123456789012:${rest}`;

test('an execution of here is known by its machine and name', () => {
  assert.deepEqual(parseExecutionArn(executionArn('backup', 'run-1')), { machine: 'backup', name: 'run-1' });
});

for (const partition of ['aws', 'aws-cn', 'aws-us-gov']) {
  test(`the machine of a deployed execution is called without its stack, in ${partition}`, () => {
    const arn = aws('execution:lifeboat-prod_backup:full-orders-20261120T020000Z', partition);
    assert.deepEqual(parseExecutionArn(arn), { machine: 'backup', name: 'full-orders-20261120T020000Z' });
    assert.equal(parseMachineArn(aws('stateMachine:lifeboat-prod_restore', partition)), 'restore');
  });
}

test('a child of a Map belongs to its machine, and says that it is one', () => {
  assert.deepEqual(parseExecutionArn(aws('execution:lifeboat-prod_backup/Servers:0f7c2e1a-5d7e')), {
    machine: 'backup',
    name: '0f7c2e1a-5d7e',
    mapRun: 'Servers',
  });
  assert.equal(parseExecutionArn(aws('execution:lifeboat-prod_backup/Servers/Sources:x'))?.mapRun, 'Servers/Sources');
  assert.equal(parseMachineArn(aws('stateMachine:lifeboat-prod_backup/Servers')), 'backup');
});

test('whatever the stack is called, the machine is what follows', () => {
  const word = fc.stringMatching(/^[a-zA-Z][a-zA-Z0-9-]{0,30}$/);
  fc.assert(
    fc.property(word, word, fc.stringMatching(/^[\w.+=@!'()-]{1,80}$/), (stack, machine, name) => {
      assert.deepEqual(parseExecutionArn(aws(`execution:${stack}_${machine}:${name}`)), { machine, name });
    }),
  );
});

const none = [
  '',
  'backup',
  aws('stateMachine:lifeboat-prod_backup'),
  aws('execution:lifeboat-prod_backup'),
  aws('execution:lifeboat-prod_backup:a:b'),
  aws('execution:lifeboat-prod_backup:../../evidence'),
  aws('execution:lifeboat-prod_backup:a\\b'),
  aws('execution:lifeboat-prod_backup:a b'),
  aws('execution:../backup:x'),
  aws('execution:lifeboat-prod_:x'),
  'arn:aws:states:eu-central-1:12345:execution:backup:x',
];
for (const arn of none) {
  test(`"${arn}" is no execution`, () => {
    assert.equal(parseExecutionArn(arn), undefined);
  });
}

test('executions are of one stack when nothing but their machines and names differ', () => {
  const stack = stackOf(aws('execution:lifeboat-prod_rds-snapshot:night'));
  assert.equal(stack, aws('execution:lifeboat-prod_'));
  for (const other of ['lifeboat-prod_retention:x', 'lifeboat-prod_backup/Servers:child'])
    assert.equal(stackOf(aws(`execution:${other}`)), stack);
  for (const other of ['lifeboat-test_rds-snapshot:night', 'rds-snapshot:night', 'a_lifeboat-prod_rds-snapshot:night'])
    assert.notEqual(stackOf(aws(`execution:${other}`)), stack);
  assert.notEqual(stackOf(aws('execution:lifeboat-prod_backup:x').replace('eu-central-1', 'eu-west-1')), stack);
  assert.notEqual(stackOf(aws('execution:lifeboat-prod_backup:x').replace('123456789012', '210987654321')), stack);
  assert.equal(stackOf(aws('stateMachine:lifeboat-prod_backup')), undefined);
});
