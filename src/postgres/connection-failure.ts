import { AuthenticationFailed, ConnectionFailed, Failure, ServerError, ServerUnsuitable } from '#model/failure';
import { explainNetworkError } from '#postgres/network-failure';

/** Who wanted to connect to what; everything of it that may be shown. */
export interface ConnectionTarget {
  /** a name, an address, or a socket's folder */
  host: string;
  port: number;
  user: string;
  database: string;
}

/**
 * What an error of `pg.Client.connect` means, and what to do about it. The server may speak another language, so kinds
 * are told by SQLSTATE and errno and its words are only passed on. No message holds the password.
 * Source: https://www.postgresql.org/docs/current/errcodes-appendix.html
 */
export function explainConnectionError(error: unknown, target: ConnectionTarget): Failure {
  if (error instanceof Failure) return error;
  const sqlState = sqlStateOf(error);
  if (sqlState === undefined) return explainNetworkError(error, target);
  const { host, port, user, database } = target;
  const answer = answers[sqlState];
  const message = `${host}:${port} refuses ${user} the database ${database}: ${(error as Error).message}`;
  const detail = { operation: 'connect', subject: `${host}:${port}`, cause: error };
  if (!answer) return new ServerError(message, { ...detail, sqlState });
  return new answer.failure(message, { ...detail, hint: answer.hint(target) });
}

function sqlStateOf(error: unknown): string | undefined {
  const { code, severity } = error as { code?: unknown; severity?: unknown };
  return typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code) && severity !== undefined ? code : undefined;
}

interface Answer {
  failure: typeof ConnectionFailed | typeof AuthenticationFailed | typeof ServerUnsuitable;
  hint: (target: ConnectionTarget) => string;
}

const answers: Record<string, Answer> = {
  /* invalid_password */
  '28P01': {
    failure: AuthenticationFailed,
    hint: ({ user }) => `check the password, or set it: ALTER ROLE ${quoteRole(user)} PASSWORD '...'`,
  },
  /* invalid_authorization_specification: no entry in pg_hba.conf, no such role, a role that may not log in */
  '28000': {
    failure: AuthenticationFailed,
    hint: (target) =>
      `the role must exist and may log in, and pg_hba.conf must let it in (${admissionLines(target)}); then SELECT pg_reload_conf()`,
  },
  /* invalid_catalog_name */
  '3D000': { failure: ServerUnsuitable, hint: () => 'name a database that exists, like postgres' },
  /* insufficient_privilege: not allowed to stream, or no CONNECT on the database */
  '42501': {
    failure: ServerUnsuitable,
    hint: ({ user, database }) =>
      `ALTER ROLE ${quoteRole(user)} REPLICATION; GRANT CONNECT ON DATABASE ${quoteRole(database)} TO ${quoteRole(user)}`,
  },
  /* object_not_in_prerequisite_state: a template that accepts no connections */
  '55000': { failure: ServerUnsuitable, hint: () => 'name a database that accepts connections, like postgres' },
  /* too_many_connections, which stands for too many WAL senders too */
  '53300': {
    failure: ConnectionFailed,
    hint: () =>
      "wait, or make room and restart PostgreSQL: ALTER SYSTEM SET max_connections = '...' (for replication: max_wal_senders)",
  },
  /* configuration_limit_exceeded */
  '53400': { failure: ServerUnsuitable, hint: () => "raise the setting that the server's message names" },
  /* admin_shutdown, crash_shutdown, cannot_connect_now */
  '57P01': { failure: ConnectionFailed, hint: () => 'the server is going down: try again when it runs' },
  '57P02': { failure: ConnectionFailed, hint: () => 'the server crashed and recovers: try again when it runs' },
  '57P03': { failure: ConnectionFailed, hint: () => 'the server starts, stops or recovers: try again shortly' },
};

/** As in SQL: `lifeboat`, `"Backup User"`. */
export const quoteRole = (name: string): string =>
  /^[a-z_][a-z0-9_]*$/.test(name) ? name : `"${name.replaceAll('"', '""')}"`;

/** The lines of pg_hba.conf that a plan's connection needs: one for queries, one for replication. */
function admissionLines({ host, user, database }: ConnectionTarget): string {
  const [kind, address] = host.startsWith('/') ? ['local', ''] : ['host', '<address of this machine>/32 '];
  return [database, 'replication']
    .map((what) => `"${kind} ${what} ${quoteRole(user)} ${address}scram-sha-256"`)
    .join(', ');
}
