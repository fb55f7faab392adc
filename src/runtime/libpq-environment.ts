import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { rootCertificates } from 'node:tls';
import { InputInvalid } from '#model/failure';
import type { Connection } from '#model/postgres-source';
import { type Environment, homeFolder } from '#runtime/environment';
import { resolveSecret } from '#runtime/resolve-secret';

export interface LibpqEnvironment {
  /** all that PostgreSQL's programs get to see */
  environment: Record<string, string>;
  /** the folder with the password goes */
  remove(): void;
}

const folderPrefix = 'lifeboat-libpq-';

/**
 * A plan's connection for pg_dump, pg_restore and the like, which means the same as connectOptions does: in variables,
 * since others can read arguments; and the password in a file of a private folder, since root and our own account can
 * read variables, too. What processes that were killed have left of such folders goes when the next one is made.
 * Source: https://www.postgresql.org/docs/current/libpq-envars.html
 * @throws InputInvalid for a secret that is missing, or that no password file can hold
 */
export async function libpqEnvironment(connection: Connection, environment: Environment): Promise<LibpqEnvironment> {
  const { host, port, user, database, sslmode } = connection;
  const password = await passwordOf(connection, environment);
  removeLeftovers();
  const folder = mkdtempSync(join(tmpdir(), `${folderPrefix}${process.pid}-`)); // nobody else may enter it
  return {
    environment: {
      ...(environment.PATH === undefined ? {} : { PATH: environment.PATH }),
      LC_ALL: 'C',
      TZ: 'UTC',
      PGHOST: host,
      PGPORT: String(port),
      PGUSER: user,
      PGDATABASE: database,
      PGSSLMODE: sslmode,
      PGSSLROOTCERT: authorities(connection, folder),
      PGGSSENCMODE: 'disable',
      PGPASSFILE: passwordFile(password, folder, environment),
      PGAPPNAME: 'lifeboat',
      PGCONNECT_TIMEOUT: '10',
      // pg_dumpall sets none of it, and a role's own settings may
      PGOPTIONS: '-c statement_timeout=0 -c lock_timeout=0',
    },
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}

async function passwordOf({ password }: Connection, environment: Environment): Promise<string | undefined> {
  if (!password) return undefined;
  const field = 'connection.password';
  const value = await resolveSecret(password, environment, field);
  if (/[\r\n\0]/.test(value)) throw new InputInvalid(field, '(not shown)', 'one line, which a password file can hold');
  return value;
}

/** Without a secret in the plan, the file that libpq would read. */
function passwordFile(password: string | undefined, folder: string, environment: Environment): string {
  if (password === undefined) return environment.PGPASSFILE || join(homeFolder(environment), '.pgpass');
  const path = join(folder, 'pgpass');
  writeFileSync(path, `*:*:*:*:${password.replace(/[\\:]/g, '\\$&')}\n`, { mode: 0o600 });
  return path;
}

/**
 * libpq would take a file of the account's home folder where nothing is said; one that is not there asks nobody.
 * verify-full without an authority asks those that Node knows, as our own connections do.
 */
function authorities({ sslmode, sslrootcert }: Connection, folder: string): string {
  if (sslrootcert !== undefined) return sslrootcert;
  const path = join(folder, 'root.crt');
  if (sslmode === 'verify-full') writeFileSync(path, rootCertificates.join('\n'));
  return path;
}

function removeLeftovers(): void {
  for (const name of readdirSync(tmpdir())) {
    const pid = Number(new RegExp(`^${folderPrefix}(\\d+)-`).exec(name)?.[1] ?? 0);
    if (pid === 0 || isThere(pid)) continue;
    try {
      rmSync(join(tmpdir(), name), { recursive: true, force: true });
    } catch {
      // another account's, which will see to it
    }
  }
}

function isThere(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH';
  }
}
