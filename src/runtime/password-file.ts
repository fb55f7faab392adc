import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { InputInvalid } from '#model/failure';
import { type Environment, homeFolder } from '#runtime/environment';

export interface PasswordQuestion {
  host: string;
  port: number;
  database: string;
  user: string;
}

const readableByOthers = 0o077;

/**
 * The password that libpq would find: in PGPASSFILE, else ~/.pgpass. undefined without a file or a matching line.
 * @throws InputInvalid for a file that others may read (libpq ignores it with a warning).
 * Source: https://www.postgresql.org/docs/current/libpq-pgpass.html
 */
export async function readPasswordFile(
  question: PasswordQuestion,
  environment: Environment,
): Promise<string | undefined> {
  const path = environment.PGPASSFILE || join(homeFolder(environment), '.pgpass');
  try {
    await using file = await open(path);
    const { mode } = await file.stat();
    if (mode & readableByOthers) {
      throw new InputInvalid('password file', path, 'a file that only its owner may read', `chmod 600 ${path}`);
    }
    return findPassword(await file.readFile('utf8'), question);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** The first line `host:port:database:user:password` that matches; `*` matches all, a backslash keeps `:` and itself. */
export function findPassword(content: string, { host, port, database, user }: PasswordQuestion): string | undefined {
  const wanted = [
    defaultSockets.includes(host) ? [host, 'localhost'] : [host],
    [String(port)],
    [database, 'replication'], // libpq's name for a replication connection, which asks for no database
    [user],
  ];
  for (const line of content.split(/\r?\n/)) {
    const fields = line.startsWith('#') ? undefined : fiveFields.exec(line)?.slice(1);
    if (
      fields &&
      wanted.every((allowed, index) => fields[index] === '*' || allowed.includes(unescaped(fields[index]!)))
    ) {
      return unescaped(fields[4]!);
    }
  }
  return undefined;
}

/** libpq's default, and Debian's. */
const defaultSockets = ['/tmp', '/var/run/postgresql', '/run/postgresql'];

const fiveFields = new RegExp(`^${Array(5).fill(String.raw`((?:\\.|[^:\\])*)`).join(':')}`);

const unescaped = (field: string): string => field.replace(/\\(.)/g, '$1');
