import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { FailoverGroup } from '#model/failover-group';
import { type HealthCheck, healthCheck } from '#model/failover-health';
import type { Connection, PostgresSource } from '#model/postgres-source';
import { checkHealth } from '#runtime/check-health';
import { embeddedInstallation } from '../harness/postgres-installations.ts';
import { serverFolder } from '../harness/postgres-server.ts';
import { ReplicatedPair } from '../harness/replicated-pair.ts';

let pair: ReplicatedPair;
before(async () => {
  pair = await ReplicatedPair.create(embeddedInstallation());
});
after(() => pair.remove());

const ask = (input: object, connection: Connection = pair.east.connection, signal = AbortSignal.timeout(30_000)) => {
  const source = { name: 'orders', kind: 'postgres', connection } as PostgresSource;
  const check: HealthCheck = healthCheck.parse({ name: 'c', kind: 'sql', ...input });
  const world = { group: {} as FailoverGroup, site: 'east', source, environment: {}, signal };
  return checkHealth(check, world).then(({ ok, found }) => ({ ok, found }));
};

test('the first value of the first row, as PostgreSQL prints it', async () => {
  assert.deepEqual(await ask({ query: 'select 3, 4', expect: 3 }), { ok: true, found: '3' });
  assert.deepEqual(await ask({ query: 'select 1 = 1', expect: true }), { ok: true, found: 't' });
  assert.deepEqual(await ask({ query: "select 'x'; select 'y'", expect: 'y' }), { ok: true, found: 'y' });
});

test('another answer tells what was found', async () => {
  assert.deepEqual(await ask({ query: 'select 2', expect: 3 }), { ok: false, found: 'found 2, expected 3' });
  assert.deepEqual(await ask({ query: 'select null', expect: 3 }), { ok: false, found: 'found null, expected 3' });
  assert.deepEqual(await ask({ query: 'select 1 limit 0', expect: 1 }), {
    ok: false,
    found: 'found no row, expected 1',
  });
});

test('an error of the query, and of the connection, is told', async () => {
  const wrong = await ask({ query: 'select * from nothing', expect: 1 });
  assert.ok(!wrong.ok && /"nothing" does not exist/.test(wrong.found), wrong.found);
  const missing = await ask({ query: 'select 1', expect: 1, database: 'shop' });
  assert.ok(!missing.ok && /"shop" does not exist/.test(missing.found), missing.found);
  const nobody = await ask({ query: 'select 1', expect: 1 }, { ...pair.east.connection, port: 1 });
  assert.ok(!nobody.ok && /there is no such socket/.test(nobody.found), nobody.found);
});

test('a standby is not healthy, whatever it answers', async () => {
  const found = await ask({ query: 'select 1', expect: 1 }, pair.west.connection);
  assert.deepEqual(found, { ok: false, found: 'what the name leads to is a standby' });
});

test('a query that takes too long, and a server that hangs, end', async () => {
  const home = serverFolder('lifeboat-hung-');
  const hung = createServer();
  await new Promise<void>((resolve) => hung.listen(join(home, '.s.PGSQL.5432'), resolve));
  after(() => hung.close());
  const [slow, stubborn, silent] = await Promise.all([
    ask({ query: 'select pg_sleep(60)', expect: '' }),
    ask({ query: 'set statement_timeout = 0; select pg_sleep(60)', expect: '' }),
    ask({ query: 'select 1', expect: 1 }, { ...pair.east.connection, host: home, port: 5432 }),
  ]);
  assert.ok(!slow.ok && /statement timeout|no answer in time/.test(slow.found), slow.found);
  assert.ok(!stubborn.ok && /no answer in time/.test(stubborn.found), stubborn.found);
  assert.ok(!silent.ok && /no answer in time/.test(silent.found), silent.found);
});

test('it ends when it is told to', async () => {
  const stop = new AbortController();
  const asked = ask({ query: 'select pg_sleep(60)', expect: '' }, pair.east.connection, stop.signal);
  stop.abort(new Error('told to stop'));
  await assert.rejects(asked, /told to stop/);
});
