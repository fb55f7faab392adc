import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { MachineRun } from '#harness/machine-run';
import { installations } from '#harness/postgres-installations';
import { ReplicatedPair } from '#harness/replicated-pair';
import { StoredSource } from '#harness/stored-source';

/* The machine and its functions on two real servers, whose name is a file. */

const [installation] = installations();

async function scene(t: TestContext) {
  const pair = await ReplicatedPair.create(installation!);
  const name = join(pair.folder, 'primary');
  writeFileSync(name, 'east\n');
  const names = [{ kind: 'file', path: name, values: { east: 'east', west: 'west' } }];
  const more = `failover: ${JSON.stringify(pair.failover({ names }))}\n`;
  const source = await StoredSource.create({ sources: ['orders'], more });
  const run = new MachineRun({
    source,
    answer: () => ({ decision: 'approve', by: 'grace' }),
    tasks: { 'rebuild-standby': (task) => task.fail({ message: 'the old side is looked at as it was left' }) },
  });
  t.after(async () => {
    run.remove();
    source.remove();
    await pair.remove();
  });
  await pair.east.query('create table orders (id int)');
  return { pair, run, source, name: () => readFileSync(name, 'utf8').trim() };
}

test('a primary that was killed is replaced, and whoever starts it again gets a standby', async (t) => {
  const { pair, run, name } = await scene(t);
  await pair.east.query('insert into orders select generate_series(1, 100)');
  await pair.untilCaughtUp();
  await pair.east.kill();
  const end = await run.run('failover', { group: 'shop', requestedBy: 'ada' });
  assert.equal(end.status, 'SUCCEEDED', JSON.stringify(end));
  assert.equal(name(), 'west');
  assert.equal(await pair.west.value('select count(*) from orders'), '100');
  await pair.west.query('insert into orders values (101)');
  await pair.east.start();
  assert.equal(await pair.east.value('select pg_is_in_recovery()'), 't');
  const { reached } = end.output as { reached: string };
  assert.match(reached, /^[0-9A-F]+\/[0-9A-F]+$/);
});

test('a switchover under load loses no row that was acknowledged', async (t) => {
  const { pair, run, name } = await scene(t);
  let acknowledged = 0;
  const writing = (async () => {
    for (let row = 1; ; row++) {
      await pair.east.query(`insert into orders values (${row})`);
      acknowledged = row;
    }
  })().catch(() => undefined);
  while (acknowledged < 5) await new Promise((resolve) => setTimeout(resolve, 10));
  const end = await run.run('failover', { group: 'shop', planned: true });
  assert.equal(end.status, 'SUCCEEDED', JSON.stringify(end));
  await writing;
  assert.equal(name(), 'west');
  assert.ok(Number(await pair.west.value('select max(id) from orders')) >= acknowledged);
  assert.equal(await pair.west.value('select pg_is_in_recovery()'), 'f');
  assert.equal(pair.east.running(), false);
});

test('a switchover whose fence was put and whose promotion is not allowed is undone: the old primary takes writes again', async (t) => {
  const { pair, run, name, source } = await scene(t);
  const { PromotionFailed } = await import('#failover/failures');
  const { openSiteServer } = await import('#runtime/open-site-server');
  source.moves = {
    async siteServers(group, site) {
      const server = await openSiteServer(site, { environment: {}, group });
      const refuse = async () => {
        throw new PromotionFailed('no right', { operation: 'promote', subject: site.name });
      };
      return { ...server, promote: refuse };
    },
  };
  const end = await run.run('failover', { group: 'shop', planned: true });
  assert.equal(end.error, 'PromotionFailed', end.cause);
  assert.match(end.cause!, /nothing was promoted, and east takes writes again/);
  await pair.east.query('insert into orders values (1)');
  await pair.untilCaughtUp();
  assert.deepEqual([await pair.west.value('select count(*) from orders'), name()], ['1', 'east']);
});
