import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { inspect } from 'node:util';
import { addVersion, type StrictSecrets, startStrictSecrets } from '#harness/strict-secrets';
import { secretSetting } from '#runtime/secret-setting';
import { commonErrors, errorTests, signal } from './move-errors.ts';

let manager: StrictSecrets;
before(async () => {
  manager = await startStrictSecrets();
});
after(() => manager.close());
const password = 'hunter2-of-the-shop';
const whole = `{"username":"shop","password":"${password}","host":"east.example.org","port":5432,"id":12345678901234567890,"ratio":1.50}`;
beforeEach(() => {
  manager.secrets.clear();
  for (const list of [manager.calls, manager.meanwhile, manager.afterwards]) list.length = 0;
  have(whole);
});

const have = (text: string) =>
  manager.secrets.set('eu-west-1 shop/db', { versions: [{ id: 'first', text, stages: ['AWSCURRENT'] }] });
const secret = () => manager.secrets.get('eu-west-1 shop/db')!;
const current = () => secret().versions.find(({ stages }) => stages.includes('AWSCURRENT'))!.text!;
const movable = (field = 'host', name = 'shop/db') =>
  secretSetting(
    {
      ...{ kind: 'secret', secret: name, field, region: 'eu-west-1' },
      values: { east: 'east.example.org', west: 'west.example.org' },
    },
    manager.environment,
  );
/** all that anybody could print of it */
const everythingOf = (error: unknown) => inspect(error, { depth: 20, showHidden: true, getters: true });

test('one field is read; no other value leaves', async () => {
  assert.equal(await movable().read(signal), 'east.example.org');
  assert.equal(await movable('port').read(signal), '5432');
  assert.equal(await movable('no-such').read(signal), null);
  assert.equal(await movable('host', 'shop/none').read(signal), null);
  assert.equal(movable().what, 'secret shop/db#host in eu-west-1');
});

test('a move changes the field and nothing else, not even the last digit of a number', async () => {
  assert.equal(await movable().put('west.example.org', signal), null);
  assert.equal(current(), whole.replace('east.', 'west.'));
});

test('moved again, no version is made', async () => {
  await movable().put('west.example.org', signal);
  await movable().put('west.example.org', signal);
  assert.equal(secret().versions.length, 2);
  assert.equal(manager.calls.filter(({ operation }) => operation === 'PutSecretValue').length, 1);
});

test('a number stays a number', async () => {
  await movable('port').put('6432', signal);
  assert.match(current(), /"port":6432,/);
});

test('a field that was not there is made, and undone it is not there again', async () => {
  await movable('replica').put('west.example.org', signal);
  assert.equal(JSON.parse(current()).replica, 'west.example.org');
  await movable('replica').put(null, signal);
  assert.equal(current(), whole);
});

test('a secret that is not there is not made, and there is nothing to undo', async () => {
  const moved = movable('host', 'shop/none');
  await assert.rejects(moved.put('west.example.org', signal), { name: 'ServerUnsuitable', hint: /never made here/ });
  assert.equal(await moved.put(null, signal), null);
  assert.match((await moved.check(signal)).join(), /there is no secret shop\/none in eu-west-1/);
});

test('what a rotation puts between look and put is kept, and moved', async () => {
  manager.meanwhile.push(() => addVersion(secret(), 'rotated', whole.replace(password, 'rotated-password')));
  await movable().put('west.example.org', signal);
  assert.deepEqual(
    [JSON.parse(current()).password, JSON.parse(current()).host],
    ['rotated-password', 'west.example.org'],
  );
});

test('what a rotation puts right after ours is kept, and moved', async () => {
  manager.afterwards.push(() => addVersion(secret(), 'rotated', whole.replace(password, 'rotated-password')));
  await movable().put('west.example.org', signal);
  assert.deepEqual(
    [JSON.parse(current()).password, JSON.parse(current()).host],
    ['rotated-password', 'west.example.org'],
  );
});

test('somebody who never stops changing it is told of', async () => {
  let made = 0;
  for (let times = 0; times < 5; times += 1)
    manager.meanwhile.push(() => addVersion(secret(), `other-${++made}`, whole));
  await assert.rejects(movable().put('west.example.org', signal), { name: 'TrafficNotMoved', hint: /rotation/ });
});

for (const [what, text] of [
  ['text that is no JSON', `postgres://shop:${password}@east`],
  ['JSON without fields', `["${password}"]`],
  ['a number', '271828182845'],
  ['a field that is no text', `{"host":{"secret":"${password}"}}`],
] as const) {
  test(`${what} is refused without being shown`, async () => {
    have(text);
    for (const call of [() => movable().read(signal), () => movable().put('west.example.org', signal)])
      await assert.rejects(call(), (error: Error) => {
        assert.equal(error.name, 'ServerUnsuitable');
        assert.doesNotMatch(everythingOf(error), /hunter2|271828182845/);
        return true;
      });
    const problems = (await movable().check(signal)).join();
    assert.match(problems, /cannot be moved/);
    assert.doesNotMatch(problems, /hunter2/);
    assert.equal(current(), text);
  });
}

test('bytes are refused', async () => {
  secret().versions = [{ id: 'first', binary: 'aHVudGVyMg==', stages: ['AWSCURRENT'] }];
  await assert.rejects(movable().read(signal), { name: 'ServerUnsuitable', message: /bytes, not text/ });
});

test('a check changes nothing, and tells of a field that is not there', async () => {
  assert.deepEqual(await movable().check(signal), []);
  assert.match((await movable('no-such').check(signal)).join(), /has no field no-such/);
  assert.ok(manager.calls.every(({ operation }) => operation === 'GetSecretValue'));
});

test('a refusal that quotes what was put is not repeated', async () => {
  const message = `Value '${whole}' at 'secretString' failed to satisfy constraint`;
  manager.faults.push({ operation: 'PutSecretValue', status: 400, code: 'InvalidParameterException', message });
  await assert.rejects(movable().put('west.example.org', signal), (error: Error) => {
    assert.match(error.message, /InvalidParameterException/);
    assert.doesNotMatch(everythingOf(error), /hunter2/);
    return true;
  });
});

errorTests(
  'GetSecretValue',
  [
    ...commonErrors,
    [400, 'DecryptionFailure', 'ServerUnsuitable'],
    [400, 'InvalidParameterException', 'ServerUnsuitable'],
    [400, 'InvalidRequestException', 'ServerUnsuitable'],
    [500, 'InternalServiceError', 'TrafficNotMoved'],
  ],
  () => manager,
  () => movable().read(signal),
);
errorTests(
  'PutSecretValue',
  [
    ...commonErrors,
    [400, 'DecryptionFailure', 'ServerUnsuitable'],
    [400, 'EncryptionFailure', 'ServerUnsuitable'],
    [400, 'InvalidParameterException', 'ServerUnsuitable'],
    [400, 'InvalidRequestException', 'ServerUnsuitable'],
    [400, 'LimitExceededException', 'TrafficNotMoved'],
    [400, 'ResourceExistsException', 'TrafficNotMoved'],
    [400, 'ResourceNotFoundException', 'ServerUnsuitable'],
    [500, 'InternalServiceError', 'TrafficNotMoved'],
  ],
  () => manager,
  () => movable().put('west.example.org', signal),
);
