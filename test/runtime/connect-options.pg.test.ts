import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, chownSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { inspect } from 'node:util';
import pg from 'pg';
import { installations, serverAccount } from '#harness/postgres-installations';
import { TestServer } from '#harness/postgres-server';
import type { Connection, SslMode } from '#model/postgres-source';
import { explainConnectionError } from '#postgres/connection-failure';
import { connectOptions } from '#runtime/connect-options';

const folder = mkdtempSync(join(tmpdir(), 'lifeboat-connect-'));
after(() => rmSync(folder, { recursive: true }));

/** Loopback addresses of this process alone, so that servers can have their usual port. */
const addressOf = (server: number) => `127.${server}.${(process.pid >> 8) & 0xff}.${process.pid & 0xff}`;

for (const [index, installation] of installations().entries()) {
  describe(`connecting to ${installation.name}`, () => {
    let encrypted: TestServer;
    let plain: TestServer;
    const encryptedHost = addressOf(index * 2 + 1);
    const plainHost = addressOf(index * 2 + 2);
    const authority = join(folder, `${index}-ca.pem`);

    before(async () => {
      [encrypted, plain] = await Promise.all([serverAt(encryptedHost), serverAt(plainHost)]);
      makeCertificate(authority, encryptedHost, encrypted);
      await encrypted.query('alter system set ssl = on');
      await encrypted.query('select pg_reload_conf()');
      while ((await encrypted.value('show ssl')) !== 'on');
    });
    after(() => Promise.all([encrypted.remove(), plain.remove()]));

    async function serverAt(host: string): Promise<TestServer> {
      const server = await TestServer.create(installation, { start: false });
      writeFileSync(
        join(server.dataDir, 'pg_hba.conf'),
        `local all all trust\nhost all,replication postgres all trust\nhost all,replication secretive all scram-sha-256\n`,
      );
      await server.start({ listen_addresses: host });
      await server.query(`create role secretive login password 'correct horse'`);
      return server;
    }

    /** Whether the connection is encrypted, or the name and message of the failure. */
    async function outcome(sslmode: SslMode, host: string, more: Partial<Connection> = {}): Promise<boolean | string> {
      const connection = { host, port: 5432, user: 'postgres', database: 'postgres', sslmode, ...more };
      return connectWith(connection, {}, async (client) => {
        const { rows } = await client.query('select ssl from pg_stat_ssl where pid = pg_backend_pid()');
        return rows[0].ssl;
      });
    }

    test('disable never encrypts', async () => {
      assert.equal(await outcome('disable', encryptedHost), false);
    });

    test('prefer encrypts where the server can, and goes on in clear where it cannot', async () => {
      assert.equal(await outcome('prefer', encryptedHost), true);
      assert.equal(await outcome('prefer', plainHost), false);
      assert.equal(encrypted.log.filter((line) => /SSL|startup packet/.test(line)).join('\n'), '');
    });

    test('require encrypts with anybody, or not at all', async () => {
      assert.equal(await outcome('require', encryptedHost), true);
      assert.match(String(await outcome('require', plainHost)), /^ServerUnsuitable: .* does not speak TLS/);
    });

    test('require with an authority trusts that authority alone, as libpq does', async () => {
      assert.equal(await outcome('require', encryptedHost, { sslrootcert: authority }), true);
      assert.match(await strangerOutcome('require'), /^AuthenticationFailed: the certificate .* is not trusted/);
    });

    test('verify-ca asks who signed, not for whom', async () => {
      assert.equal(await outcome('verify-ca', 'localhost', { host: encryptedHost, sslrootcert: authority }), true);
      assert.match(await strangerOutcome('verify-ca'), /^AuthenticationFailed: /);
    });

    test('verify-full asks for whom too', async () => {
      assert.match(
        String(await outcome('verify-full', encryptedHost, { sslrootcert: authority })),
        index === 0 ? /^AuthenticationFailed: .* does not match/ : /^true$/,
      );
      assert.match(await strangerOutcome('verify-full'), /^AuthenticationFailed: /);
      assert.match(String(await outcome('verify-full', encryptedHost)), /^AuthenticationFailed: /);
    });

    async function strangerOutcome(sslmode: SslMode): Promise<string> {
      const stranger = join(folder, `${index}-stranger.pem`);
      makeCertificate(stranger, encryptedHost);
      return String(await outcome(sslmode, encryptedHost, { sslrootcert: stranger }));
    }

    test('a password comes from its reference, else from the password file, else is told to be missing', async () => {
      const connection: Connection = {
        host: plainHost,
        port: 5432,
        user: 'secretive',
        database: 'postgres',
        sslmode: 'disable',
      };
      const who = (more: Partial<Connection>, environment: Record<string, string>) =>
        connectWith(
          { ...connection, ...more },
          environment,
          async (client) => (await client.query('select user')).rows[0].user,
        );
      const passFile = join(folder, `${index}-pgpass`);
      writeFileSync(passFile, `${plainHost}:5432:postgres:secretive:correct horse\n`, { mode: 0o600 });

      assert.equal(await who({ password: { from: 'env', name: 'P' } }, { P: 'correct horse' }), 'secretive');
      assert.equal(await who({}, { PGPASSFILE: passFile }), 'secretive');
      assert.match(String(await who({}, { HOME: '/nowhere' })), /^AuthenticationFailed: .* there is none$/);
      assert.match(
        String(await who({ password: { from: 'env', name: 'P' } }, { P: 'x' })),
        /^AuthenticationFailed: .* refuses/,
      );
    });

    test('PG* variables cannot send us elsewhere', async () => {
      const variables = {
        PGHOST: '192.0.2.1',
        PGPORT: '1',
        PGUSER: 'nobody',
        PGDATABASE: 'nowhere',
        PGPASSWORD: 'wrong',
        PGSSLMODE: 'require',
        PGOPTIONS: '-c search_path=elsewhere -c default_transaction_read_only=on',
        PGAPPNAME: 'other',
        PGCONNECT_TIMEOUT: '1',
      };
      await withVariables(variables, async () => {
        const connection: Connection = {
          host: plainHost,
          port: 5432,
          user: 'postgres',
          database: 'template1',
          sslmode: 'disable',
        };
        const row = await connectWith(connection, {}, async (client) => {
          const sql = `select current_database() as database, user, current_setting('application_name') as application,
                              current_setting('default_transaction_read_only') as read_only`;
          return (await client.query(sql)).rows[0];
        });
        assert.deepEqual(row, { database: 'template1', user: 'postgres', application: 'lifeboat', read_only: 'off' });
      });
    });
  });
}

describe('the options of a connection', () => {
  const connection: Connection = { host: '/tmp', port: 5432, user: 'u', database: 'd', sslmode: 'disable' };

  test('do not show the password when they are printed', async () => {
    const options = await connectOptions({ ...connection, password: { from: 'env', name: 'P' } }, { P: 'hunter2' });
    assert.doesNotMatch(inspect(options, { depth: 9 }) + JSON.stringify(options), /hunter2/);
    assert.equal((options.password as () => string)(), 'hunter2');
  });

  test('give up after ten seconds', async () => {
    assert.equal((await connectOptions(connection, {})).connectionTimeoutMillis, 10_000);
  });

  test('are refused when the certificate file is missing', async () => {
    const strict: Connection = { ...connection, host: 'h', sslmode: 'verify-full', sslrootcert: '/nowhere/ca.pem' };
    await assert.rejects(connectOptions(strict, {}), { name: 'InputInvalid', message: /"\/nowhere\/ca\.pem".*ENOENT/ });
  });

  test('are refused when prefer cannot ask', async () => {
    const gone: Connection = { ...connection, host: addressOf(99), port: 1, sslmode: 'prefer' };
    await assert.rejects(connectOptions(gone, {}), { name: 'ConnectionFailed', message: /nothing listens there/ });
  });
});

async function connectWith<Value>(
  connection: Connection,
  environment: Record<string, string>,
  use: (client: pg.Client) => Promise<Value>,
): Promise<Value | string> {
  const client = new pg.Client(await connectOptions(connection, environment));
  client.on('error', () => undefined);
  try {
    await client.connect();
    return await use(client);
  } catch (error) {
    const failure = explainConnectionError(error, connection);
    return `${failure.name}: ${failure.message}`;
  } finally {
    await client.end();
  }
}

/** Signed by itself. Of the first server for another name, of the second for its address. */
function makeCertificate(path: string, host: string, server?: TestServer): void {
  const subject = host.startsWith('127.1.') ? 'DNS:elsewhere.example' : `IP:${host}`;
  const key = server ? join(server.dataDir, 'server.key') : `${path}.key`;
  const made = spawnSync(
    'openssl',
    ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'].concat([
      '-subj',
      '/CN=lifeboat test',
      '-addext',
      `subjectAltName=${subject}`,
      '-keyout',
      key,
      '-out',
      path,
    ]),
    { encoding: 'utf8' },
  );
  if (made.status !== 0) throw new Error(`openssl is needed to make certificates: ${made.stderr ?? made.error}`);
  if (!server) return;
  const certificate = join(server.dataDir, 'server.crt');
  writeFileSync(certificate, spawnSync('cat', [path]).stdout);
  chmodSync(key, 0o600);
  for (const file of [key, certificate]) if (serverAccount) chownSync(file, serverAccount.uid, serverAccount.gid);
}

async function withVariables(variables: Record<string, string>, action: () => Promise<void>): Promise<void> {
  const before = { ...process.env };
  Object.assign(process.env, variables);
  try {
    await action();
  } finally {
    for (const name of Object.keys(variables)) delete process.env[name];
    Object.assign(process.env, before);
  }
}
