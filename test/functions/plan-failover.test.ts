import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { holdLease } from '#catalog/execution-lease';
import { readFailoverStanding } from '#catalog/failover-standing';
import { readLease } from '#catalog/lease';
import type { PlannedMove } from '#failover/planned-move';
import { absent, behind, primary, silent, standby } from '#harness/move-scene';
import { executionArn } from '#model/arn';
import { advance, lsn } from '#model/lsn';
import { leaseKey } from '#store/bucket-layout';
import { httpServer } from '../runtime/http-server.ts';
import { FailoverScene } from './failover-scene.ts';

let scene: FailoverScene;
beforeEach(async () => {
  scene = await FailoverScene.create();
  scene.sites = { east: primary('east'), west: standby('west') };
});
afterEach(() => scene.remove());

const plan = (input: object = {}) => scene.invoke<PlannedMove>('plan-failover', { input });
const execution = executionArn('failover', 'one');
const recheck = (input: object, planHash: string, by = execution) =>
  scene.invoke<PlannedMove>('recheck-failover', { execution: by, input, planHash });
const lease = async () => (await readLease(scene.source.store, leaseKey('orders', 'failover')))?.state;
const gone = () => Object.assign(scene.sites, { east: silent('east'), west: standby('west', { streams: false }) });

describe('plan-failover', () => {
  test('answers what the machine and who approves it need, and writes down what it decided', async () => {
    const { planText, planHash, ...move } = await plan({ reason: 'smoke', requestedBy: 'ada' });
    assert.deepEqual(move, {
      ...{ group: 'shop', source: 'orders', mode: 'failover', from: 'east', to: 'west', gently: false, force: false },
      ...{ restore: false, automatic: false, requestedBy: 'ada', reason: 'smoke', lostBytes: 0 },
      ...{ healthyWithinSeconds: 300, rebuildAfter: false },
    });
    assert.match(
      planText,
      new RegExp(`name {5}file .*/endpoint: 127.0.0.1:5432 → 127.0.0.1:5433\n[^]*\nplan ${planHash}$`),
    );
    assert.equal((await readFailoverStanding(scene.source.store, 'shop'))!.plans[0]!.hash, planHash);
  });

  test('the end of the WAL in the bucket tells what is lost when the primary is gone', async () => {
    await scene.source.backup();
    await scene.source.commit();
    const { end } = scene.source;
    Object.assign(scene.sites, {
      east: silent('east'),
      west: standby('west', { lsn: lsn(end - 100n), streams: false }),
    });
    assert.equal((await plan()).lostBytes, 100);
    scene.sites.west = standby('west', { lsn: advance(end, 5), streams: false });
    const { lostBytes, planText } = await plan();
    assert.equal(lostBytes, 0);
    assert.match(planText, /nothing that the bucket has/);
  });

  test('where no standby is, a backup has to be', async () => {
    Object.assign(scene.sites, { east: silent('east'), west: absent('west') });
    await assert.rejects(plan(), { name: 'NotReady', message: /the bucket has no backup of orders/ });
    await scene.source.backup();
    assert.equal((await plan()).restore, true);
  });

  test('says all reasons at once, with what to do', async () => {
    scene.sites = { east: silent('east', { possible: false }), west: standby('west', { systemId: '7' }) };
    await scene.source.backup();
    await assert.rejects(plan(), (failure: Error) => {
      assert.equal(failure.name, 'NotReady');
      assert.match(failure.message, /east cannot be fenced: .*; west is another system/);
      assert.match(failure.message, /HINT: nothing was touched: each of these 2/);
      return true;
    });
  });

  test('two primaries are refused under their own name', async () => {
    scene.sites.west = primary('west', { timeline: 2 });
    await assert.rejects(plan({ force: true }), { name: 'TwoPrimaries', message: /stop the server at once/ });
  });

  test('a name that cannot be put stands against it', async () => {
    Object.assign(scene.group.names[0]!, { path: '/nowhere/endpoint' });
    await assert.rejects(plan(), {
      name: 'NotReady',
      message: /file \/nowhere\/endpoint cannot be put: .*there is no folder/,
    });
  });

  test('what a witness says is asked and said', async () => {
    const witness = await httpServer((_, response) => void response.writeHead(410).end());
    scene.group.witnesses.push({ kind: 'http', url: `${witness.url}/pg` });
    gone();
    assert.match((await plan()).planText, /witness {2}http http:.*\/pg says it is gone: status 410/);
  });

  test('a site that cannot be looked at is silent, and not taken for fenced', async () => {
    scene.sites.east = new Error('no such secret');
    await assert.rejects(plan(), {
      name: 'NotReady',
      message: /east cannot be fenced: it could not be looked at: no such secret/,
    });
  });

  const wrong: [input: object, message: RegExp][] = [
    [{ planned: true, force: true }, /force: true is not allowed: expected nothing beside planned/],
    [{ proposed: true, force: true }, /proposed: true is not allowed: expected nothing beside force/],
    [{ rehearse: true, planned: true }, /rehearse: true is not allowed/],
    [{ group: 'shup' }, /did you mean "shop"/],
    [{ to: 'north' }, /to: "north" is not allowed: expected one of the sites east, west/],
    [{ planed: true }, /did you mean "planned"/],
  ];
  for (const [input, message] of wrong)
    test(`refuses ${JSON.stringify(input)}`, () => assert.rejects(plan(input), { name: 'InputInvalid', message }));
});

describe('recheck-failover', () => {
  test('the same plan goes on, and nobody else moves the group from then on', async () => {
    const { planHash } = await plan();
    assert.equal((await recheck({}, planHash)).planHash, planHash);
    assert.equal((await lease())?.execution, execution);
    assert.equal((await recheck({}, planHash)).planHash, planHash, 'and once more, for the same execution');
    scene.running = ['one'];
    await assert.rejects(recheck({}, planHash, executionArn('failover', 'two')), { name: 'LeaseHeld' });
    assert.equal((await lease())?.execution, execution);
  });

  test('the primary is back: nothing goes on, and the lease is given back', async () => {
    gone();
    const { planHash } = await plan();
    scene.sites.east = primary('east');
    await assert.rejects(recheck({}, planHash), { name: 'PlanChanged', message: /the primary answers again at east/ });
    assert.equal((await lease())?.released, true);
  });

  test('the standby has fallen behind', async () => {
    const { planHash } = await plan();
    scene.sites.west = standby('west', { lsn: behind(400 << 20) });
    await assert.rejects(recheck({}, planHash), {
      name: 'PlanChanged',
      message: /has received 400 MiB less than east/,
    });
    assert.equal((await lease())?.released, true);
  });

  test('two primaries by now', async () => {
    const { planHash } = await plan();
    scene.sites.west = primary('west', { timeline: 2 });
    await assert.rejects(recheck({}, planHash), { name: 'TwoPrimaries' });
    assert.equal((await lease())?.released, true);
  });

  test('another execution moves the group: nothing is looked at, and its lease stays', async () => {
    const { planHash } = await plan();
    const other = executionArn('failover', 'other');
    scene.running = ['other'];
    await holdLease(scene.source.store, 'orders', 'failover', {
      execution: other,
      host: 'h',
      pid: 1,
      now: scene.source.now,
    });
    await assert.rejects(recheck({}, planHash), { name: 'LeaseHeld' });
    assert.deepEqual([(await lease())?.execution, (await lease())?.released], [other, false]);
  });
});

test('a region that is gone does not keep a plan from being made', { timeout: 60_000 }, async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  scene.sites.west = standby('west', { streams: false });
  scene.sites.east = new Promise<never>(() => undefined);
  const refused = assert.rejects(plan(), { name: 'NotReady', message: /east cannot be fenced: .*no answer in 15 s/ });
  const over = refused.then(() => true);
  while (!(await Promise.race([over, new Promise((resolve) => setImmediate(resolve))]))) t.mock.timers.tick(1_000);
});
