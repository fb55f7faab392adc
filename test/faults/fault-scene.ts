import assert from 'node:assert/strict';
import { after, before, type TestContext, test } from 'node:test';
import { readLease } from '#catalog/lease';
import { verifyEvidence } from '#catalog/verify-evidence';
import type { ReplicatedSite } from '#harness/replicated-site';
import type { ExecutionEnd } from '#local/run-execution';
import { leaseKey } from '#store/bucket-layout';
import { FailoverWorld, type WorldOptions } from './failover-world.ts';
import { settle } from './settle.ts';

/** Where a test begins: one primary, the other one streams from it, and clients write. */
export interface Scene {
  world: FailoverWorld;
  primary: ReplicatedSite;
  standby: ReplicatedSite;
}

/**
 * Tests of bad luck that share two servers, one after the other. Whatever a test does, in the end there was never more than one
 * primary, the evidence is whole, the lease is free, and a planned move could be made: one primary, and a standby that streams.
 */
export function faultTests(options: WorldOptions = {}) {
  let world: FailoverWorld;
  before(async () => {
    world = await FailoverWorld.create(options);
  });
  after(() => world.remove());
  let count = 0;
  return (name: string, body: (scene: Scene, t: TestContext) => Promise<void>) =>
    test(name, async (t) => {
      const primary = (await world.primary())!;
      const name = `test-${++count}`;
      try {
        await body({ world, primary, standby: world.other(primary.name) }, t);
        await leaseIsFree(world);
      } catch (failure) {
        world.faults = {};
        // what one test breaks, the next one does not find
        await settle(world, `${name}-broken`, []).catch(() => undefined);
        throw failure;
      }
      world.faults = {};
      await settle(world, name, []);
      await isWhole(world);
      await canMove(world);
    });
}

/** Whatever was before, now the primary moves, and every row that was acknowledged moves with it. */
export async function nextMoveWorks({ world, primary, standby }: Scene): Promise<void> {
  await world.watch.forgetLost(primary);
  succeeded(await world.move({ planned: true }));
  assert.deepEqual(await world.watch.lost(standby), []);
  await primaryIs(world, standby);
}

/** What may never be otherwise. */
export async function isWhole(world: FailoverWorld): Promise<void> {
  assert.deepEqual(world.watch.byTwoPrimaries, []);
  const evidence = await verifyEvidence(world.vault.store);
  assert.ok(evidence.ok, JSON.stringify(evidence));
  await leaseIsFree(world);
}

async function canMove(world: FailoverWorld): Promise<void> {
  const asked = { group: 'shop', planned: true, requestedBy: 'Ada' };
  const answered = await world.engine.invoke('plan-failover', { input: asked });
  assert.ok(!('error' in answered), JSON.stringify(answered));
}

/** Whoever tries next does not have to wait. */
export async function leaseIsFree(world: FailoverWorld): Promise<void> {
  const lease = await readLease(world.vault.store, leaseKey('orders', 'failover'));
  assert.ok(!lease || lease.state.released, `the lease is held: ${JSON.stringify(lease?.state)}`);
}

export function endOf(end: ExecutionEnd | 'killed'): ExecutionEnd {
  assert.notEqual(end, 'killed');
  return end as ExecutionEnd;
}

/**
 * How it failed: by this name, in these words, with a second line of what to do; and people are told the same once.
 * Answers what they are told.
 */
export function failedWith(world: FailoverWorld, end: ExecutionEnd | 'killed', error: string, ...words: RegExp[]) {
  const { status, error: name, cause = '' } = endOf(end);
  assert.equal(status, 'FAILED', JSON.stringify(end));
  assert.equal(name, error, cause);
  for (const word of words) assert.match(cause, word);
  // what is wrong with an input says what is right, and after a no nothing is to be done
  if (name !== 'InputInvalid' && name !== 'FailoverRejected') assert.match(cause, /\nHINT: \S/);
  const told = world.engine.notices.filter(({ occasion, what }) => occasion === 'failure' && cause.startsWith(what));
  const last = told.at(-1)!;
  assert.ok(last, `nobody was told: ${cause}`);
  assert.match(last.title, new RegExp(`${name}|stopped after the promotion`));
  assert.ok(last.todo, 'nobody is told what to do');
  return last;
}

/** Who is the primary, and who is there; the names lead to the primary. */
export async function primaryIs(world: FailoverWorld, site: ReplicatedSite): Promise<void> {
  assert.equal((await world.primary())?.name, site.name);
  assert.equal(world.endpoint(), `127.0.0.1:${site.port}`);
}

export function succeeded(end: ExecutionEnd | 'killed'): ExecutionEnd {
  assert.equal(endOf(end).status, 'SUCCEEDED', JSON.stringify(end));
  return endOf(end);
}

/** Until the standby gets nothing any more. */
export async function cutReceiver({ primary, standby }: Scene): Promise<void> {
  await standby.query("alter system set primary_conninfo = 'host=127.0.0.1 port=1'");
  await standby.query('select pg_reload_conf()');
  while ((await primary.value('select count(*) from pg_stat_replication')) !== '0');
}
