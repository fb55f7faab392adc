import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { instanceArn, type StrictRdsMove, startStrictRdsMove } from '#harness/strict-rds-move';
import { makeReplica } from '#runtime/rds-replica';
import { openRdsSite } from '#runtime/rds-site';

const [here, there] = ['eu-central-1', 'eu-west-1'];
const key = `arn:aws:kms:${here}:111122223333:key/k-here`;
const signal = new AbortController().signal;
const pause = async (): Promise<void> => undefined;
const site = { name: 'home', server: { kind: 'rds', instance: 'orders', region: here, fenceGroup: 'sg-0fe' } } as const;
const primary = { name: 'away', server: { kind: 'rds', instance: 'orders-west', region: there } } as const;

let rds: StrictRdsMove;
const said: string[] = [];
beforeEach(async () => {
  rds = await startStrictRdsMove();
  said.length = 0;
  const groups = ['sg-0a', 'sg-0b'].map((id) => ({ id, status: 'active' }));
  rds.add(here, 'orders', { groups, encryptedBy: key });
  rds.add(there, 'orders-west', { encryptedBy: `arn:aws:kms:${there}:111122223333:key/k-there` });
});
afterEach(() => rds.close());

const fence = () => openRdsSite(site, { environment: rds.environment, pause }).fence({ gently: false, signal });
const rebuild = () =>
  makeReplica({
    site,
    primary,
    environment: rds.environment,
    signal,
    pause,
    onProgress: (status) => said.push(status),
  });
const creations = () => rds.calls.filter(({ action }) => action === 'CreateDBInstanceReadReplica');

test('the old instance is kept under another name, and a replica with what it had takes its own', async () => {
  await fence();
  const { how, keptAside } = await rebuild();
  assert.equal(how, 'replica');
  assert.match(keptAside ?? '', /^orders-aside-20\d{6}t\d{6}z$/);
  const kept = rds.find(here, keptAside!)!;
  assert.deepEqual([kept.groups[0]!.id, kept.replicaOf], ['sg-0fe', undefined]);
  const replica = rds.find(here, 'orders')!;
  assert.deepEqual([replica.replicaOf, replica.status], [instanceArn(there, 'orders-west'), 'available']);
  const { PreSignedUrl: _, ...given } = creations()[0]!.given;
  assert.deepEqual(given, {
    DBInstanceIdentifier: 'orders',
    SourceDBInstanceIdentifier: instanceArn(there, 'orders-west'),
    DBInstanceClass: 'db.m6g.large',
    'VpcSecurityGroupIds.VpcSecurityGroupId.1': 'sg-0a',
    'VpcSecurityGroupIds.VpcSecurityGroupId.2': 'sg-0b',
    PubliclyAccessible: 'false',
    MultiAZ: 'false',
    CopyTagsToSnapshot: 'true',
    Port: '5432',
    DBSubnetGroupName: `private-${here}`,
    DBParameterGroupName: 'ours',
    KmsKeyId: key,
  });
  assert.deepEqual(said, [`orders is kept as ${keptAside}`, 'orders is creating', 'orders is available']);
  assert.ok(!rds.asked().some((each) => /Delete/.test(each)), 'nothing is ever deleted');
});

test('of a primary that is not encrypted the replica is not either', async () => {
  delete rds.find(there, 'orders-west')!.encryptedBy;
  await fence();
  await rebuild();
  assert.equal(creations()[0]!.given.KmsKeyId, undefined);
});

test('a second call finds the replica and changes nothing', async () => {
  await fence();
  const { keptAside } = await rebuild();
  const before = rds.calls.length;
  assert.deepEqual(await rebuild(), { how: 'nothing', keptAside });
  assert.ok(
    rds
      .asked()
      .slice(before)
      .every((each) => each.endsWith(' DescribeDBInstances')),
  );
});

for (const action of ['ModifyDBInstance', 'CreateDBInstanceReadReplica']) {
  test(`after an answer to ${action} that was lost a second call goes on`, async () => {
    await fence();
    rds.faults.push({ action, status: 403, code: 'AccessDenied', done: true });
    await assert.rejects(rebuild(), { name: 'RebuildFailed', hint: new RegExp(`rds:${action}`) });
    const { how, keptAside } = await rebuild();
    assert.deepEqual([how, keptAside !== null, creations().length], ['replica', true, 1]);
    assert.equal(rds.find(here, 'orders')!.replicaOf, instanceArn(there, 'orders-west'));
    assert.equal(rds.instances.filter(({ id }) => id.startsWith('orders-aside-')).length, 1);
  });
}

test('an instance that is not fenced keeps its name: it may have writes that nobody else has', async () => {
  await assert.rejects(rebuild(), { name: 'RebuildFailed', message: /orders is not fenced/ });
  assert.ok(rds.asked().every((each) => each.endsWith(' DescribeDBInstances')));
});

const refusals: [what: string, change: () => void, message: RegExp][] = [
  ['there is no primary', () => rds.instances.pop(), /has no instance orders-west/],
  ['the primary is a replica', () => (rds.instances[1]!.replicaOf = 'arn:x'), /is a replica itself/],
  ['the primary has no backups', () => (rds.instances[1]!.retentionDays = 0), /no automated backups/],
  ['it is a replica of another', () => (rds.instances[0]!.replicaOf = 'arn:other'), /a replica of arn:other/],
  ['there is nothing to take after', () => rds.instances.shift(), /no instance whose class, network and key/],
];
for (const [what, change, message] of refusals) {
  test(`it is refused when ${what}`, async () => {
    change();
    await assert.rejects(rebuild(), { name: 'RebuildFailed', message });
    assert.deepEqual(creations(), []);
  });
}

test('a replica that RDS cannot make is told as such', async () => {
  await fence();
  for (const [code, hint] of [
    ['KMSKeyNotAccessibleFault', /region of the instance/],
    ['InstanceQuotaExceeded', /quota of DB instances/],
    ['DBSubnetGroupNotFoundFault', /subnet group/],
  ] as const) {
    rds.faults.push({ action: 'CreateDBInstanceReadReplica', status: 400, code });
    await assert.rejects(rebuild(), { name: 'RebuildFailed', hint });
  }
});

test('without the groups of before the fence it is not made, and the tag that is needed is named', async () => {
  await fence();
  delete rds.find(here, 'orders')!.tags['lifeboat:groups-before'];
  await assert.rejects(rebuild(), { name: 'RebuildFailed', hint: /lifeboat:groups-before/ });
});
