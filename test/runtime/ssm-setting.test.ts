import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { type StrictParameters, startStrictParameters } from '#harness/strict-parameters';
import { ssmSetting } from '#runtime/ssm-setting';
import { commonErrors, errorTests, signal } from './move-errors.ts';

let store: StrictParameters;
before(async () => {
  store = await startStrictParameters();
});
after(() => store.close());
beforeEach(() => {
  store.parameters.clear();
  store.calls.length = 0;
});

const here = 'eu-west-1 /shop/db-host';
const movable = () =>
  ssmSetting(
    {
      ...{ kind: 'ssm', parameter: '/shop/db-host', region: 'eu-west-1' },
      values: { east: 'east.example.org', west: 'west.example.org' },
    },
    store.environment,
  );
const put = (Value: string, more = {}) =>
  store.parameters.set(here, { Value, Type: 'String', DataType: 'text', Version: 4, ...more });

test('a parameter is read in its own region, and is null where there is none', async () => {
  const moved = movable();
  assert.equal(await moved.read(signal), null);
  put('east.example.org');
  assert.equal(await moved.read(signal), moved.wanted('east'));
  assert.equal(moved.what, 'ssm /shop/db-host in eu-west-1');
  assert.deepEqual(store.takeCalls()[0], ['GetParameter', { Name: '/shop/db-host' }]);
});

test('a move makes one version, of the type that it has; made again, none', async () => {
  put('east.example.org', { Type: 'StringList' });
  const moved = movable();
  assert.equal(await moved.put('west.example.org', signal), null);
  assert.equal(await moved.put('west.example.org', signal), null);
  assert.deepEqual(
    store.takeCalls().filter(([operation]) => operation === 'PutParameter'),
    [
      [
        'PutParameter',
        { Name: '/shop/db-host', Value: 'west.example.org', Type: 'StringList', DataType: 'text', Overwrite: true },
      ],
    ],
  );
  assert.equal(store.parameters.get(here)!.Version, 5);
  assert.equal(await moved.settled('', signal), true);
});

test('what was not there is made as a String, and undone it is not there again, however often', async () => {
  const moved = movable();
  await moved.put('west.example.org', signal);
  assert.deepEqual(store.parameters.get(here), {
    ...{ Value: 'west.example.org', Type: 'String', DataType: 'text', Version: 1 },
  });
  await moved.put(null, signal);
  await moved.put(null, signal);
  assert.equal(store.parameters.size, 0);
  assert.equal(store.takeCalls().filter(([operation]) => operation === 'DeleteParameter').length, 1);
});

test('a parameter that goes away while it is taken away is gone', async () => {
  put('east.example.org');
  store.faults.push({ operation: 'DeleteParameter', status: 400, code: 'ParameterNotFound' });
  assert.equal(await movable().put(null, signal), null);
});

test('a SecureString is not read, not replaced, and a problem', async () => {
  put('hunter2', { Type: 'SecureString' });
  const refused = { name: 'ServerUnsuitable', message: /is a SecureString/, hint: /type String/ };
  await assert.rejects(movable().read(signal), refused);
  await assert.rejects(movable().put('west.example.org', signal), refused);
  assert.match((await movable().check(signal)).join(), /is a SecureString/);
  assert.equal(store.parameters.get(here)!.Value, 'hunter2');
});

test('a check changes nothing, and tells of a parameter that is not there', async () => {
  assert.match((await movable().check(signal)).join(), /there is no parameter/);
  put('east.example.org');
  assert.deepEqual(await movable().check(signal), []);
  store.faults.push({ operation: 'GetParameter', status: 400, code: 'AccessDeniedException' });
  assert.match((await movable().check(signal)).join(), /refuses ssm:GetParameter.*let whoever administers/);
});

errorTests(
  'GetParameter',
  [
    ...commonErrors,
    [400, 'InvalidKeyId', 'ServerUnsuitable'],
    [400, 'ParameterVersionNotFound', 'ServerUnsuitable'],
    [500, 'InternalServerError', 'TrafficNotMoved'],
  ],
  () => store,
  () => movable().read(signal),
);
errorTests(
  'PutParameter',
  [
    ...commonErrors,
    [400, 'HierarchyLevelLimitExceededException', 'ServerUnsuitable'],
    [400, 'HierarchyTypeMismatchException', 'ServerUnsuitable'],
    [400, 'IncompatiblePolicyException', 'ServerUnsuitable'],
    [400, 'InvalidAllowedPatternException', 'ServerUnsuitable'],
    [400, 'InvalidKeyId', 'ServerUnsuitable'],
    [400, 'InvalidPolicyAttributeException', 'ServerUnsuitable'],
    [400, 'InvalidPolicyTypeException', 'ServerUnsuitable'],
    [400, 'ParameterAlreadyExists', 'TrafficNotMoved'],
    [400, 'ParameterLimitExceeded', 'ServerUnsuitable'],
    [400, 'ParameterMaxVersionLimitExceeded', 'ServerUnsuitable'],
    [400, 'ParameterPatternMismatchException', 'ServerUnsuitable'],
    [400, 'PoliciesLimitExceededException', 'ServerUnsuitable'],
    [400, 'TooManyUpdates', 'TrafficNotMoved'],
    [400, 'UnsupportedParameterType', 'ServerUnsuitable'],
    [400, 'ValidationException', 'ServerUnsuitable'],
    [500, 'InternalServerError', 'TrafficNotMoved'],
  ],
  () => store,
  () => movable().put('west.example.org', signal),
);
errorTests(
  'DeleteParameter',
  [...commonErrors, [500, 'InternalServerError', 'TrafficNotMoved']],
  () => store,
  () => {
    put('east.example.org');
    return movable().put(null, signal);
  },
);
