import type { Failure } from '#model/failure';
import { quoteRole } from '#postgres/connection-failure';

/** One thing that a backup needs of its server, and how it stands. */
export interface Finding {
  subject: string;
  /** failed: a backup cannot work; warning: it can, and less is protected or something may go wrong later */
  status: 'ok' | 'warning' | 'failed';
  found: string;
  /** the command that changes it */
  hint?: string;
}

/** What readiness-facts.ts reads. Of a server that is too old only its version. */
export interface ReadinessFacts {
  /** as SHOW server_version and server_version_num: `17.2`, 170002 */
  version: string;
  versionNumber: number;
  detail?: ReadinessDetail;
}

export interface ReadinessDetail {
  role: { name: string; superuser: boolean; replication: boolean };
  /** as in pg_settings.setting, in its units; a name that the server does not know is missing */
  settings: Readonly<Record<string, string>>;
  /** how many WAL senders and replication slots there are now */
  senders: number;
  slots: number;
  /** the plan's slot, if there is one of that name */
  slot?: { name: string; type: string; active: boolean; walStatus: string | null };
  /** why a physical replication connection was refused; undefined when it was accepted */
  replicationRefusal?: Failure;
}

/** Pure. Everything is told, good or bad, in the order in which a person would look at it. */
export function judgeReadiness({ version, versionNumber, detail }: ReadinessFacts): Finding[] {
  const tooOld = versionNumber < 150_000;
  return [
    tooOld
      ? failed(
          'version',
          `PostgreSQL ${version}, and 15 or newer is needed`,
          'upgrade the server, or back it up with pg_dump until then',
        )
      : ok('version', `PostgreSQL ${version}`),
    ...(detail && !tooOld ? judgeDetail(detail, versionNumber) : []),
  ];
}

function judgeDetail(detail: ReadinessDetail, versionNumber: number): Finding[] {
  return [
    judgeWalLevel(detail),
    judgeRole(detail),
    judgeReplicationConnection(detail),
    judgeSenders(detail),
    judgeSlots(detail),
    judgeSlotLimit(detail),
    judgeIncremental(detail, versionNumber),
    judgeChecksums(detail),
    judgeSwitch(detail, 'full_page_writes', 'pages that a crash tears cannot be repaired'),
    judgeSwitch(detail, 'fsync', 'a crash of the machine can destroy the cluster'),
    ok('wal_segment_size', `${Number(detail.settings.wal_segment_size) / 1_048_576} MiB`),
  ];
}

function judgeWalLevel({ settings: { wal_level } }: ReadinessDetail): Finding {
  if (wal_level === 'replica' || wal_level === 'logical') return ok('wal_level', wal_level);
  return failed('wal_level', `${wal_level}, and replica is needed`, afterRestart('wal_level', 'replica'));
}

function judgeRole({ role }: ReadinessDetail): Finding {
  if (role.superuser) return ok('role', `${role.name} is a superuser`);
  if (role.replication) return ok('role', `${role.name} may replicate`);
  return failed('role', `${role.name} may not replicate`, `ALTER ROLE ${quoteRole(role.name)} REPLICATION`);
}

function judgeReplicationConnection({ replicationRefusal }: ReadinessDetail): Finding {
  if (!replicationRefusal) return ok('replication connection', 'accepted');
  return failed('replication connection', replicationRefusal.message, replicationRefusal.hint);
}

/** One for the backup and one for the WAL receiver, unless that one is already there. */
function judgeSenders({ settings: { max_wal_senders }, senders, slot }: ReadinessDetail): Finding {
  const max = Number(max_wal_senders);
  const needed = slot?.active ? 1 : 2;
  const found = `${senders} of ${max} in use`;
  if (max - senders >= needed) return ok('max_wal_senders', found);
  return failed(
    'max_wal_senders',
    `${found}, and ${needed} free are needed`,
    afterRestart('max_wal_senders', String(senders + needed)),
  );
}

function judgeSlots({ settings: { max_replication_slots }, slots, slot }: ReadinessDetail): Finding {
  const subject = 'max_replication_slots';
  const found = `${slots} of ${max_replication_slots} in use`;
  if (slot) return judgeOurSlot(slot, found);
  if (slots < Number(max_replication_slots)) return ok(subject, found);
  return failed(subject, `${found}, and one free is needed`, afterRestart(subject, String(slots + 1)));
}

function judgeOurSlot(slot: NonNullable<ReadinessDetail['slot']>, found: string): Finding {
  const subject = 'max_replication_slots';
  if (slot.type !== 'physical') {
    return failed(subject, `the slot ${slot.name} is ${slot.type}`, 'name another slot in the plan');
  }
  if (slot.walStatus === 'lost') {
    const hint = `SELECT pg_drop_replication_slot('${slot.name}'), and take a full backup`;
    return failed(subject, `the slot ${slot.name} has lost its WAL`, hint);
  }
  return ok(subject, `${found}, ${slot.name} among them`);
}

function judgeSlotLimit({ settings: { max_slot_wal_keep_size } }: ReadinessDetail): Finding {
  const subject = 'max_slot_wal_keep_size';
  if (max_slot_wal_keep_size !== '-1') return ok(subject, `${max_slot_wal_keep_size} MB`);
  return warning(
    subject,
    'unlimited: a receiver that stands still fills the disk of the server',
    afterReload(subject, '50GB'),
  );
}

function judgeIncremental({ settings: { summarize_wal } }: ReadinessDetail, versionNumber: number): Finding {
  if (versionNumber < 170_000) {
    return warning(
      'summarize_wal',
      'incremental backups need PostgreSQL 17',
      'upgrade the server, or plan full backups only',
    );
  }
  if (summarize_wal === 'on') return ok('summarize_wal', 'on');
  return warning('summarize_wal', 'off: incremental backups are impossible', afterReload('summarize_wal', 'on'));
}

function judgeChecksums({ settings: { data_checksums } }: ReadinessDetail): Finding {
  if (data_checksums === 'on') return ok('data_checksums', 'on');
  const hint = 'stop PostgreSQL, and run: pg_checksums --enable -D <data directory>';
  return warning('data_checksums', `${data_checksums}: damaged pages are backed up unnoticed`, hint);
}

function judgeSwitch({ settings }: ReadinessDetail, name: string, danger: string): Finding {
  if (settings[name] === 'on') return ok(name, 'on');
  return warning(name, `${settings[name]}: ${danger}`, afterReload(name, 'on'));
}

const ok = (subject: string, found: string): Finding => ({ subject, status: 'ok', found });

const warning = (subject: string, found: string, hint: string): Finding => ({
  subject,
  status: 'warning',
  found,
  hint,
});

const failed = (subject: string, found: string, hint: string | undefined): Finding => ({
  subject,
  status: 'failed',
  found,
  ...(hint === undefined ? {} : { hint }),
});

const afterRestart = (name: string, value: string) => `ALTER SYSTEM SET ${name} = '${value}', and restart PostgreSQL`;

const afterReload = (name: string, value: string) => `ALTER SYSTEM SET ${name} = '${value}'; SELECT pg_reload_conf()`;
