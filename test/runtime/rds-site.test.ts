import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { instanceArn, type StrictRdsMove, startStrictRdsMove } from '#harness/strict-rds-move';
import { openRdsSite } from '#runtime/rds-site';

const [here, there] = ['eu-central-1', 'eu-west-1'];
const fenceGroup = 'sg-0fe';
const signal = new AbortController().signal;
const pauses: number[] = [];
const pause = async (ms: number): Promise<void> => void pauses.push(ms);

let rds: StrictRdsMove;
beforeEach(async () => {
  rds = await startStrictRdsMove();
  pauses.length = 0;
  const groups = ['sg-0b', 'sg-0a'].map((id) => ({ id, status: 'active' }));
  rds.add(here, 'orders', { groups });
  rds.add(there, 'orders-west', { replicaOf: instanceArn(here, 'orders'), retentionDays: 3 });
});
afterEach(() => rds.close());

const home = (more: { fenceGroup?: string } = { fenceGroup }) =>
  openRdsSite(
    { name: 'home', server: { kind: 'rds', instance: 'orders', region: here, ...more } },
    { environment: rds.environment, pause },
  );
const away = () =>
  openRdsSite(
    { name: 'away', server: { kind: 'rds', instance: 'orders-west', region: there, fenceGroup } },
    { environment: rds.environment, pause },
  );

test('an instance is the primary and its read replica a standby of the same, each asked in its region', async () => {
  const [primary, standby] = [(await home().look(signal)).server, (await away().look(signal)).server];
  const systemId = 'rds:eu-central-1:orders';
  assert.partialDeepStrictEqual(primary, { state: 'answers', role: 'primary', systemId, lsn: null, streams: false });
  assert.partialDeepStrictEqual(standby, { state: 'answers', role: 'standby', systemId, lsn: null, streams: true });
  assert.deepEqual(rds.asked(), [`${here} DescribeDBInstances`, `${there} DescribeDBInstances`]);
});

test('a replica whose replication has an error does not stream', async () => {
  rds.find(there, 'orders-west')!.replicates = false;
  assert.partialDeepStrictEqual((await away().look(signal)).server, { role: 'standby', streams: false });
});

test('an instance that is stopped or rebooting, and a region that is out of order, are silent with the reason', async () => {
  rds.find(here, 'orders')!.status = 'stopped';
  assert.deepEqual((await home().look(signal)).server, { state: 'silent', why: 'RDS says it is stopped' });
  rds.faults.push({ action: 'DescribeDBInstances', status: 503, code: 'ServiceUnavailable', times: 9 });
  const { server, fence } = await home().look(signal);
  assert.equal(server.state, 'silent');
  assert.match(
    server.state === 'silent' ? server.why : '',
    /RDS in eu-central-1 did not answer rds:DescribeDBInstances/,
  );
  assert.deepEqual([fence.fenced, fence.possible], [false, false]);
});

test('what is not there is absent, and nothing says that it is fenced', async () => {
  rds.instances.length = 0;
  const { server, fence } = await home().look(signal);
  assert.deepEqual([server, fence.fenced, fence.possible], [{ state: 'absent' }, false, false]);
});

test('a fence is the only security group and a reboot after it, and both are seen', async () => {
  const site = home();
  const memory = await site.beforeFence(signal);
  assert.deepEqual(memory.groups, ['sg-0a', 'sg-0b']);
  const { strength, how, end } = await site.fence({ gently: false, signal });
  assert.deepEqual([strength, end], ['hard', null]);
  assert.match(how, /sg-0fe is its only security group, and it was rebooted behind it at 20/);
  const orders = rds.find(here, 'orders')!;
  assert.deepEqual([orders.groups, orders.reboots], [[{ id: fenceGroup, status: 'active' }], 1]);
  assert.equal(orders.tags['lifeboat:groups-before'], 'sg-0a sg-0b');
  assert.equal(orders.rebootsAtTag['lifeboat:fenced'], 1, 'it was up again before it counted as fenced');
  assert.equal((await site.look(signal)).fence.fenced, true);
  const changes = rds.calls.filter(({ action }) => !action.startsWith('Describe'));
  assert.deepEqual(
    changes.map(({ action }) => action),
    [...['AddTagsToResource', 'ModifyDBInstance', 'RebootDBInstance', 'AddTagsToResource']],
  );
  assert.deepEqual(changes[1]!.given, {
    DBInstanceIdentifier: 'orders',
    'VpcSecurityGroupIds.VpcSecurityGroupId.1': fenceGroup,
    ApplyImmediately: 'true',
  });
  assert.ok(pauses.length > 0, 'it was waited for');
});

test('a second fence changes nothing and tells the same', async () => {
  const first = await home().fence({ gently: false, signal });
  const before = rds.calls.length;
  assert.deepEqual(await home().fence({ gently: false, signal }), first);
  assert.deepEqual(rds.asked().slice(before), [`${here} DescribeDBInstances`]);
});

for (const action of ['AddTagsToResource', 'ModifyDBInstance', 'RebootDBInstance']) {
  test(`a fence whose answer to ${action} is lost is not there before a second call has finished it`, async () => {
    rds.faults.push({ action, status: 403, code: 'AccessDenied', done: true });
    await assert.rejects(home().fence({ gently: false, signal }), { name: 'FenceFailed' });
    assert.equal((await home().look(signal)).fence.fenced, false);
    for (let look = 0; look < 8; look++) await home().look(signal);
    await home().fence({ gently: false, signal });
    const orders = rds.find(here, 'orders')!;
    assert.ok(orders.reboots >= 1);
    assert.deepEqual([orders.groups[0]!.id, orders.tags['lifeboat:groups-before']], [fenceGroup, 'sg-0a sg-0b']);
    assert.equal((await home().look(signal)).fence.fenced, true);
  });
}

test('a fence that is half put up is none, and what it had before stays known', async () => {
  const orders = rds.find(here, 'orders')!;
  orders.tags = { 'lifeboat:fenced': '2026-11-20T12:00:00.000Z', 'lifeboat:groups-before': 'sg-0a sg-0b' };
  orders.groups = [{ id: fenceGroup, status: 'adding' }];
  assert.equal((await home().look(signal)).fence.fenced, false);
  orders.groups.push({ id: 'sg-0a', status: 'removing' });
  await home().fence({ gently: false, signal });
  assert.deepEqual([orders.tags['lifeboat:groups-before'], orders.reboots], ['sg-0a sg-0b', 1]);
});

test('RDS that is busy is waited for, and refused after ten minutes', async () => {
  const orders = rds.find(here, 'orders')!;
  orders.ahead.push(...Array.from({ length: 4 }, () => ({ status: 'backing-up' })));
  orders.status = 'backing-up';
  await home().fence({ gently: false, signal });
  rds.add(here, 'stuck', { status: 'storage-full' });
  const site = openRdsSite(
    { name: 'home', server: { kind: 'rds', instance: 'stuck', region: here, fenceGroup } },
    { environment: rds.environment, pause },
  );
  pauses.length = 0;
  await assert.rejects(site.fence({ gently: false, signal }), {
    name: 'FenceFailed',
    message: /stuck at home may still take writes: it did not take other security groups within 10 minutes/,
  });
  assert.equal(
    pauses.reduce((sum, ms) => sum + ms, 0),
    10 * 60_000,
  );
});

test('without a fenceGroup it cannot be fenced, and says what is needed', async () => {
  const site = home({});
  const { fence } = await site.look(signal);
  assert.deepEqual([fence.fenced, fence.possible], [false, false]);
  assert.match(fence.how, /name a fenceGroup/);
  await assert.rejects(site.fence({ gently: false, signal }), { name: 'FenceFailed', message: /name a fenceGroup/ });
  assert.deepEqual([...new Set(rds.asked())], [`${here} DescribeDBInstances`]);
});

test('gently is refused without a connection, before anything is changed', async () => {
  await assert.rejects(home().fence({ gently: true, signal }), {
    name: 'FenceFailed',
    hint: /give the site a connection/,
  });
  assert.deepEqual([...new Set(rds.asked())], [`${here} DescribeDBInstances`]);
});

test('a replica is fenced by nature: nothing is changed, and nothing put back', async () => {
  const site = away();
  const memory = await site.beforeFence(signal);
  assert.deepEqual([(await site.look(signal)).fence.fenced, memory.replica], [true, true]);
  assert.equal((await site.fence({ gently: true, signal })).strength, 'hard');
  await site.unfence(memory, signal);
  assert.deepEqual([...new Set(rds.asked())], [`${there} DescribeDBInstances`]);
});

test('a replica that is not available may be in the middle of its promotion, and counts as fenced no more', async () => {
  const replica = rds.find(there, 'orders-west')!;
  for (const status of ['modifying', 'rebooting', 'backing-up', 'upgrading']) {
    replica.status = status;
    const { fence } = await away().look(signal);
    assert.deepEqual([fence.fenced, fence.possible], [false, true], status);
    assert.match(fence.how, new RegExp(status));
  }
});

test('a fence of an earlier day is made anew: who came in between nobody knows', async () => {
  await home().fence({ gently: false, signal });
  const orders = rds.find(here, 'orders')!;
  orders.tags['lifeboat:fenced'] = new Date(Date.now() - 2 * 3_600_000).toISOString();
  orders.tags['lifeboat:end'] = '0/5000000';
  await assert.rejects(home().fence({ gently: true, signal }), { name: 'FenceFailed', hint: /undo the fence/ });
  const { end } = await home().fence({ gently: false, signal });
  assert.deepEqual([orders.reboots, end], [2, null]);
  assert.deepEqual([orders.rebootsAtTag['lifeboat:fenced'], orders.tags['lifeboat:end']], [2, undefined]);
});

test('a replica that somebody promotes meanwhile is not fenced as one', async () => {
  const replica = rds.find(there, 'orders-west')!;
  replica.status = 'modifying';
  let looks = 0;
  const site = openRdsSite(
    { name: 'away', server: { kind: 'rds', instance: 'orders-west', region: there, fenceGroup } },
    {
      environment: rds.environment,
      pause: async () => {
        looks++;
        delete (replica as { replicaOf?: string }).replicaOf;
        replica.status = 'available';
      },
    },
  );
  await assert.rejects(site.fence({ gently: false, signal }), {
    name: 'FenceFailed',
    message: /promoted it meanwhile/,
  });
  assert.deepEqual([looks, replica.reboots], [1, 0]);
});

test('somebody who puts the old groups back by hand opens the fence, and the next one reboots again', async () => {
  await home().fence({ gently: false, signal });
  rds.find(here, 'orders')!.groups = [{ id: 'sg-0a', status: 'active' }];
  assert.equal((await home().look(signal)).fence.fenced, false);
  rds.faults.push({ action: 'RebootDBInstance', status: 403, code: 'AccessDenied' });
  await assert.rejects(home().fence({ gently: false, signal }), { name: 'FenceFailed' });
  assert.equal((await home().look(signal)).fence.fenced, false, 'the tag of the first fence is not believed');
  for (let look = 0; look < 8; look++) await home().look(signal);
  await home().fence({ gently: false, signal });
  assert.equal(rds.find(here, 'orders')!.reboots, 2);
});

test('undone, it has the groups of before and no tags of ours; twice is the same', async () => {
  const site = home();
  const memory = await site.beforeFence(signal);
  await site.fence({ gently: false, signal });
  for (let time = 0; time < 2; time++) await site.unfence(memory, signal);
  const orders = rds.find(here, 'orders')!;
  assert.deepEqual(orders.groups.map(({ id }) => id).sort(), ['sg-0a', 'sg-0b']);
  assert.deepEqual(orders.tags, {});
  assert.equal((await site.look(signal)).fence.fenced, false);
});

test('a memory that knows the fence only is refused, with where to look', async () => {
  await home().fence({ gently: false, signal });
  const memory = await home().beforeFence(signal);
  await assert.rejects(home().unfence(memory, signal), { name: 'FenceFailed', hint: /lifeboat:groups-before/ });
  assert.equal((await home().look(signal)).fence.fenced, true);
});

test('a replica is promoted once, keeps its backups, and is done when it is available and no replica', async () => {
  const site = away();
  assert.deepEqual(await site.promote({ gently: false, waitMs: 5_000, signal }), {
    done: false,
    timeline: null,
    lsn: null,
  });
  let asks = 1;
  while (!(await site.promote({ gently: false, waitMs: 5_000, signal })).done) asks++;
  assert.ok(asks >= 1);
  const promotions = rds.calls.filter(({ action }) => action === 'PromoteReadReplica');
  assert.deepEqual(
    promotions.map(({ given }) => given),
    [{ DBInstanceIdentifier: 'orders-west', BackupRetentionPeriod: '3' }],
  );
  assert.partialDeepStrictEqual((await site.look(signal)).server, {
    role: 'primary',
    systemId: `rds:${there}:orders-west`,
  });
  assert.equal((await site.promote({ gently: false, waitMs: 0, signal })).done, true);
});

test('a replica that RDS works on is not asked to be promoted before that ends', async () => {
  const replica = rds.find(there, 'orders-west')!;
  replica.status = 'backing-up';
  replica.ahead.push({ status: 'backing-up' }, { status: 'backing-up' });
  assert.equal((await away().promote({ gently: false, waitMs: 5_000, signal })).done, false);
  assert.deepEqual([...new Set(rds.asked())], [`${there} DescribeDBInstances`]);
});

test('a promotion whose answer is lost goes on, and is not asked for again', async () => {
  rds.faults.push({ action: 'PromoteReadReplica', status: 503, code: 'InternalFailure', done: true });
  // the SDK asks again by itself, and is told that it is no state for that
  let done = false;
  for (let ask = 0; ask < 9 && !done; ask++)
    done = (await away().promote({ gently: false, waitMs: 5_000, signal })).done;
  assert.equal(done, true);
  assert.equal(rds.find(there, 'orders-west')!.replicaOf, undefined);
});

test('a replica that RDS cannot promote is told as such', async () => {
  for (const status of ['stopped', 'failed', 'incompatible-parameters', 'storage-full']) {
    rds.find(there, 'orders-west')!.status = status;
    await assert.rejects(away().promote({ gently: false, waitMs: 0, signal }), {
      name: 'PromotionFailed',
      message: `orders-west in eu-west-1 cannot become the primary: RDS says it is ${status}`,
    });
  }
  rds.instances.length = 0;
  await assert.rejects(away().promote({ gently: false, waitMs: 0, signal }), {
    name: 'PromotionFailed',
    hint: /renamed/,
  });
});

test('a right that is missing is the cause that is told, of a fence and of a promotion', async () => {
  rds.faults.push({ action: 'ModifyDBInstance', status: 403, code: 'AccessDenied' });
  await assert.rejects(home().fence({ gently: false, signal }), { name: 'FenceFailed', hint: /rds:ModifyDBInstance/ });
  rds.faults.push({ action: 'PromoteReadReplica', status: 403, code: 'AccessDenied' });
  const promoted = away().promote({ gently: false, waitMs: 0, signal });
  await assert.rejects(promoted, { name: 'PromotionFailed', hint: /rds:PromoteReadReplica/ });
});

test('whoever is told to stop stops at once', async () => {
  const stop = new AbortController();
  stop.abort(new Error('enough'));
  await assert.rejects(home().fence({ gently: false, signal: stop.signal }), { message: 'enough' });
});
