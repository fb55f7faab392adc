import assert from 'node:assert/strict';
import { test } from 'node:test';
import { packFailure, unpackFailure } from '#model/carry-failure';
import * as failures from '#model/failure';

type FailureClass = new (message: string, detail: failures.FailureDetail & { sqlState: string }) => failures.Failure;
const { Failure: _, InputInvalid: __, ...family } = failures as unknown as Record<string, FailureClass>;

/** Through what a thread or a process can be sent. */
const carry = (error: unknown): Error => unpackFailure(JSON.parse(JSON.stringify(packFailure(error))));

const detail = { operation: 'put', subject: 'a/b', sqlState: '55000' };
const made: failures.Failure[] = [
  ...Object.values(family).map((Class) => new Class('it broke', { ...detail, hint: 'mend it' })),
  ...Object.values(family).map((Class) => new Class('it broke', detail)),
  new failures.InputInvalid('tar header', 'base/1', 'a file', 'see the docs'),
  new failures.InputInvalid('tar header', 'base/1', 'a file'),
];
for (const failure of made) {
  test(`${failure.name} ${failure.hint ? 'with' : 'without'} a hint arrives as what it was`, () => {
    const arrived = carry(failure);
    assert.ok(arrived instanceof failure.constructor, `it arrived as ${arrived.constructor.name}`);
    assert.deepEqual({ ...arrived, name: arrived.name }, { ...failure, name: failure.name });
    assert.equal(arrived.message, failure.message);
    assert.equal((arrived as failures.Failure).hint, failure.hint);
    assert.equal((arrived as failures.Failure).verdict, failure.verdict);
    assert.equal(arrived.stack, failure.stack);
  });
}

test('what is not of the family comes back as a plain error with its name and message', () => {
  const arrived = carry(new RangeError('too far'));
  assert.ok(!(arrived instanceof failures.Failure));
  assert.deepEqual([arrived.name, arrived.message], ['RangeError', 'too far']);
});

test('an unknown member of the family comes back as a plain error, too', () => {
  assert.equal(unpackFailure({ name: 'FromTheFuture', message: 'm' }).name, 'FromTheFuture');
});

for (const thrown of ['text', 42, undefined, null]) {
  test(`${thrown} thrown in place of an error is told as text`, () => {
    assert.equal(carry(thrown).message, String(thrown));
  });
}
