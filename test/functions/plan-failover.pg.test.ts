import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { PlannedMove } from '#failover/planned-move';
import { embeddedInstallation } from '#harness/postgres-installations';
import { ReplicatedPair } from '#harness/replicated-pair';
import { StoredSource } from '#harness/stored-source';
import { executionArn } from '#model/arn';
import { provideWorld } from '#runtime/function-world';

process.env.POWERTOOLS_LOG_LEVEL = 'SILENT';

/** One group of two real servers; a plan or a recheck of it. */
async function pairScene(t: { after(done: () => Promise<void>): void }, { crossed = false } = {}) {
  const pair = await ReplicatedPair.create(embeddedInstallation());
  t.after(() => pair.remove());
  const endpoint = join(pair.folder, 'endpoint');
  const address = (port: number) => `127.0.0.1:${port}`;
  writeFileSync(endpoint, `${address(pair.east.port)}\n`);
  const values = { east: address(pair.east.port), west: address(pair.west.port) };
  const failover = pair.failover({ names: [{ kind: 'file', path: endpoint, values }] });
  const { east, west } = failover.shop.sites;
  if (crossed) [east.server.control, west.server.control] = [west.server.control, east.server.control];
  const source = await StoredSource.create({ sources: ['orders'], more: `failover: ${JSON.stringify(failover)}\n` });
  t.after(async () => source.remove());
  const invoke = async <T>(name: string, event: object): Promise<T> => {
    provideWorld(source.world);
    const { handler } = (await import(`#functions/${name}`)) as { handler(event: object, context: never): Promise<T> };
    return handler(event, { functionName: name } as never);
  };
  return { pair, invoke, plan: (input: object = {}) => invoke<PlannedMove>('plan-failover', { input }) };
}

const execution = executionArn('failover', 'one');

test('a pair that writes all the time has one plan, which a recheck finds again', async (t) => {
  const { pair, plan, invoke } = await pairScene(t);
  await pair.east.query('create table t (x int)');
  const planned = await plan({ planned: true });
  assert.deepEqual(
    [planned.mode, planned.from, planned.to, planned.rebuildAfter],
    ['switchover', 'east', 'west', true],
  );
  assert.match(planned.planText, /fence {4}first, hard, .* now: runs\n/);
  for (let round = 0; round < 3; round++) {
    await pair.east.query('insert into t select generate_series(1, 20000)');
    const { planHash } = await invoke<PlannedMove>('recheck-failover', {
      ...{ execution, input: { planned: true }, planHash: planned.planHash },
    });
    assert.equal(planHash, planned.planHash);
  }
});

test('a server that was killed is gone, can be fenced for good, and when it is back the plan is not the same', async (t) => {
  const { pair, plan, invoke } = await pairScene(t);
  await pair.east.kill();
  const planned = await plan({ reason: 'killed' });
  assert.deepEqual([planned.mode, planned.from, planned.to], ['failover', 'east', 'west']);
  assert.match(planned.planText, /primary {2}east does not answer/);
  await pair.east.start();
  await assert.rejects(invoke('recheck-failover', { execution, input: {}, planHash: planned.planHash }), {
    name: 'PlanChanged',
    message: /the primary answers again at east/,
  });
});

test('a standby that is paused above the limit, and one that is stopped, stand against it', async (t) => {
  const { pair, plan } = await pairScene(t);
  await pair.west.query('select pg_wal_replay_pause()');
  await pair.east.query('create table t as select repeat(md5(i::text), 40) as x from generate_series(1, 25000) i');
  await assert.rejects(plan(), {
    name: 'NotReady',
    message: /west has (received|replayed) [\d.]+ MiB less than east: 16.0 MiB/,
  });
  await pair.west.stop('fast');
  await assert.rejects(plan(), { name: 'NotReady', message: /west (does not answer|is fenced)/ });
});

test('controls that are swapped are refused before anybody is asked, and the standby goes on', async (t) => {
  const { pair, plan } = await pairScene(t, { crossed: true });
  const refused = {
    name: 'NotReady',
    message: new RegExp(`the control of east leads to ${pair.west.dataDir}, .* the server of west`),
  };
  await assert.rejects(plan({ planned: true }), refused);
  await pair.east.kill();
  const running = pair.west.postmaster();
  for (const input of [{}, { force: true, reason: 'it is off' }]) await assert.rejects(plan(input), refused);
  assert.equal(pair.west.postmaster(), running);
});

test('both promoted: nothing is planned', async (t) => {
  const { pair, plan } = await pairScene(t);
  await pair.west.query('select pg_promote()');
  await assert.rejects(plan({ force: true }), { name: 'TwoPrimaries' });
});
