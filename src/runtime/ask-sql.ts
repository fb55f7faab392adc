import { once } from 'node:events';
import pg from 'pg';
import type { Connection } from '#model/postgres-source';
import { explainConnectionError } from '#postgres/connection-failure';
import { connectOptions } from '#runtime/connect-options';
import type { Environment } from '#runtime/environment';

export interface SqlAnswer {
  inRecovery: boolean;
  /** the first column of the first row, as PostgreSQL prints it; null is NULL, undefined: there is no row */
  value: string | null | undefined;
}

/**
 * Ask one query on a connection of its own, and whether the server that answers is a standby. It takes `timeoutMs` in all: connecting,
 * TLS and a server that hangs.
 * @throws ConnectionFailed, AuthenticationFailed, ServerUnsuitable, ServerError, InputInvalid; what `signal` was aborted with
 */
export async function askSql(
  { connection, query, timeoutMs }: { connection: Connection; query: string; timeoutMs: number },
  { environment, signal }: { environment: Environment; signal: AbortSignal },
): Promise<SqlAnswer> {
  const end = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
  end.throwIfAborted();
  const over = once(end, 'abort').then(() => {
    signal.throwIfAborted();
    throw explainConnectionError(Object.assign(new Error('no answer in time'), { code: 'ETIMEDOUT' }), connection);
  });
  over.catch(() => undefined); // nobody waits for it any more once there is an answer
  const options = await Promise.race([connectOptions(connection, environment, { timeoutMs }), over]);
  const client = new pg.Client({ ...options, statement_timeout: timeoutMs, types: asText });
  client.on('error', () => undefined); // the query that needs the connection reports it
  try {
    return await Promise.race([ask(client, query), over]);
  } catch (error) {
    signal.throwIfAborted();
    throw explainConnectionError(error, connection);
  } finally {
    void client.end().catch(() => undefined); // nothing is left to be told on it
    streamOf(client).destroy();
  }
}

async function ask(client: pg.Client, query: string): Promise<SqlAnswer> {
  await client.connect();
  const recovery = await client.query<{ answer: string }>('select pg_catalog.pg_is_in_recovery() as answer');
  const inRecovery = recovery.rows[0]?.answer === 't';
  if (inRecovery) return { inRecovery, value: undefined };
  const result = await client.query<(string | null)[]>({ text: query, rowMode: 'array' });
  const last = Array.isArray(result) ? (result as pg.QueryArrayResult<(string | null)[]>[]).at(-1)! : result;
  return { inRecovery, value: last.rows[0]?.[0] };
}

const asText = { getTypeParser: () => (text: string) => text } as pg.CustomTypesConfig;

/** `pg` waits with its end for a server that hangs; its declarations do not have its stream. */
const streamOf = (client: pg.Client) =>
  (client as unknown as { connection: { stream: { destroy(): void } } }).connection.stream;
