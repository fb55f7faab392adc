import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { isNamedBy, isSameIdentity, parseIamIdentity } from '#model/iam-identity';

const user = 'arn:aws:iam::123456789012:user/people/ada';
const role = 'arn:aws:iam::123456789012:role/aws-reserved/sso.amazonaws.com/eu-central-1/dba';
const ada = 'arn:aws:sts::123456789012:assumed-role/dba/ada@example.org';
const grace = 'arn:aws:sts::123456789012:assumed-role/dba/grace@example.org';

describe('an IAM identity', () => {
  test('is a user, a role, or a session of a role, of any partition, and its path is no part of it', () => {
    assert.deepEqual(parseIamIdentity(user), {
      account: '123456789012',
      kind: 'user',
      name: 'ada',
      session: undefined,
    });
    assert.deepEqual(parseIamIdentity(role)?.name, 'dba');
    assert.deepEqual(parseIamIdentity(ada), {
      account: '123456789012',
      kind: 'role',
      name: 'dba',
      session: 'ada@example.org',
    });
    assert.equal(parseIamIdentity('arn:aws-cn:iam::123456789012:role/dba')?.kind, 'role');
  });

  test('is nothing else', () => {
    for (const arn of [
      '',
      'Ada',
      'arn:aws:iam::123456789012:root',
      'arn:aws:iam::12345:user/ada',
      'arn:aws:iam::123456789012:group/dba',
      'arn:aws:iam::123456789012:user/',
      'arn:aws:iam::123456789012:user/*',
      'arn:aws:sts::123456789012:assumed-role/dba',
      'arn:aws:sts::123456789012:federated-user/ada',
      ` ${user}`,
      `${user}\n`,
    ])
      assert.equal(parseIamIdentity(arn), undefined, arn);
  });

  test('is named by its role, or by its own session alone', () => {
    assert.ok(isNamedBy(ada, role));
    assert.ok(isNamedBy(ada, 'arn:aws:iam::123456789012:role/dba'));
    assert.ok(isNamedBy(ada, ada));
    assert.ok(!isNamedBy(ada, grace));
    assert.ok(!isNamedBy(role, ada), 'the role itself is not one of its sessions');
    assert.ok(!isNamedBy(ada, 'arn:aws:iam::210987654321:role/dba'), 'of another account');
    assert.ok(!isNamedBy(ada, 'arn:aws:iam::123456789012:role/DBA'));
    assert.ok(!isNamedBy('arn:aws:iam::123456789012:user/dba', role), 'a user is no role');
    assert.ok(isNamedBy('arn:aws:iam::123456789012:user/ada', user));
  });

  test('is the same whatever its session is called', () => {
    assert.ok(isSameIdentity(ada, grace));
    assert.ok(isSameIdentity(ada, role));
    assert.ok(!isSameIdentity(ada, user));
    assert.ok(!isSameIdentity(ada, ada.replace('123456789012', '210987654321')));
  });
});
