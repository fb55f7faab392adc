import { readFile } from 'node:fs/promises';
import type { ConnectionOptions } from 'node:tls';
import type { ClientConfig } from 'pg';
import { AuthenticationFailed, InputInvalid } from '#model/failure';
import type { Connection } from '#model/postgres-source';
import { explainConnectionError } from '#postgres/connection-failure';
import { offersTls } from '#postgres/tls-offer';
import type { Environment } from '#runtime/environment';
import { readPasswordFile } from '#runtime/password-file';
import { resolveSecret } from '#runtime/resolve-secret';

/**
 * A plan's connection as `pg` wants it. Everything that `pg` would else take from PG* variables is said, so that they
 * cannot send us elsewhere; PGPASSFILE alone is honoured. The password is a function: it is asked for when the server
 * asks, and printing the options does not print it.
 * @throws ConnectionFailed when `prefer` cannot ask the server; InputInvalid for a secret or certificate that is missing
 */
export async function connectOptions(
  connection: Connection,
  environment: Environment,
  { timeoutMs = 10_000 } = {},
): Promise<ClientConfig> {
  const { host, port, user, database } = connection;
  return {
    host,
    port,
    user,
    database,
    password: await passwordOf(connection, environment),
    ssl: await tlsOf(connection, timeoutMs),
    sslnegotiation: 'postgres',
    options: '-c TimeZone=UTC', // pg would take PGOPTIONS instead of an empty text
    client_encoding: 'UTF8',
    application_name: 'lifeboat',
    connectionTimeoutMillis: timeoutMs,
    keepAlive: true,
  };
}

async function passwordOf(connection: Connection, environment: Environment): Promise<() => string | Promise<string>> {
  if (connection.password) {
    const password = await resolveSecret(connection.password, environment, 'connection.password');
    return () => password;
  }
  return async () => {
    const password = await readPasswordFile(connection, environment);
    if (password !== undefined) return password;
    const { host, port, user } = connection;
    throw new AuthenticationFailed(`${host}:${port} asks ${user} for a password and there is none`, {
      operation: 'connect',
      subject: `${host}:${port}`,
      hint: 'give connection.password (env:NAME or file:/path), or a line in ~/.pgpass',
    });
  };
}

/**
 * libpq's modes. `require` encrypts without asking whom it talks to, unless there is an authority to ask: then it is
 * `verify-ca`, as in libpq. verify-full without an authority asks the public ones that Node knows.
 * Source: https://www.postgresql.org/docs/current/libpq-ssl.html#LIBPQ-SSL-PROTECTION
 */
async function tlsOf(connection: Connection, timeoutMs: number): Promise<ConnectionOptions | false> {
  const { sslmode, sslrootcert } = connection;
  if (sslmode === 'disable') return false;
  if (sslmode === 'prefer') return (await preferred(connection, timeoutMs)) ? { rejectUnauthorized: false } : false;
  const authority = sslrootcert === undefined ? {} : { ca: await readAuthority(sslrootcert) };
  if (sslmode === 'verify-full') return { ...authority, rejectUnauthorized: true };
  if (sslrootcert === undefined) return { rejectUnauthorized: false };
  return { ...authority, rejectUnauthorized: true, checkServerIdentity: () => undefined };
}

async function preferred(connection: Connection, timeoutMs: number): Promise<boolean> {
  try {
    return await offersTls(connection.host, connection.port, timeoutMs);
  } catch (error) {
    throw explainConnectionError(error, connection);
  }
}

async function readAuthority(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new InputInvalid('connection.sslrootcert', path, `a file that can be read, got ${code}`);
  }
}
