import type { Follower, ServerAnswer } from '#failover/site-facts';
import { type Lsn, maxLsn, parseLsn } from '#model/lsn';
import type { Connection } from '#model/postgres-source';
import { type SessionOptions, withSession } from '#runtime/site-session';

export type ServerSaid = Exclude<ServerAnswer, { state: 'absent' }>;

/** What a server says of itself, in one question; silence is an answer, whatever the reason. */
export async function askSiteServer(connection: Connection, options: SessionOptions): Promise<ServerSaid> {
  try {
    return await withSession(connection, options, async (ask) => {
      const row = (await ask(question))[0]!;
      if (row.in_recovery !== 't') return answerOf(row);
      // whom it is not granted to (pg_monitor has it), or where there is none (Aurora): what pg_control says has to do
      const stored = await ask(storedTimeline).catch(() => []);
      return answerOf(row, Number(stored[0]?.timeline ?? 0));
    });
  } catch (error) {
    return { state: 'silent', why: (error as Error).message };
  }
}

function answerOf(row: Record<string, string | null>, storedTimeline = 0): ServerSaid {
  const standby = row.in_recovery === 't';
  const lsn = position(row.lsn);
  const received = position(row.received);
  return {
    state: 'answers',
    systemId: row.system_id!,
    role: standby ? 'standby' : 'primary',
    timeline: Math.max(Number(row.timeline), storedTimeline),
    lsn,
    received: standby ? (received && lsn ? maxLsn(received, lsn) : (received ?? lsn)) : null,
    replayedAt: row.replayed_ms ? new Date(Number(row.replayed_ms)) : null,
    streams: row.streams === 't',
    ...(row.streams === 't' && { follows: { slot: row.slot || null, name: row.name ?? null } }),
    ...(row.followers && { followers: JSON.parse(row.followers) as Follower[] }),
    readsBucket: row.reads_bucket === 't',
    clock: new Date(Number(row.clock_ms)),
    ...(row.data_directory ? { dataDir: row.data_directory } : {}),
  };
}

const position = (text: string | null | undefined): Lsn | null => (text ? parseLsn(text) : null);

/**
 * Of all WAL files that a standby has. While it does not stream, pg_control has the timeline of its last restart point, which for minutes
 * after a promotion of its primary is the one before.
 * Source: https://www.postgresql.org/docs/current/functions-admin.html#FUNCTIONS-ADMIN-GENFILE
 */
const storedTimeline = `
  select max(('x' || substr(name, 1, 8))::bit(32)::int) as timeline
    from pg_ls_waldir() where name ~ '^[0-9A-F]{24}$'`;

/**
 * A primary's timeline stands in the name of the WAL file that it writes: pg_control has the one of its last checkpoint, which
 * after a promotion is the old one. A standby's is the newest that it has received or replayed anything of. While it
 * recovers, pg_current_wal_flush_lsn would be an error, and CASE keeps it from being asked.
 */
const question = `
  select pg_is_in_recovery() as in_recovery,
         (select system_identifier from pg_control_system()) as system_id,
         case when pg_is_in_recovery() then pg_last_wal_replay_lsn() else pg_current_wal_flush_lsn() end as lsn,
         pg_last_wal_receive_lsn() as received,
         floor(extract(epoch from pg_last_xact_replay_timestamp()) * 1000) as replayed_ms,
         case when pg_is_in_recovery()
              then (select greatest(c.timeline_id, r.min_recovery_end_timeline,
                                    (select received_tli from pg_stat_wal_receiver))
                      from pg_control_checkpoint() c, pg_control_recovery() r)
              else ('x' || substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8))::bit(32)::int end as timeline,
         exists (select from pg_stat_wal_receiver where status = 'streaming') as streams,
         (select slot_name from pg_stat_wal_receiver) as slot,
         (select coalesce(substring(conninfo from '(?:^| )application_name=([^ '']+)'),
                          substring(conninfo from '(?:^| )fallback_application_name=([^ '']+)')) from pg_stat_wal_receiver) as name,
         case when not pg_is_in_recovery()
              then (select coalesce(json_agg(json_build_object('slot', s.slot_name, 'name', r.application_name)), '[]')
                      from pg_stat_replication r left join pg_replication_slots s on s.active_pid = r.pid) end as followers,
         coalesce((select setting from pg_settings where name = 'restore_command'), '') <> '' as reads_bucket,
         (select setting from pg_settings where name = 'data_directory') as data_directory,
         floor(extract(epoch from clock_timestamp()) * 1000) as clock_ms`;
