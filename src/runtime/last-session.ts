import pg from 'pg';
import { ConnectionFailed } from '#model/failure';
import { type Lsn, parseLsn } from '#model/lsn';
import type { Connection } from '#model/postgres-source';
import { explainConnectionError } from '#postgres/connection-failure';
import { ownSession } from '#postgres/own-session';
import { connectOptions } from '#runtime/connect-options';
import type { Environment } from '#runtime/environment';
import { type Pause, realPause } from './ask-until.ts';

/** A connection that was opened before the door was shut, so that it is the last one. */
export interface LastSession {
  /**
   * End all other clients, again until none is left, and tell where the WAL ends then, with all that was committed flushed.
   * @throws ConnectionFailed when somebody is still there; what explainConnectionError makes
   */
  endOthers(signal: AbortSignal): Promise<Lsn>;
  close(): void;
}

/** @throws ConnectionFailed, AuthenticationFailed, ServerUnsuitable, ServerError, InputInvalid */
export async function openLastSession(
  connection: Connection,
  environment: Environment,
  { pause = realPause, timeoutMs = 10_000 }: { pause?: Pause | undefined; timeoutMs?: number } = {},
): Promise<LastSession> {
  const options = ownSession(await connectOptions(connection, environment, { timeoutMs }));
  const client = new pg.Client({ ...options, query_timeout: timeoutMs });
  client.on('error', () => undefined); // the query that needs the connection reports it
  try {
    await client.connect();
  } catch (error) {
    throw explainConnectionError(error, connection);
  }
  return {
    endOthers: async (signal) => {
      try {
        await untilAlone(client, connection, pause, signal);
        return await flushedEnd(client);
      } catch (error) {
        signal.throwIfAborted();
        throw explainConnectionError(error, connection);
      }
    },
    close: () => void client.end().catch(() => undefined), // nothing is left to be told on it
  };
}

const rounds = 30;
const betweenMs = 500;

async function untilAlone(client: pg.Client, { host, port }: Connection, pause: Pause, signal: AbortSignal) {
  let left: string[] = [];
  for (let round = 0; round < rounds; round++) {
    signal.throwIfAborted();
    left = (await client.query<{ who: string }>(endThem)).rows.map(({ who }) => who);
    if (left.length === 0) return;
    await pause(betweenMs, signal);
  }
  throw new ConnectionFailed(`${host}:${port} still has clients: ${left.join(', ')}`, {
    ...{ operation: 'end clients', subject: `${host}:${port}` },
    hint: 'the role needs pg_signal_backend, and to end superusers be one; or end them by hand',
  });
}

/**
 * rdsadmin is AWS itself, which only watches, and nobody may end it. Prepared transactions of clients that have gone hold what
 * is not committed yet.
 */
const endThem = `
  select coalesce(usename, '?') || ' (' || coalesce(nullif(application_name, ''), 'no application name') || ')' as who,
         pg_terminate_backend(pid) as asked
    from pg_stat_activity
   where backend_type = 'client backend' and pid <> pg_backend_pid() and usename is distinct from 'rdsadmin'`;

/**
 * An own commit flushes what others committed without waiting for it (synchronous_commit = off): one that has written something. What
 * only took a transaction id is committed without a flush, too.
 */
async function flushedEnd(client: pg.Client): Promise<Lsn> {
  await client.query('set synchronous_commit = local');
  await client.query("select pg_logical_emit_message(true, 'lifeboat', 'fenced')");
  const { rows } = await client.query<{ flushed: string }>('select pg_current_wal_flush_lsn()::text as flushed');
  return parseLsn(rows[0]!.flushed);
}
