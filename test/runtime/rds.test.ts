import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type StrictRds, startStrictRds } from '#harness/strict-rds';
import { createAwsSdk } from '#runtime/call-aws-sdk';
import { openRds } from '#runtime/rds';
import { openRdsDeletion } from '#runtime/rds-deletion';

const [home, away] = ['eu-central-1', 'eu-west-1'];
const awayKey = `arn:aws:kms:${away}:111122223333:key/k`;
let rds: StrictRds;
before(async () => {
  rds = await startStrictRds(home);
  const window = { earliest: new Date('2026-11-13T00:00:00Z'), latest: new Date('2026-11-20T05:10:00Z') };
  rds.regions.add(home, 'instance', { id: 'orders', ...window });
  rds.regions.add(home, 'cluster', { id: 'ledger', ...window, encrypted: false });
});
after(() => rds.close());

test('an instance and a cluster tell between which instants they can be restored', async () => {
  for (const database of [
    { type: 'instance', id: 'orders' },
    { type: 'cluster', id: 'ledger' },
  ] as const) {
    const facts = await openRds(rds.environment).database(database);
    assert.deepEqual(
      [
        facts?.status,
        facts?.retentionDays,
        facts?.earliestRestorable?.toISOString(),
        facts?.latestRestorable?.toISOString(),
      ],
      ['available', 7, '2026-11-13T00:00:00.000Z', '2026-11-20T05:10:00.000Z'],
    );
  }
});

test('what is not there is undefined, and a region has only its own', async () => {
  assert.equal(await openRds(rds.environment).database({ type: 'instance', id: 'nobody' }), undefined);
  assert.equal(await openRds(rds.environment, away).database({ type: 'instance', id: 'orders' }), undefined);
  assert.equal(await openRds(rds.environment).snapshot('cluster', 'nothing'), undefined);
});

test('snapshots are listed page by page, oldest first', async () => {
  for (let n = 0; n < 45; n++)
    rds.regions.addSnapshot(home, 'cluster', { id: `s${n}`, of: 'ledger', createdAt: new Date(1e12 - n * 1000) });
  rds.regions.addSnapshot(home, 'cluster', { id: 'other', of: 'another' });
  const found = await openRds(rds.environment).snapshots({ type: 'cluster', id: 'ledger' });
  assert.equal(found.length, 45);
  assert.deepEqual([found[0]?.id, found.at(-1)?.id], ['s44', 's0']);
});

for (const type of ['instance', 'cluster'] as const) {
  test(`a snapshot of one ${type} is copied into another region, once, under a key of that region`, async () => {
    rds.regions.addSnapshot(home, type, { id: 'mine', of: 'orders' });
    const { arn } = (await openRds(rds.environment).snapshot(type, 'mine'))!;
    const there = openRds(rds.environment, away);
    const copy = { type, arn, id: 'copied', tags: { a: 'b' } };
    await assert.rejects(there.copy({ ...copy, kmsKey: undefined }), {
      name: 'ServerUnsuitable',
      message: /KMSKeyNotAccessibleFault/,
      hint: /copyTo\.kmsKey/,
    });
    assert.equal((await there.copy({ ...copy, kmsKey: awayKey }))?.status, 'creating');
    assert.equal(await there.copy({ ...copy, kmsKey: awayKey }), undefined);
    await there.snapshot(type, 'copied');
    const found = await there.snapshot(type, 'copied');
    assert.deepEqual([found?.status, found?.tags, found?.encrypted], ['available', { a: 'b' }, true]);
    assert.equal(
      (await openRds(rds.environment).snapshot(type, 'mine'))?.id,
      'mine',
      'the region at home is still asked',
    );
  });
}

for (const type of ['instance', 'cluster'] as const) {
  test(`a snapshot of one ${type} is deleted in its region, once; RDS refuses what is automated or being made`, async () => {
    const { regions } = rds;
    for (const region of [home, away]) regions.addSnapshot(region, type, { id: 'spare', of: 'orders' });
    regions.addSnapshot(home, type, { id: 'made', of: 'orders', status: 'creating', pending: 9 });
    regions.addSnapshot(home, type, { id: 'daily', of: 'orders', type: 'automated' });
    const deletion = openRdsDeletion(rds.environment, home);
    const ends = [];
    for (const id of ['spare', 'spare', 'made', 'daily']) ends.push(await deletion.delete(type, id));
    assert.deepEqual(ends, ['deleted', 'gone', 'busy', 'busy']);
    assert.ok(regions.snapshot(away, type, 'spare'));
    assert.ok(regions.snapshot(home, type, 'made') && regions.snapshot(home, type, 'daily'));
  });

  test(`of each ${type}, what is being made with a source's tag is found, page by page`, async () => {
    for (let n = 0; n < 45; n++) rds.regions.add('eu-north-1', type, { id: `d${n}` });
    const tags = { 'lifeboat:source': 'ledger' };
    rds.regions.add('eu-north-1', type, { id: 'back', status: 'creating', tags });
    rds.regions.add('eu-north-1', type, { id: 'there', tags });
    rds.regions.add('eu-north-1', type, { id: 'another', status: 'creating', tags: { 'lifeboat:source': 'books' } });
    assert.deepEqual(await openRdsDeletion(rds.environment, 'eu-north-1').making(type, 'ledger'), ['back']);
  });
}

test('a copy of an instance has the instant of its original', async () => {
  const createdAt = new Date('2026-01-01T00:00:00Z');
  rds.regions.addSnapshot(home, 'instance', { id: 'january', of: 'orders', createdAt, encrypted: false });
  const { arn } = (await openRds(rds.environment).snapshot('instance', 'january'))!;
  const there = openRds(rds.environment, away);
  await there.copy({ type: 'instance', arn, id: 'january', kmsKey: undefined, tags: {} });
  for (let look = 0; look < 3; look++) await there.snapshot('instance', 'january');
  const copied = await there.snapshot('instance', 'january');
  assert.deepEqual([copied?.createdAt, copied?.copyOf], [createdAt, arn]);
});

const failures: [what: string, fault: { status: number; code: string; times: number }, name: string, hint: RegExp][] = [
  [
    'a right that is missing',
    { status: 403, code: 'AccessDenied', times: 1 },
    'AuthenticationFailed',
    /rds:DescribeDBInstances/,
  ],
  ['throttling that lasts', { status: 400, code: 'Throttling', times: 9 }, 'ConnectionFailed', /try again/],
  ['a service out of order', { status: 503, code: 'InternalFailure', times: 9 }, 'ConnectionFailed', /try again/],
];
for (const [what, fault, name, hint] of failures) {
  test(`${what} is told as what it is`, async () => {
    rds.faults.push({ action: 'DescribeDBInstances', ...fault });
    await assert.rejects(openRds(rds.environment).database({ type: 'instance', id: 'orders' }), { name, hint });
    rds.faults.length = 0;
  });
}

test('throttling that passes is not seen', async () => {
  rds.faults.push({ action: 'DescribeDBInstances', status: 400, code: 'Throttling', times: 1 });
  assert.ok(await openRds(rds.environment).database({ type: 'instance', id: 'orders' }));
});

const signal = new AbortController().signal;
const sdk = (action: string, given: object) =>
  createAwsSdk(rds.environment, () => ({}))({ service: 'rds', action, given, signal });

test('a machine calls RDS with the names of Step Functions, and is answered in them', async () => {
  const given = {
    DbInstanceIdentifier: 'orders',
    DbSnapshotIdentifier: 'by-machine',
    Tags: [{ Key: 'k', Value: 'v' }],
  };
  const made = (await sdk('createDBSnapshot', given)) as { DbSnapshot: Record<string, unknown> };
  assert.deepEqual([made.DbSnapshot.DbSnapshotIdentifier, made.DbSnapshot.Status], ['by-machine', 'creating']);
  assert.deepEqual(made.DbSnapshot.TagList, [{ Key: 'k', Value: 'v' }]);
  await assert.rejects(sdk('createDBSnapshot', given), { error: 'Rds.DbSnapshotAlreadyExistsException' });
  const restore = {
    SourceDBInstanceIdentifier: 'orders',
    TargetDBInstanceIdentifier: 'twin',
    PubliclyAccessible: false,
  };
  await sdk('restoreDBInstanceToPointInTime', { ...restore, RestoreTime: '2026-11-20T05:00:00Z' });
  const told = (await sdk('describeDBInstances', { DbInstanceIdentifier: 'twin' })) as { DbInstances: object[] };
  assert.partialDeepStrictEqual(told.DbInstances[0], { DbInstanceStatus: 'creating', PubliclyAccessible: false });
});

test('the names of the API, which Step Functions refuses, are refused here, too', async () => {
  await assert.rejects(sdk('describeDBInstances', { DBInstanceIdentifier: 'orders' }), {
    error: 'States.Runtime',
    message: 'The field "DBInstanceIdentifier" is not supported by Step Functions',
  });
});

const named: [code: string, status: number, error: string][] = [
  ['DBInstanceNotFound', 404, 'Rds.DbInstanceNotFoundException'],
  ['InvalidDBInstanceState', 400, 'Rds.InvalidDbInstanceStateException'],
  ['SnapshotQuotaExceeded', 400, 'Rds.SnapshotQuotaExceededException'],
  ['KMSKeyNotAccessibleFault', 400, 'Rds.KmsKeyNotAccessibleException'],
  ['InvalidVPCNetworkStateFault', 400, 'Rds.InvalidVpcNetworkStateException'],
  ['AccessDenied', 403, 'Rds.RdsException'],
  ['Throttling', 400, 'Rds.RdsException'],
];
for (const [code, status, error] of named) {
  test(`${code} is ${error} to a machine`, async () => {
    rds.faults.push({ action: 'DescribeDBInstances', status, code, times: 9 });
    await assert.rejects(sdk('describeDBInstances', { DbInstanceIdentifier: 'orders' }), { error });
    rds.faults.length = 0;
  });
}

test('RDS that does not answer is an error of the SDK', async () => {
  const nobody = createAwsSdk({ ...rds.environment, AWS_ENDPOINT_URL_RDS: 'http://127.0.0.1:9' }, () => ({}));
  const call = nobody({ service: 'rds', action: 'describeDBInstances', given: {}, signal });
  await assert.rejects(call, { error: 'Rds.SdkClientException' });
});
