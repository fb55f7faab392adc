import pg from 'pg';
import type { Site } from '#model/failover-site';
import { type Lsn, parseLsn } from '#model/lsn';
import type { Connection } from '#model/postgres-source';
import { historyFileName, parseHistory, type Timeline, type TimelineHistory } from '#model/timeline';
import { parseSegmentName, segmentStart } from '#model/wal-segment';
import { explainConnectionError } from '#postgres/connection-failure';
import { ownSession } from '#postgres/own-session';
import { ReplicationConnection } from '#postgres/replication-connection';
import { standbySlot } from '#postgres/standby-settings';
import { readHistory } from '#postgres/timeline-history';
import { connectOptions } from '#runtime/connect-options';
import type { Environment } from '#runtime/environment';

/** What a server says of itself. */
export interface ServerSays {
  role: 'primary' | 'standby';
  systemId: string;
  major: number;
  segmentSize: number;
  /** of a primary the one that it writes */
  timeline: Timeline;
  /** of a primary flushed; of a standby replayed */
  lsn: Lsn;
  /** of a standby that streams: through which slot, on which timeline, by which process */
  streams: { slot: string; timeline: Timeline; receiver: string } | undefined;
}

/** @throws ConnectionFailed, AuthenticationFailed, ServerUnsuitable, ServerError */
export async function askSite(connection: Connection, environment: Environment): Promise<ServerSays> {
  const row = (await queryOn(connection, environment, question))[0]!;
  const standby = row.in_recovery === 'true';
  return {
    role: standby ? 'standby' : 'primary',
    systemId: row.system_id!,
    major: Math.floor(Number(row.version) / 10_000),
    segmentSize: Number(row.segment_size),
    timeline: Number.parseInt(row.timeline!, 16),
    lsn: parseLsn(row.lsn!),
    streams:
      row.receiver === 'streaming'
        ? { slot: row.slot ?? '', timeline: Number(row.received_timeline), receiver: row.receiver_pid! }
        : undefined,
  };
}

const question = `
  select pg_is_in_recovery()::text as in_recovery,
         (select system_identifier::text from pg_control_system()) as system_id,
         current_setting('server_version_num') as version,
         (select setting from pg_settings where name = 'wal_segment_size') as segment_size,
         case when pg_is_in_recovery() then coalesce(pg_last_wal_replay_lsn(), '0/0')
              else pg_current_wal_flush_lsn() end::text as lsn,
         case when pg_is_in_recovery() then (select to_hex(timeline_id) from pg_control_checkpoint())
              else substr(pg_walfile_name(pg_current_wal_flush_lsn()), 1, 8) end as timeline,
         receiver.status as receiver, receiver.pid::text as receiver_pid, receiver.slot_name as slot, receiver.received_tli::text as received_timeline
    from (select 1) one left join pg_stat_wal_receiver receiver on true`;

/** By what way a primary came to its timeline. */
export async function historyOf(
  connection: Connection,
  timeline: Timeline,
  environment: Environment,
): Promise<TimelineHistory> {
  if (timeline === 1) return { timeline, ancestors: [] };
  const replication = await ReplicationConnection.open(await connectOptions(connection, environment));
  try {
    return parseHistory(timeline, (await readHistory(replication, timeline)).toString('utf8'));
  } finally {
    await replication.close();
  }
}

/** The history files by which a server of an older timeline finds its way to the primary's: those of newer timelines. */
export async function newerHistories(
  connection: Connection,
  { own, history }: { own: Timeline; history: TimelineHistory },
  environment: Environment,
): Promise<{ name: string; content: Buffer }[]> {
  const path = [...history.ancestors.map((ancestor) => ancestor.timeline), history.timeline];
  const newer = path.filter((timeline) => timeline > own);
  if (newer.length === 0) return [];
  const replication = await ReplicationConnection.open(await connectOptions(connection, environment));
  try {
    const files: { name: string; content: Buffer }[] = [];
    for (const timeline of newer) {
      // one that the primary has not may lie in the bucket, and whoever needs it says so
      const content = await readHistory(replication, timeline).catch(() => undefined);
      if (content) files.push({ name: historyFileName(timeline), content });
    }
    return files;
  } finally {
    await replication.close();
  }
}

/**
 * From now on the primary keeps its WAL for the standby at a site. One that has lost WAL is made anew. Answers whether it was made.
 */
export async function keepSlot(primary: Connection, site: string, environment: Environment): Promise<boolean> {
  const slot = standbySlot(site);
  const [found] = await queryOn(primary, environment, slotQuestion, [slot]);
  if (found && found.wal_status !== 'lost') return false;
  if (found) await queryOn(primary, environment, 'select pg_drop_replication_slot($1)', [slot]);
  await queryOn(primary, environment, 'select pg_create_physical_replication_slot($1, true)', [slot]);
  return true;
}

/** @throws ServerError while somebody streams through it */
export async function dropSlot(primary: Connection, site: string, environment: Environment): Promise<void> {
  const drop = 'select pg_drop_replication_slot(slot_name) from pg_replication_slots where slot_name = $1';
  await queryOn(primary, environment, drop, [standbySlot(site)]);
}

const slotQuestion = 'select wal_status, active::text from pg_replication_slots where slot_name = $1';

/**
 * A promotion ends before its checkpoint does, which may take minutes; until then pg_control has the timeline of before, and
 * pg_rewind finds nothing to take back. False: the role may not make one, and it has not ended by itself.
 * Source: https://www.postgresql.org/docs/current/app-pgrewind.html, "Notes"
 */
export async function checkpointed(primary: Connection, { timeline }: ServerSays, environment: Environment) {
  const asked = await queryOn(primary, environment, 'checkpoint', [], checkpointMs).catch((failure: Error) => failure);
  const [row] = await queryOn(
    primary,
    environment,
    'select timeline_id::text as timeline from pg_control_checkpoint()',
  );
  return { done: Number(row?.timeline) === timeline, why: asked instanceof Error ? asked.message : '' };
}

const checkpointMs = 15 * 60_000;

/** From where on a server has WAL on its disk; undefined: it does not tell. @throws ServerError where the role may not ask */
export async function oldestWal(connection: Connection, environment: Environment): Promise<Lsn | undefined> {
  const [row] = await queryOn(
    connection,
    environment,
    `select min(substr(name, 9)) as oldest, (select setting from pg_settings where name = 'wal_segment_size') as size
       from pg_ls_waldir() where name ~ '^[0-9A-F]{24}$'`,
  );
  if (!row?.oldest) return undefined;
  const size = Number(row.size);
  return segmentStart(parseSegmentName(`00000001${row.oldest}`, size), size);
}

/** Whether a primary sends WAL through the slot of a site at this moment. */
export async function sendsTo(primary: Connection, site: string, environment: Environment): Promise<boolean> {
  const [found] = await queryOn(primary, environment, slotQuestion, [standbySlot(site)]);
  return found?.active === 'true';
}

/**
 * Slots from the time when a standby was the primary would keep its WAL until the disk is full. Answers which were dropped, and
 * which others are left.
 */
export async function dropStaleSlots(
  { server }: Site & { server: { kind: 'postgres' } },
  ours: readonly string[],
  environment: Environment,
): Promise<{ dropped: string[]; left: string[] }> {
  const rows = await queryOn(server.connection, environment, staleQuestion);
  const names = rows.map(({ slot_name: name }) => name!);
  const dropped = names.filter((name) => ours.includes(name));
  for (const name of dropped)
    await queryOn(server.connection, environment, 'select pg_drop_replication_slot($1)', [name]);
  return { dropped, left: names.filter((name) => !dropped.includes(name)) };
}

const staleQuestion = "select slot_name from pg_replication_slots where not active and slot_type = 'physical'";

/** A connection for each question: hours may lie between them. */
async function queryOn(
  connection: Connection,
  environment: Environment,
  sql: string,
  values: unknown[] = [],
  answerMs = timeoutMs,
): Promise<Record<string, string | null>[]> {
  const options = await connectOptions(connection, environment, { timeoutMs });
  const client = new pg.Client({ ...ownSession(options), query_timeout: answerMs });
  client.on('error', () => undefined); // the query that needs the connection reports it
  try {
    await client.connect();
    return (await client.query<Record<string, string | null>>(sql, values)).rows;
  } catch (error) {
    throw explainConnectionError(error, connection);
  } finally {
    void client.end().catch(() => undefined); // nothing is left to be told on it
  }
}

const timeoutMs = 10_000;
