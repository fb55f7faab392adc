import pg from 'pg';
import { AuthenticationFailed } from '#model/failure';
import { type Lsn, parseLsn } from '#model/lsn';
import type { Connection } from '#model/postgres-source';
import type { Timeline } from '#model/timeline';
import { explainConnectionError } from '#postgres/connection-failure';
import { connectOptions } from '#runtime/connect-options';
import type { Environment } from '#runtime/environment';
import { doubtSecret } from '#runtime/resolve-secret';

/** Where a server is in its WAL. */
export interface ServerPosition {
  systemId: string;
  timeline: Timeline;
  /** how far it has flushed; of a standby, replayed */
  flushed: Lsn;
  segmentSize: number;
  /** by its own clock */
  clock: Date;
}

/**
 * Ask a server where it is, within a short time.
 * @throws ConnectionFailed, AuthenticationFailed, ServerUnsuitable, ServerError, InputInvalid (a secret that is missing)
 */
export async function serverPosition(
  connection: Connection,
  environment: Environment,
  { timeoutMs = 5_000 } = {},
): Promise<ServerPosition> {
  const options = await connectOptions(connection, environment, { timeoutMs });
  const client = new pg.Client({ ...options, query_timeout: timeoutMs, statement_timeout: timeoutMs });
  client.on('error', () => undefined); // the query that needs the connection reports it
  try {
    await client.connect();
    const { rows } = await client.query<Record<string, string>>(query);
    return positionOf(rows[0]!);
  } catch (error) {
    const failure = explainConnectionError(error, connection);
    if (failure instanceof AuthenticationFailed && connection.password)
      await doubtSecret(connection.password, environment);
    throw failure;
  } finally {
    void client.end().catch(() => undefined); // nothing is left to be told on it
  }
}

/** The same for those who go on without an answer. */
export async function askServer(
  connection: Connection,
  environment: Environment,
): Promise<({ state: 'reachable' } & ServerPosition) | { state: 'unreachable'; why: string }> {
  try {
    return { state: 'reachable', ...(await serverPosition(connection, environment)) };
  } catch (failure) {
    return { state: 'unreachable', why: (failure as Error).message };
  }
}

function positionOf(row: Record<string, string>): ServerPosition {
  return {
    systemId: row.system_id!,
    timeline: Number.parseInt(row.timeline!, 16),
    flushed: parseLsn(row.flushed!),
    segmentSize: Number(row.segment_size),
    clock: new Date(Number(row.clock)),
  };
}

/** A primary's timeline stands in its WAL file's name; a standby's in pg_control, which may lag behind. */
const query = `
  select (select system_identifier::text from pg_control_system()) as system_id,
         case when pg_is_in_recovery() then coalesce(pg_last_wal_replay_lsn(), '0/0')
              else pg_current_wal_flush_lsn() end::text as flushed,
         case when pg_is_in_recovery() then (select to_hex(timeline_id) from pg_control_checkpoint())
              else substr(pg_walfile_name(pg_current_wal_flush_lsn()), 1, 8) end as timeline,
         (select setting from pg_settings where name = 'wal_segment_size') as segment_size,
         floor(extract(epoch from clock_timestamp()) * 1000)::text as clock`;
