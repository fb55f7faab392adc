import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { AcknowledgingWriter, acknowledgedTable } from './acknowledging-writer.ts';
import { FollowingProxy } from './following-proxy.ts';
import { embeddedInstallation } from './postgres-installations.ts';
import { ReplicatedPair } from './replicated-pair.ts';
import type { ReplicatedSite } from './replicated-site.ts';

let pair: ReplicatedPair;
let proxy: FollowingProxy;
before(async () => {
  pair = await ReplicatedPair.create(embeddedInstallation());
  pointAt(pair.east.port);
  proxy = await FollowingProxy.start(join(pair.folder, 'endpoint'));
  await pair.east.query(acknowledgedTable);
});
after(async () => {
  await proxy.close();
  await pair.remove();
});

const pointAt = (port: number) => writeFileSync(join(pair.folder, 'endpoint'), `127.0.0.1:${port}\n`);
const rowsOf = async (site: ReplicatedSite) =>
  (await site.query('select id from acknowledged order by id')).map(({ id }) => Number(id));

test('it knows what is there, also when its connection is cut again and again', async () => {
  const writer = AcknowledgingWriter.start(proxy.connection, { pauseMs: 0 });
  for (let round = 0; round < 5; round++) {
    await writer.untilAcknowledged(10);
    await pair.east.query('select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid()');
  }
  await writer.untilAcknowledged(10);
  await writer.stop();
  const rows = await rowsOf(pair.east);
  assert.deepEqual(writer.missing(rows), []);
  assert.deepEqual(writer.unexpected(rows), []);
  assert.ok(writer.acknowledged.size >= 60);
  assert.ok(writer.refused.size + writer.ambiguous.size >= 1);
  assert.deepEqual(writer.missing(rows.slice(1)), [...writer.acknowledged.keys()].slice(0, 1));
  assert.deepEqual(writer.unexpected([...rows, 0]), [0]);
  await pair.east.query('truncate acknowledged');
});

test('a standby refuses each of its rows, and it goes on where the name leads next', async () => {
  pointAt(pair.west.port);
  const writer = AcknowledgingWriter.start(proxy.connection);
  while (writer.refused.size < 3) await new Promise(setImmediate);
  assert.deepEqual([writer.acknowledged.size, writer.ambiguous.size], [0, 0]);
  pointAt(pair.east.port);
  await writer.untilAcknowledged(3);
  await writer.stop();
  assert.deepEqual(writer.missing(await rowsOf(pair.east)), []);
  await pair.east.query('truncate acknowledged');
});

test('a row whose COMMIT was sent and not answered is neither there nor lost', async () => {
  const writer = AcknowledgingWriter.start({ ...pair.east.connection, port: await deafToCommits(), host: '127.0.0.1' });
  while (writer.ambiguous.size < 2) await new Promise((resolve) => setTimeout(resolve, 5));
  await writer.stop();
  assert.deepEqual([writer.acknowledged.size, writer.refused.size], [0, 0]);
  const rows = await rowsOf(pair.east);
  assert.ok(rows.length > 0);
  assert.deepEqual(writer.missing(rows), []);
  assert.deepEqual(writer.unexpected(rows), []);
});

/** Hands everything on, and hangs up once a COMMIT went through. Its port. */
async function deafToCommits(): Promise<number> {
  const { connect } = await import('node:net');
  const server = createServer((client) => {
    const upstream = connect(pair.east.port, '127.0.0.1');
    client.on('error', () => undefined).on('close', () => upstream.end());
    upstream.on('error', () => undefined).on('close', () => client.destroy());
    client.on('data', (bytes) => {
      upstream.write(bytes);
      if (!bytes.includes('commit')) return;
      upstream.unpipe(client);
      client.end();
    });
    upstream.pipe(client);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  after(() => server.close());
  return (server.address() as { port: number }).port;
}
