import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { clusterArn, type StrictGlobalCluster, startStrictGlobalCluster } from '#harness/strict-global-cluster';
import type { FailoverGroup } from '#model/failover-group';
import { type AuroraServer, openAuroraSite } from '#runtime/aurora-site';

const [east, west] = [clusterArn('us-east-1', 'shop-east'), clusterArn('us-west-2', 'shop-west')];
const signal = new AbortController().signal;
const pause = async (): Promise<void> => undefined;

let aurora: StrictGlobalCluster;
beforeEach(async () => {
  const members = [east, west].map((arn) => ({ arn, status: 'available', synchronized: true }));
  aurora = await startStrictGlobalCluster({
    ...{ id: 'shop', status: 'available', writer: east, members, move: undefined, burning: new Set() },
  });
});
afterEach(() => aurora.close());

const server = (cluster: string, region: string): AuroraServer => ({
  kind: 'aurora',
  globalCluster: 'shop',
  cluster,
  region,
});
const home = { name: 'east', server: server('shop-east', 'us-east-1') };
const recovery = { name: 'west', server: server('shop-west', 'us-west-2') };
const open = (site: typeof home) =>
  openAuroraSite(site, { environment: aurora.environment, group: { home, recovery } as FailoverGroup, pause });
const changes = () => aurora.calls.filter(({ action }) => !action.startsWith('Describe'));

test('the writer is the primary, the other member a standby of the same that is connected or is not', async () => {
  const systemId = 'cluster-f00';
  assert.partialDeepStrictEqual((await open(home).look(signal)).server, {
    state: 'answers',
    role: 'primary',
    systemId,
  });
  assert.partialDeepStrictEqual((await open(recovery).look(signal)).server, {
    role: 'standby',
    systemId,
    streams: true,
  });
  aurora.kept.members[1]!.synchronized = false;
  assert.partialDeepStrictEqual((await open(recovery).look(signal)).server, { role: 'standby', streams: false });
});

test('while its region burns a site is silent, and Aurora would fence it as soon as it can: soft, said in words', async () => {
  aurora.kept.burning.add('us-east-1');
  const { server: answer, fence } = await open(home).look(signal);
  assert.equal(answer.state, 'silent');
  assert.deepEqual([fence.strength, fence.fenced], ['soft', true]);
  assert.match(fence.how, /the region is silent, so it may take writes until then, which are lost/);
});

test('when all regions burn nothing is fenced', async () => {
  for (const region of ['us-east-1', 'us-west-2']) aurora.kept.burning.add(region);
  const { fence } = await open(home).look(signal);
  assert.deepEqual([fence.fenced, fence.possible], [false, false]);
  await assert.rejects(open(home).fence({ gently: false, signal }), { name: 'FenceFailed' });
});

test('a fence changes nothing: Aurora ends the old writer itself', async () => {
  const { strength, end } = await open(home).fence({ gently: true, signal });
  assert.deepEqual([strength, end, changes()], ['hard', null, []]);
  await open(home).unfence(await open(home).beforeFence(signal), signal);
  assert.equal(open(home).switchesItself, true);
});

test('a cluster that was detached is neither fenced nor promoted by it', async () => {
  aurora.kept.members.shift();
  assert.match((await open(home).look(signal)).fence.how, /no member of the global database shop/);
  await assert.rejects(open(home).fence({ gently: false, signal }), { name: 'FenceFailed' });
  await assert.rejects(open(home).promote({ gently: true, waitMs: 0, signal }), {
    name: 'PromotionFailed',
    hint: /detached/,
  });
});

test('gently is a switchover, asked of the region of the primary; done when the target is the writer', async () => {
  const first = await open(recovery).promote({ gently: true, waitMs: 0, signal });
  assert.deepEqual(first, { done: false, timeline: null, lsn: null });
  await assert.rejects(open(home).unfence({}, signal), { name: 'FenceFailed', message: /the writer moves to/ });
  assert.equal((await open(recovery).promote({ gently: true, waitMs: 20_000, signal })).done, true);
  assert.deepEqual(changes(), [
    {
      region: 'us-east-1',
      action: 'SwitchoverGlobalCluster',
      given: { GlobalClusterIdentifier: 'shop', TargetDbClusterIdentifier: west },
    },
  ]);
  assert.partialDeepStrictEqual((await open(recovery).look(signal)).server, { role: 'primary' });
  assert.equal((await open(recovery).promote({ gently: true, waitMs: 0, signal })).done, true);
  assert.equal(changes().length, 1);
});

test('else it is a failover that allows loss, asked of the region of the target while the other burns', async () => {
  aurora.kept.burning.add('us-east-1');
  let done = false;
  for (let ask = 0; ask < 5 && !done; ask++)
    done = (await open(recovery).promote({ gently: false, waitMs: 5_000, signal })).done;
  assert.equal(done, true);
  assert.deepEqual(changes(), [
    {
      region: 'us-west-2',
      action: 'FailoverGlobalCluster',
      given: { GlobalClusterIdentifier: 'shop', TargetDbClusterIdentifier: west, AllowDataLoss: 'true' },
    },
  ]);
});

test('an answer that is lost is not a failure of a move that goes on', async () => {
  aurora.faults.push({ action: 'SwitchoverGlobalCluster', status: 503, code: 'InternalFailure', done: true });
  assert.equal((await open(recovery).promote({ gently: true, waitMs: 20_000, signal })).done, true);
});

test('a move to elsewhere, and one that AWS refuses, are failures of the promotion with what to do', async () => {
  aurora.kept.move = { to: 'arn:other', from: east, status: 'switching-over', dataLoss: false, steps: 9 };
  await assert.rejects(open(recovery).promote({ gently: true, waitMs: 0, signal }), {
    name: 'PromotionFailed',
    message: /the writer moves to arn:other/,
  });
  aurora.kept.move = undefined;
  for (const code of [
    'InvalidGlobalClusterStateFault',
    'InvalidDBClusterStateFault',
    'DBClusterNotFoundFault',
    'AccessDenied',
  ]) {
    aurora.faults.push({ action: 'FailoverGlobalCluster', status: 400, code });
    const promoted = open(recovery).promote({ gently: false, waitMs: 0, signal });
    await assert.rejects(promoted, (failure: { name: string; hint?: string }) => {
      assert.equal(failure.name, 'PromotionFailed');
      assert.match(failure.hint ?? '', /try again|check cluster|give these credentials/);
      return true;
    });
  }
});

test('a target that writes already is not done before the move is', async () => {
  aurora.kept.writer = west;
  aurora.kept.move = { to: west, from: east, status: 'switching-over', dataLoss: false, steps: 9 };
  assert.equal((await open(recovery).promote({ gently: true, waitMs: 0, signal })).done, false);
  assert.equal((await open(recovery).promote({ gently: true, waitMs: 20_000, signal })).done, true);
});

test('a move that AWS cancels is waited for', async () => {
  aurora.kept.move = { to: west, from: east, status: 'cancelling', dataLoss: false, steps: 2 };
  assert.equal((await open(recovery).promote({ gently: true, waitMs: 5_000, signal })).done, false);
});
