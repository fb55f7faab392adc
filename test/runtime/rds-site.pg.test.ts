import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { machineInstallation } from '#harness/postgres-installations';
import { ReplicatedPair } from '#harness/replicated-pair';
import { instanceArn, startStrictRdsMove } from '#harness/strict-rds-move';
import { connectOptions } from '#runtime/connect-options';
import { openRdsSite } from '#runtime/rds-site';

const [here, there] = ['eu-central-1', 'eu-west-1'];
const signal = new AbortController().signal;
const pause = async (): Promise<void> => void (await sleep(20));

test('with a connection PostgreSQL itself is asked, and a gentle fence loses no row that was acknowledged', async (t) => {
  const [pair, rds] = await Promise.all([ReplicatedPair.create(machineInstallation()), startStrictRdsMove()]);
  t.after(() => Promise.all([pair.remove(), rds.close()]));
  rds.add(here, 'orders');
  rds.add(there, 'orders-west', { replicaOf: instanceArn(here, 'orders') });
  const open = (name: 'east' | 'west', region: string, instance: string) =>
    openRdsSite(
      { name, server: { kind: 'rds', instance, region, fenceGroup: 'sg-0fe', connection: pair[name].connection } },
      { environment: rds.environment, pause },
    );
  const [home, away] = [open('east', here, 'orders'), open('west', there, 'orders-west')];

  const [primary, standby] = [(await home.look(signal)).server, (await away.look(signal)).server];
  assert.partialDeepStrictEqual(primary, {
    state: 'answers',
    role: 'primary',
    timeline: 1,
    systemId: `rds:${here}:orders`,
  });
  assert.partialDeepStrictEqual(standby, { role: 'standby', streams: true, systemId: `rds:${here}:orders` });
  assert.ok(primary.state === 'answers' && primary.lsn !== null && primary.lsn > 0n);

  rds.faults.push({ action: 'DescribeDBInstances', status: 503, code: 'Unavailable', times: 9 });
  assert.partialDeepStrictEqual((await home.look(signal)).server, { state: 'answers', role: 'primary' });
  rds.faults.length = 0;

  await pair.east.query('create table orders (id bigserial)');
  const options = await connectOptions(pair.east.connection, {});
  const clients = await Promise.all(['on', 'off', 'local'].map((commit) => startWriter(options, commit)));
  while ((await pair.east.value('select count(*) from orders')) === '0') await sleep(20);
  await sleep(300);
  const { end, strength } = await home.fence({ gently: true, signal });
  const acknowledged = (await Promise.all(clients.map(({ ended }) => ended))).reduce((sum, count) => sum + count, 0);
  assert.ok(acknowledged > 0 && end !== null && strength === 'hard');
  assert.equal(rds.find(here, 'orders')!.reboots, 1);
  await pair.untilCaughtUp();
  assert.ok(Number(await pair.west.value('select count(*) from orders')) >= acknowledged);
  const after = (await away.look(signal)).server;
  assert.ok(after.state === 'answers' && after.received !== null && after.received >= end);
  assert.equal((await home.fence({ gently: true, signal })).end, end, 'the end was written down');

  await pair.east.stop();
  const { server, fence } = await home.look(signal);
  assert.match(server.state === 'silent' ? server.why : '', /^RDS says it is available, but /);
  assert.equal(fence.fenced, true);
});

test('a gentle fence of a server that does not answer changes nothing', async (t) => {
  const rds = await startStrictRdsMove();
  t.after(() => rds.close());
  rds.add(here, 'orders');
  const connection = { host: '127.0.0.1', port: 9, user: 'u', database: 'd', sslmode: 'disable' } as const;
  const site = openRdsSite(
    { name: 'home', server: { kind: 'rds', instance: 'orders', region: here, fenceGroup: 'sg-0fe', connection } },
    { environment: rds.environment, pause },
  );
  await assert.rejects(site.fence({ gently: true, signal }), { name: 'FenceFailed', message: /127\.0\.0\.1:9/ });
  assert.deepEqual([...new Set(rds.asked())], [`${here} DescribeDBInstances`]);
});

/** Inserts until it is sent away; tells how many were acknowledged. */
async function startWriter(options: pg.ClientConfig, commit: string): Promise<{ ended: Promise<number> }> {
  const client = new pg.Client(options);
  client.on('error', () => undefined);
  await client.connect();
  await client.query(`set synchronous_commit = ${commit}`);
  const write = async (): Promise<number> => {
    let count = 0;
    try {
      for (; ; count++) await client.query('insert into orders default values');
    } catch {
      return count;
    }
  };
  return { ended: write() };
}
