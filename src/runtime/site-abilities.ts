import type { Connection } from '#model/postgres-source';
import { type SessionOptions, withSession } from '#runtime/site-session';

/** What the role of a site's connection may do there, and what the server is set to, beside what every look tells. */
export interface SiteAbilities {
  role: { name: string; superuser: boolean; replication: boolean; monitor: boolean; promote: boolean; rewind: boolean };
  settings: { walLogHints: boolean; dataChecksums: boolean; fullPageWrites: boolean };
  /** physical, with the names of those that are in use */
  slots: { name: string; active: boolean }[];
  /** of a standby that streams: by which slot; null: by none */
  receivesBy: string | null;
}

/** @throws as withSession */
export const siteAbilities = (connection: Connection, options: SessionOptions): Promise<SiteAbilities> =>
  withSession(connection, options, async (ask) => {
    const row = (await ask(question))[0]!;
    const slots = await ask(`select slot_name, active from pg_replication_slots where slot_type = 'physical'`);
    const yes = (name: string) => row[name] === 't' || row[name] === 'on';
    return {
      role: {
        ...{ name: row.name!, superuser: yes('superuser'), replication: yes('replication') },
        ...{ monitor: yes('monitor'), promote: yes('promote'), rewind: yes('rewind') },
      },
      settings: {
        walLogHints: yes('wal_log_hints'),
        dataChecksums: yes('data_checksums'),
        fullPageWrites: yes('full_page_writes'),
      },
      slots: slots.map(({ slot_name: name, active }) => ({ name: name!, active: active === 't' })),
      receivesBy: row.receives_by || null,
    };
  });

/** What pg_rewind reads the other server by. Source: https://www.postgresql.org/docs/current/app-pgrewind.html, "Notes" */
export const rewindFunctions = [
  'pg_ls_dir(text, boolean, boolean)',
  'pg_stat_file(text, boolean)',
  'pg_read_binary_file(text)',
  'pg_read_binary_file(text, bigint, bigint, boolean)',
] as const;

const question = `
  select rolname as name, rolsuper as superuser, rolsuper or rolreplication as replication,
         pg_has_role(oid, 'pg_monitor', 'usage') as monitor,
         has_function_privilege(oid, 'pg_promote(boolean, integer)', 'execute') as promote,
         (select bool_and(has_function_privilege(oid, f, 'execute'))
            from unnest(array[${rewindFunctions.map((one) => `'${one}'`).join(', ')}]) f) as rewind,
         current_setting('wal_log_hints') as wal_log_hints, current_setting('data_checksums') as data_checksums,
         current_setting('full_page_writes') as full_page_writes,
         (select slot_name from pg_stat_wal_receiver) as receives_by
    from pg_roles where rolname = current_user`;
