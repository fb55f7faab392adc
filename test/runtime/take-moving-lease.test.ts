import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { holdLease } from '#catalog/execution-lease';
import { readLease } from '#catalog/lease';
import { StoredSource } from '#harness/stored-source';
import { executionArn } from '#model/arn';
import { LeaseHeld } from '#model/failure';
import { StartFailed } from '#model/start-failed';
import { takeMovingLease } from '#runtime/take-moving-lease';
import { leaseKey } from '#store/bucket-layout';

let source: StoredSource;
beforeEach(async () => {
  source = await StoredSource.create();
});
afterEach(() => source.remove());

const [first, second] = [executionArn('failover', 'first'), executionArn('failover', 'second')];
const hold = (execution: string) =>
  holdLease(source.store, 'main', 'failover', { execution, host: 'here', pid: 1, now: source.now });
const take = (execution: string, running: () => Promise<string[]>) =>
  takeMovingLease({ ...source.world, executions: { start: async () => 'exists', running } }, 'main', execution);
const holder = async () => (await readLease(source.store, leaseKey('main', 'failover')))!.state.execution;

test('what nobody holds is taken, and held again by the same execution', async () => {
  await take(first, async () => []);
  await take(first, async () => []);
  assert.equal(await holder(), first);
});

test('what an execution holds that runs is not taken from it', async () => {
  await hold(first);
  await assert.rejects(
    take(second, async () => ['first']),
    LeaseHeld,
  );
  assert.equal(await holder(), first);
});

test('what a rehearsal holds that runs gives way to a real move, and not the other way round', async () => {
  const about = { host: 'here', pid: 1, now: source.now, yields: true };
  await holdLease(source.store, 'main', 'failover', { ...about, execution: first });
  await take(second, async () => ['first', 'second']);
  assert.equal(await holder(), second);
  await assert.rejects(holdLease(source.store, 'main', 'failover', { ...about, execution: first }), LeaseHeld);
  assert.equal((await readLease(source.store, leaseKey('main', 'failover')))!.state.yields, undefined);
});

test('what an execution held that has ended is free at once', async () => {
  await hold(first);
  await take(second, async () => ['other', 'second']);
  assert.equal(await holder(), second);
});

test('where nobody can say whether it runs, it is not taken', async () => {
  await hold(first);
  const unknown = async () => {
    throw new StartFailed('no right', { operation: 'list', subject: 'failover' });
  };
  await assert.rejects(take(second, unknown), LeaseHeld);
  await hold(first);
  const elsewhere = 'arn:aws:states:eu-west-1:111122223333:execution:lifeboat-prod_failover:second';
  await assert.rejects(
    take(elsewhere, async () => []),
    LeaseHeld,
    'the other stack asks its own machines only',
  );
});
