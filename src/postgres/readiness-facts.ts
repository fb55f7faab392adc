import type { ClientBase } from 'pg';
import type { ReadinessDetail, ReadinessFacts } from '#postgres/readiness';

/** Read what judgeReadiness needs, over an ordinary connection; any role may. `slot` is the plan's. */
export async function readFacts(client: ClientBase, slot: string): Promise<ReadinessFacts> {
  const settings = await readSettings(client);
  const version = settings.server_version ?? 'unknown';
  const versionNumber = Number(settings.server_version_num);
  if (versionNumber < 150_000) return { version, versionNumber };
  return { version, versionNumber, detail: await readDetail(client, slot, settings) };
}

const settingNames = [
  'server_version',
  'server_version_num',
  'wal_level',
  'max_wal_senders',
  'max_replication_slots',
  'max_slot_wal_keep_size',
  'summarize_wal',
  'data_checksums',
  'full_page_writes',
  'fsync',
  'wal_segment_size',
];

async function readSettings(client: ClientBase): Promise<Record<string, string>> {
  const names = settingNames.map((name) => `'${name}'`).join(', ');
  const { rows } = await client.query<{ name: string; setting: string }>(
    `select name, setting from pg_settings where name in (${names})`,
  );
  return Object.fromEntries(rows.map(({ name, setting }) => [name, setting]));
}

async function readDetail(
  client: ClientBase,
  slot: string,
  settings: Record<string, string>,
): Promise<ReadinessDetail> {
  const { rows } = await client.query<CountsRow>(countsQuery, [slot]);
  const row = rows[0]!;
  return {
    role: { name: row.role, superuser: row.superuser, replication: row.replication },
    settings,
    senders: row.senders,
    slots: row.slots,
    ...(row.slot_type === null
      ? {}
      : { slot: { name: slot, type: row.slot_type, active: row.slot_active!, walStatus: row.slot_wal_status } }),
  };
}

interface CountsRow {
  role: string;
  superuser: boolean;
  replication: boolean;
  senders: number;
  slots: number;
  slot_type: string | null;
  slot_active: boolean | null;
  slot_wal_status: string | null;
}

const countsQuery = `
  select rolname as role, rolsuper as superuser, rolreplication as replication,
         (select count(*)::int from pg_stat_replication) as senders,
         (select count(*)::int from pg_replication_slots) as slots,
         slot_type, active as slot_active, wal_status as slot_wal_status
    from pg_roles left join pg_replication_slots on slot_name = $1
   where rolname = current_user`;
