import assert from 'node:assert/strict';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { installations } from '#harness/postgres-installations';
import { TestServer } from '#harness/postgres-server';
import { AuthenticationFailed } from '#model/failure';
import { checkReadiness } from '#postgres/check-readiness';
import type { Finding } from '#postgres/readiness';

/* Everybody but `outsider` may replicate as far as pg_hba.conf is concerned; `secretive` needs a password. */
const admissions = `local all,replication secretive scram-sha-256
local all outsider trust
local all,replication postgres,reader,replicator,crowd trust
`;

const roles = `
  create role reader login;
  create role replicator login replication;
  create role outsider login replication;
  create role crowd login replication connection limit 0;
  set password_encryption = 'scram-sha-256';
  create role secretive login replication password 'correct horse'`;

for (const installation of installations()) {
  describe(`the readiness of ${installation.name}`, () => {
    let server: TestServer;
    before(async () => {
      server = await TestServer.create(installation, {
        settings: { max_replication_slots: '2', max_wal_senders: '3' },
      });
      await server.query(roles);
      writeFileSync(join(server.dataDir, 'pg_hba.conf'), admissions);
      await server.query('select pg_reload_conf()');
      await untilAdmissions(server);
    });
    after(() => server.remove());

    const check = (user: string, options: { password?: string; database?: string; port?: number } = {}) => {
      const config = { ...server.connection, password: () => '', ...options, user };
      return checkReadiness(
        typeof options.password === 'string' ? { ...config, password: options.password } : config,
        config,
        'lifeboat',
      );
    };

    test('a superuser finds nothing that fails', async () => {
      const findings = await check('postgres');
      assert.deepEqual(failures(findings), []);
      assert.match(found(findings, 'version').found, new RegExp(`^PostgreSQL ${installation.major}\\.`));
      assert.equal(found(findings, 'max_wal_senders').found, '0 of 3 in use');
      assert.equal(found(findings, 'wal_segment_size').found, '16 MiB');
      assert.equal(found(findings, 'data_checksums').status, 'ok');
      assert.equal(found(findings, 'fsync').status, 'warning');
      assert.equal(found(findings, 'max_slot_wal_keep_size').status, 'warning');
      assert.equal(found(findings, 'summarize_wal').status, installation.major >= 17 ? 'ok' : 'warning');
    });

    test('so does a role with the right to replicate and no other', async () => {
      const findings = await check('replicator');
      assert.deepEqual(failures(findings), []);
      assert.equal(found(findings, 'role').found, 'replicator may replicate');
    });

    test('a role without that right', async () => {
      const findings = await check('reader');
      assert.deepEqual(failures(findings), ['role', 'replication connection']);
      assert.match(found(findings, 'replication connection').hint!, /^ALTER ROLE reader REPLICATION/);
    });

    test('a role that pg_hba.conf does not let replicate', async () => {
      const findings = await check('outsider');
      assert.deepEqual(failures(findings), ['replication connection']);
      assert.match(found(findings, 'replication connection').hint!, /"local replication outsider scram-sha-256"/);
    });

    test('the right password', async () => {
      assert.deepEqual(failures(await check('secretive', { password: 'correct horse' })), []);
    });

    test('a wrong password, which is not repeated', async () => {
      const findings = await check('secretive', { password: 'battery staple' });
      assert.deepEqual(failures(findings), ['connection']);
      assert.match(findings[0]!.found, /refuses secretive/);
      assert.match(findings[0]!.hint!, /check the password/);
      assert.doesNotMatch(JSON.stringify(findings), /battery/);
    });

    test('no password', async () => {
      const began = performance.now();
      const [finding, ...others] = await check('secretive');
      assert.equal(others.length, 0);
      assert.match(finding!.found, /asks secretive for a password and there is none$/);
      assert.ok(performance.now() - began < 2_000);
    });

    test('a database that does not exist', async () => {
      const findings = await check('postgres', { database: 'nowhere' });
      assert.deepEqual(failures(findings), ['connection']);
      assert.match(findings[0]!.found, /refuses postgres the database nowhere/);
    });

    test('a role with too many connections', async () => {
      const findings = await check('crowd');
      assert.deepEqual(failures(findings), ['connection']);
      assert.match(findings[0]!.hint!, /make room/);
    });

    test('a socket that is not there', async () => {
      const findings = await check('postgres', { port: 5433 });
      assert.deepEqual(failures(findings), ['connection']);
      assert.match(findings[0]!.found, /no such socket$/);
    });

    test('slots that are all taken, unless one of them is ours', async () => {
      await server.query(`select pg_create_physical_replication_slot(name) from unnest(array['one', 'two']) as name`);
      assert.deepEqual(failures(await check('replicator')), ['max_replication_slots']);
      await server.query(`select pg_drop_replication_slot('two'), pg_create_physical_replication_slot('lifeboat')`);
      const findings = await check('replicator');
      assert.deepEqual(failures(findings), []);
      assert.equal(found(findings, 'max_replication_slots').found, '2 of 2 in use, lifeboat among them');
      await server.query('select pg_drop_replication_slot(slot_name) from pg_replication_slots');
    });

    test('a server with wal_level = minimal', async () => {
      await server.stop();
      server.configure({
        wal_level: 'minimal',
        max_wal_senders: '0',
        ...(installation.major >= 17 ? { summarize_wal: 'off' } : {}),
      });
      await server.start();
      const findings = await check('replicator');
      assert.deepEqual(failures(findings), ['wal_level', 'replication connection', 'max_wal_senders']);
      assert.match(found(findings, 'replication connection').hint!, /max_wal_senders/);
    });
  });
}

describe('the readiness of a server elsewhere', { timeout: 10_000 }, () => {
  const elsewhere = (port: number) => ({ host: '127.0.0.1', port, user: 'lifeboat', database: 'postgres' });
  const check = (port: number, timeoutMs = 5_000) => {
    const config = { ...elsewhere(port), connectionTimeoutMillis: timeoutMs };
    return checkReadiness(config, config, 'lifeboat');
  };

  test('a port where nothing listens', async () => {
    const listener = createServer().listen(0, '127.0.0.1');
    await once(listener, 'listening');
    const { port } = listener.address() as AddressInfo;
    listener.close();
    const findings = await check(port);
    assert.deepEqual(failures(findings), ['connection']);
    assert.match(findings[0]!.found, /nothing listens there$/);
  });

  test('a server that never answers is given up in time', async () => {
    await using silent = await listen(() => undefined);
    const findings = await check(silent.port, 200);
    assert.match(findings[0]!.found, /no answer in time$/);
  });

  test('a server that asks for a password that is missing is left at once', async () => {
    const passwordRequest = Buffer.from([0x52, 0, 0, 0, 8, 0, 0, 0, 3]); // AuthenticationCleartextPassword
    const left = Promise.withResolvers<void>();
    await using asking = await listen((socket) => {
      socket.once('data', () => socket.write(passwordRequest)).once('end', left.resolve);
    });
    const target = elsewhere(asking.port);
    const missing = async (): Promise<string> => {
      throw new AuthenticationFailed('there is no password', { operation: 'connect', subject: 'here' });
    };
    const findings = await checkReadiness({ ...target, password: missing }, target, 'lifeboat');
    assert.equal(findings[0]!.found, 'there is no password');
    await Promise.race([left.promise, sleep(2_000).then(() => assert.fail('the connection stays open'))]);
  });

  test('a server that is PostgreSQL 14', async () => {
    await using old = await listen(answerAsPostgres14);
    const findings = await check(old.port);
    assert.deepEqual(
      findings.map(({ subject, status }) => [subject, status]),
      [
        ['connection', 'ok'],
        ['version', 'failed'],
      ],
    );
    assert.equal(findings[1]!.found, 'PostgreSQL 14.19, and 15 or newer is needed');
  });
});

/** A server's whole life as far as pg_settings goes: startup, one simple query, goodbye. */
function answerAsPostgres14(socket: Socket): void {
  const int32 = (value: number) => Buffer.from(Int32Array.of(value).buffer).swap32();
  const message = (type: string, ...parts: (Buffer | string)[]) => {
    const body = Buffer.concat(parts.map((part) => Buffer.from(part)));
    return Buffer.concat([Buffer.from(type), int32(body.length + 4), body]);
  };
  const field = (name: string) =>
    Buffer.concat([Buffer.from(`${name}\0`), Buffer.alloc(6), int32(25), Buffer.alloc(8)]);
  const value = (text: string) => Buffer.concat([int32(text.length), Buffer.from(text)]);
  const ready = message('Z', 'I');
  const rows = [
    ['server_version', '14.19'],
    ['server_version_num', '140019'],
  ].map(([name, setting]) => message('D', '\0\x02', value(name!), value(setting!)));
  const answers = [
    [message('R', int32(0)), message('S', 'server_version\x0014.19\0'), ready],
    [message('T', '\0\x02', field('name'), field('setting')), ...rows, message('C', 'SELECT 2\0'), ready],
  ];
  socket.on('data', () => {
    const answer = answers.shift();
    if (answer) socket.write(Buffer.concat(answer));
    else socket.end();
  });
}

async function listen(onConnection: (socket: Socket) => void) {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket.on('error', () => undefined));
    onConnection(socket);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

/** A reload is read by the postmaster a moment later. */
async function untilAdmissions(server: TestServer): Promise<void> {
  for (;;) {
    try {
      await server.query('select 1', { user: 'secretive', password: 'wrong' } as object);
    } catch {
      return;
    }
  }
}

const failures = (findings: Finding[]): string[] =>
  findings.filter(({ status }) => status === 'failed').map(({ subject }) => subject);

function found(findings: Finding[], subject: string): Finding {
  const finding = findings.find((candidate) => candidate.subject === subject);
  assert.ok(finding, `nothing is said of ${subject}: ${JSON.stringify(findings)}`);
  return finding;
}
