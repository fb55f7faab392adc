import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as failures from '#model/failure';

/** Step Functions' Retry and Catch match these names, and the verdict says which of the two they belong to. */
const verdicts: Record<string, failures.Verdict> = {
  InputInvalid: 'operator',
  ConnectionFailed: 'retry',
  AuthenticationFailed: 'operator',
  ServerUnsuitable: 'operator',
  ServerError: 'permanent',
  BackupIncomplete: 'retry',
  StoreUnavailable: 'retry',
  StoreRefused: 'operator',
  ObjectMissing: 'permanent',
  ObjectDamaged: 'permanent',
  KeyUnusable: 'operator',
  LeaseHeld: 'retry',
  AlreadyRunning: 'operator',
  WalBroken: 'operator',
  TargetUnreachable: 'operator',
  RestoreFailed: 'operator',
  CheckFailed: 'operator',
  Aborted: 'retry',
};

type FailureClass = new (message: string, detail: failures.FailureDetail) => failures.Failure;
const { Failure: _, ...family } = failures as unknown as Record<string, FailureClass>;

test('the family has these members, and each has its verdict', () => {
  const found = Object.entries(family).map(([name, Class]) => {
    return [name, new Class('m', { operation: 'o', subject: 's' }).verdict];
  });
  assert.deepEqual(Object.fromEntries(found), verdicts);
});

for (const [name, Class] of Object.entries(family)) {
  test(`${name} is an Error of the family that carries its own name`, () => {
    const failure = new Class('message', { operation: 'put', subject: 'key' });
    assert.ok(failure instanceof Error && failure instanceof failures.Failure);
    assert.equal(failure.name, name);
    assert.match(failure.stack!, /failure\.test\.ts/);
  });
}

test('operation, subject, hint and cause are kept', () => {
  const cause = new Error('no route');
  const detail = { operation: 'put', subject: 'a/b', hint: 'wait', cause };
  const failure = new failures.StoreUnavailable('a/b: no answer', detail);
  assert.equal(failure.message, 'a/b: no answer');
  assert.deepEqual([failure.operation, failure.subject, failure.hint, failure.cause], ['put', 'a/b', 'wait', cause]);
});

test('without a cause there is none, not an undefined one', () => {
  assert.ok(!('cause' in new failures.Aborted('stopped', { operation: 'o', subject: 's', cause: undefined })));
});

test('a server error keeps the code that the server gave', () => {
  const failure = new failures.ServerError('denied', { operation: 'o', subject: 's', sqlState: '42501' });
  assert.equal(failure.sqlState, '42501');
});

const values: [unknown, string][] = [
  ['', '""'],
  ['x', '"x"'],
  [undefined, 'nothing'],
  [null, 'null'],
  [42, '42'],
  [{ a: 1 }, '{"a":1}'],
  [10n ** 20n, '100000000000000000000'],
];
for (const [value, printed] of values) {
  test(`input ${printed} is refused with field, value and what is allowed`, () => {
    const failure = new failures.InputInvalid('retention.days', value, 'a number from 1', 'try 7');
    assert.equal(failure.message, `retention.days: ${printed} is not allowed: expected a number from 1`);
    assert.equal(failure.field, 'retention.days');
    assert.equal(failure.subject, 'retention.days');
    assert.equal(failure.hint, 'try 7');
  });
}

test('a long value is cut', () => {
  const { message } = new failures.InputInvalid('field', 'x'.repeat(5000), 'less');
  assert.ok(message.length < 200);
  assert.match(message, /x\.\.\. is not allowed: expected less$/);
});
