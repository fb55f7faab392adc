import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { before, describe, test } from 'node:test';
import { machineInstallation } from '#harness/postgres-installations';
import type { TestServer } from '#harness/postgres-server';
import { assertRefused, newFolder, newServer, onceOver, password, Vessel } from './bad-scene.ts';
import { StallingProxy } from './stalling-proxy.ts';

/** Whatever the server refuses: a backup ends with nothing in the bucket, and works once the server is right. */

describe('a server that does not let us in', () => {
  let server: TestServer;
  before(async () => {
    server = await newServer(machineInstallation());
    await server.query(`create role keeper login replication password '${password}'; create role reader login`);
    const rules = join(server.dataDir, 'pg_hba.conf');
    const asked = ['local all keeper scram-sha-256', 'local replication keeper scram-sha-256'];
    const half = ['local all half trust', 'local replication half reject'];
    writeFileSync(rules, [...asked, ...half, readFileSync(rules, 'utf8')].join('\n'));
    await server.query('create role half login replication; select pg_reload_conf()');
  });

  const keeper = { user: 'keeper', password: 'env:LIFEBOAT_PASSWORD' };

  test('a wrong password is said, never shown, and the right one works', async () => {
    const vessel = new Vessel(server, { connection: keeper });
    const wrong = await vessel.run(['backup'], { env: { LIFEBOAT_PASSWORD: `${password}!` } });
    assertRefused(wrong, {
      exitCode: 4,
      message: /refuses keeper .*password authentication failed/,
      hint: /check the password/,
    });
    assert.deepEqual(vessel.objects(), []);
    const right = await vessel.run(['backup'], { env: { LIFEBOAT_PASSWORD: password } });
    assert.equal(right.exitCode, 0, right.stderr);
    assert.equal(vessel.manifests().length, 1);
  });

  test('a password that is not there is asked for', async () => {
    const none = new Vessel(server, { connection: { user: 'keeper' } });
    assertRefused(await none.run(['backup']), {
      exitCode: 4,
      message: /asks keeper for a password and there is none/,
      hint: /connection\.password/,
    });
    const unset = new Vessel(server, { connection: keeper });
    assertRefused(await unset.run(['backup']), { exitCode: 2, message: /LIFEBOAT_PASSWORD/, hint: /./ });
    assert.deepEqual([none.objects(), unset.objects()], [[], []]);
  });

  test('a role without the right to replicate is told the statement that gives it', async () => {
    const vessel = new Vessel(server, { connection: { user: 'reader' } });
    assertRefused(await vessel.run(['backup']), {
      exitCode: 4,
      message: /refuses reader/,
      hint: /ALTER ROLE reader REPLICATION/,
    });
    assert.deepEqual(vessel.objects(), []);
    await server.query('alter role reader replication');
    assert.match(await vessel.backup(), /-full$/);
  });

  test('a replication connection that pg_hba.conf rejects is told the line that admits it', async () => {
    const vessel = new Vessel(server, { connection: { user: 'half' } });
    assertRefused(await vessel.run(['backup']), {
      exitCode: 4,
      message: /half/,
      hint: /pg_hba\.conf.*local replication half/,
    });
    assert.deepEqual(vessel.objects(), []);
  });

  test('a role that does not exist, a database that does not exist', async () => {
    const role = new Vessel(server, { connection: { user: 'stranger' } });
    assertRefused(await role.run(['backup']), { exitCode: 4, message: /stranger/, hint: /role must exist/ });
    const database = new Vessel(server, { connection: { database: 'shop' } });
    assertRefused(await database.run(['backup']), {
      exitCode: 4,
      message: /shop/,
      hint: /name a database that exists/,
    });
  });
});

describe('a server that is not there', () => {
  const places: [connection: object, message: RegExp, hint: RegExp][] = [
    [{ host: '/nowhere' }, /cannot connect to \/nowhere:5432: there is no such socket/, /unix_socket_directories/],
    [{ host: '127.0.0.1', port: 1 }, /cannot connect to 127\.0\.0\.1:1: nothing listens there/, /listen_addresses/],
    [{ host: 'no-such-host.invalid' }, /cannot connect to no-such-host\.invalid:5432/, /check the name/],
  ];
  for (const [connection, message, hint] of places) {
    test(`${JSON.stringify(connection)}: a backup names it`, async () => {
      const server = { connection: { host: '/nowhere', port: 5432, user: 'postgres' } } as TestServer;
      const vessel = new Vessel(server, { connection: { ...connection } });
      assertRefused(await vessel.run(['backup']), { exitCode: 4, message, hint });
      assert.deepEqual(vessel.objects(), []);
    });
  }
});

describe('a server that cannot serve a backup', () => {
  test('one older than 15 is named with its version, whatever it answers to questions', async () => {
    for (const answer of ['refuses', 'answers'] as const) {
      const { folder, questions } = await oldServer(answer);
      const server = { connection: { host: folder, port: 5432, user: 'postgres' } } as TestServer;
      const vessel = new Vessel(server);
      const ended = await vessel.run(['backup']);
      assertRefused(ended, { exitCode: 4, message: /runs PostgreSQL 14\.9, expected 15 or newer/, hint: /upgrade/ });
      assert.deepEqual(vessel.objects(), []);
      assert.ok(!questions.some((question) => question.includes('BASE_BACKUP')));
    }
  });

  test('no free slot, then no free WAL sender: each names its setting, and room makes the next backup work', async () => {
    const server = await newServer(machineInstallation(), {
      settings: { max_wal_senders: '1', max_replication_slots: '1' },
    });
    const vessel = new Vessel(server);
    await server.query("select pg_create_physical_replication_slot('taken')");
    assertRefused(await vessel.run(['backup']), {
      exitCode: 4,
      message: /slots? .*in use/,
      hint: /max_replication_slots/,
    });
    assert.deepEqual(vessel.objects(), []);

    await server.query("select pg_drop_replication_slot('taken')");
    assertRefused(await vessel.run(['backup']), {
      exitCode: 4,
      message: /max_wal_senders|WAL sender/,
      hint: /max_wal_senders/,
    });
    assert.deepEqual(vessel.objects(), []);
    assert.equal(await server.value('select count(*) from pg_replication_slots'), '0', 'its slot has gone with it');

    await server.query('alter system set max_wal_senders = 4');
    await server.stop();
    await server.start();
    assert.match(await vessel.backup(), /-full$/);
  });

  test('one without WAL for replicas is told which setting changes that', async () => {
    const server = await newServer(machineInstallation(), { settings: { wal_level: 'minimal', max_wal_senders: '0' } });
    const vessel = new Vessel(server);
    assertRefused(await vessel.run(['backup']), {
      exitCode: 4,
      message: /max_wal_senders|wal_level/,
      hint: /max_wal_senders|wal_level/,
    });
    assert.deepEqual(vessel.objects(), []);
  });

  test('one that dies in the middle of the copy leaves nothing that counts', async () => {
    const server = await newServer(machineInstallation());
    const folder = newFolder();
    const proxy = await StallingProxy.start(folder, server.connection, 4 << 20);
    const vessel = new Vessel(server, { connection: { host: folder } });
    const { ended } = vessel.start(['backup']);
    await proxy.stalled;
    await server.stop('immediate');
    proxy.release();
    assertRefused(await ended, { exitCode: 4, message: /connection .* broke|shut|terminat/, hint: /server log|runs/ });
    assert.deepEqual(vessel.manifests(), []);
    const listed = await vessel.run(['backups']);
    assert.match(listed.stdout, /no backups of orders|uncommitted/);
    await server.start();
    assert.match(await vessel.backup(), /-full$/);
  });
});

/** Lets anybody in, says that it is PostgreSQL 14.9, and answers questions as a 14 or as something older would. */
async function oldServer(mode: 'refuses' | 'answers'): Promise<{ folder: string; questions: string[] }> {
  const folder = newFolder();
  const questions: string[] = [];
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    let greeted = false;
    socket.on('data', (bytes: Buffer) => {
      if (!greeted) {
        greeted = true;
        socket.write(Buffer.concat([authenticationOk, parameter('server_version', '14.9'), readyForQuery]));
      } else if (bytes[0] === 0x51) {
        questions.push(bytes.toString('utf8', 5));
        socket.write(mode === 'answers' ? facts : Buffer.concat([noSuchFunction, readyForQuery]));
      } else socket.end();
    });
  });
  await once(server.listen(join(folder, '.s.PGSQL.5432')), 'listening');
  onceOver(() => server.close());
  return { folder, questions };
}

function message(type: string, body: Buffer): Buffer {
  const head = Buffer.alloc(5);
  head.write(type, 'latin1');
  head.writeInt32BE(body.length + 4, 1);
  return Buffer.concat([head, body]);
}

const authenticationOk = message('R', Buffer.alloc(4));
const readyForQuery = message('Z', Buffer.from('I'));
const parameter = (name: string, value: string) => message('S', Buffer.from(`${name}\0${value}\0`));
const noSuchFunction = message(
  'E',
  Buffer.from('SERROR\0VERROR\0C42883\0Mfunction pg_control_system() does not exist\0\0'),
);
const facts = Buffer.concat([
  message('T', Buffer.concat([Buffer.from([0, 2]), ...['version', 'version_num'].map(column)])),
  message('D', Buffer.concat([Buffer.from([0, 2]), ...['14.9', '140009'].map(value)])),
  message('C', Buffer.from('SELECT 1\0')),
  readyForQuery,
]);

function column(name: string): Buffer {
  const rest = Buffer.alloc(18);
  rest.writeInt32BE(25, 6); // text
  rest.writeInt16BE(-1, 10);
  rest.writeInt32BE(-1, 12);
  return Buffer.concat([Buffer.from(`${name}\0`), rest]);
}

function value(text: string): Buffer {
  const length = Buffer.alloc(4);
  length.writeInt32BE(text.length);
  return Buffer.concat([length, Buffer.from(text)]);
}
