import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { InputInvalid } from '#model/failure';
import type { Connection } from '#model/postgres-source';
import { libpqEnvironment } from '#runtime/libpq-environment';

const connection: Connection = { host: 'db', port: 5433, user: 'keeper', database: 'app', sslmode: 'require' };
const secret = { password: { from: 'env', name: 'DB_PASSWORD' } } as const;

test('programs learn how to connect and nothing else, and the password from a file that only we can read', async () => {
  const environment = {
    DB_PASSWORD: 'a:b\\c',
    PGPASSWORD: 'other',
    PGHOST: 'elsewhere',
    PATH: '/bin',
    HOME: '/home/me',
  };
  const libpq = await libpqEnvironment({ ...connection, ...secret }, environment);
  const { PGPASSFILE, PGSSLROOTCERT, ...rest } = libpq.environment;
  assert.deepEqual(rest, {
    PATH: '/bin',
    LC_ALL: 'C',
    TZ: 'UTC',
    PGHOST: 'db',
    PGPORT: '5433',
    PGUSER: 'keeper',
    PGDATABASE: 'app',
    PGSSLMODE: 'require',
    PGGSSENCMODE: 'disable',
    PGAPPNAME: 'lifeboat',
    PGCONNECT_TIMEOUT: '10',
    PGOPTIONS: '-c statement_timeout=0 -c lock_timeout=0',
  });
  assert.equal(readFileSync(PGPASSFILE!, 'utf8'), '*:*:*:*:a\\:b\\\\c\n');
  assert.deepEqual([statSync(PGPASSFILE!).mode & 0o777, statSync(dirname(PGPASSFILE!)).mode & 0o777], [0o600, 0o700]);
  assert.ok(!existsSync(PGSSLROOTCERT!), 'libpq asks no authority that stands in somebody’s home');
  libpq.remove();
  assert.ok(!existsSync(dirname(PGPASSFILE!)));
});

test('without a secret in the plan, libpq reads the password file that it would read anyway', async () => {
  for (const [environment, path] of [
    [{ HOME: '/home/me' }, '/home/me/.pgpass'],
    [{ HOME: '/home/me', PGPASSFILE: '/etc/pass' }, '/etc/pass'],
  ] as const) {
    const libpq = await libpqEnvironment(connection, environment);
    assert.equal(libpq.environment.PGPASSFILE, path);
    libpq.remove();
  }
});

test('an authority is that of the plan, or those that Node knows', async () => {
  const named = await libpqEnvironment({ ...connection, sslmode: 'verify-ca', sslrootcert: '/etc/ca.pem' }, {});
  assert.equal(named.environment.PGSSLROOTCERT, '/etc/ca.pem');
  named.remove();
  const known = await libpqEnvironment({ ...connection, sslmode: 'verify-full' }, {});
  assert.match(readFileSync(known.environment.PGSSLROOTCERT!, 'utf8'), /BEGIN CERTIFICATE/);
  known.remove();
});

test('a password that no password file can hold is refused, and not shown', async () => {
  const refused = libpqEnvironment({ ...connection, ...secret }, { DB_PASSWORD: 'two\nlines' });
  await assert.rejects(
    refused,
    (failure: unknown) => failure instanceof InputInvalid && !/two|lines/.test(failure.message),
  );
});

test('what a process that was killed has left is removed, and what a living one needs is not', async () => {
  const [dead, alive] = [join(tmpdir(), 'lifeboat-libpq-4194303-test'), join(tmpdir(), 'lifeboat-libpq-1-test')];
  mkdirSync(dead, { recursive: true });
  mkdirSync(alive, { recursive: true });
  const libpq = await libpqEnvironment(connection, {});
  assert.deepEqual([existsSync(dead), existsSync(alive)], [false, true]);
  libpq.remove();
  (await import('node:fs')).rmdirSync(alive);
});
