import pg from 'pg';
import { Aborted } from '#model/failure';
import type { Connection } from '#model/postgres-source';
import { explainConnectionError } from '#postgres/connection-failure';
import { ownSession } from '#postgres/own-session';
import { connectOptions } from '#runtime/connect-options';
import type { Environment } from '#runtime/environment';

export interface SessionOptions {
  environment: Environment;
  /** of the connection, and of each question: a server that hangs accepts connections and says nothing */
  timeoutMs?: number;
  signal: AbortSignal;
}

/** Values as text. */
export type Ask = (sql: string, values?: unknown[]) => Promise<Record<string, string | null>[]>;

/**
 * A session of its own with a site's server, for a few questions.
 * @throws ConnectionFailed, AuthenticationFailed, ServerUnsuitable, ServerError, InputInvalid, Aborted
 */
export async function withSession<T>(
  connection: Connection,
  { environment, timeoutMs = 5_000, signal }: SessionOptions,
  work: (ask: Ask) => Promise<T>,
): Promise<T> {
  const timeouts = { query_timeout: timeoutMs + 1_000, statement_timeout: timeoutMs };
  const options = ownSession(await connectOptions(connection, environment, { timeoutMs }));
  const client = new pg.Client({ ...options, ...timeouts, types: { getTypeParser: () => (text: string) => text } });
  client.on('error', () => undefined); // the question that needs the connection reports it
  const hangUp = () => {
    void client.end().catch(() => undefined); // nothing is left to be told on it
    streamOf(client).destroy(); // a server that hangs would never let it end
  };
  signal.addEventListener('abort', hangUp, { once: true });
  try {
    if (signal.aborted) throw signal.reason;
    await client.connect();
    return await work(async (sql, values) => (await client.query<Record<string, string | null>>(sql, values)).rows);
  } catch (error) {
    if (signal.aborted) throw aborted(connection, signal.reason);
    throw explainConnectionError(error, connection);
  } finally {
    signal.removeEventListener('abort', hangUp);
    hangUp();
  }
}

/** The declarations of `pg` do not have it. */
const streamOf = (client: pg.Client) =>
  (client as unknown as { connection: { stream: { destroy(): void } } }).connection.stream;

const aborted = ({ host, port }: Connection, cause: unknown): Aborted =>
  new Aborted(`told to stop while ${host}:${port} was asked`, {
    operation: 'ask a server',
    subject: `${host}:${port}`,
    cause,
  });
