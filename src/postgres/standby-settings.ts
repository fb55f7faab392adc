import type { Connection } from '#model/postgres-source';

export interface StandbySettings {
  /** of the primary */
  primary: Connection;
  /** absolute: the password is read there; nothing of it stands in the settings */
  passwordFile: string;
  /** where the connection names no authority, but has to have one */
  authorities?: string;
  /** of the standby */
  site: string;
  /** shell command with %f and %p; undefined: it can only stream */
  restoreCommand?: string;
}

/** The slot on a primary that keeps WAL for the standby at a site. */
export const standbySlot = (site: string): string => `lifeboat_${site.replaceAll('-', '_')}`;

/**
 * What makes a server with standby.signal follow a primary.
 * Source: https://www.postgresql.org/docs/current/runtime-config-replication.html#RUNTIME-CONFIG-REPLICATION-STANDBY
 */
export function standbySettings(settings: StandbySettings): Record<string, string> {
  const { site, restoreCommand } = settings;
  return {
    primary_conninfo: primaryConninfo(settings),
    primary_slot_name: standbySlot(site),
    ...(restoreCommand === undefined ? {} : { restore_command: forStandby(restoreCommand) }),
    recovery_target_timeline: 'latest',
    hot_standby: 'on',
  };
}

/** What an earlier life may have set, and what would end the following instead of letting it go on. */
export const supersededByStandby = [
  'primary_conninfo',
  'primary_slot_name',
  'restore_command',
  'hot_standby',
  'archive_cleanup_command',
  'recovery_end_command',
  'recovery_min_apply_delay',
  'recovery_target',
  'recovery_target_lsn',
  'recovery_target_name',
  'recovery_target_time',
  'recovery_target_xid',
  'recovery_target_inclusive',
  'recovery_target_timeline',
  'recovery_target_action',
] as const;

/**
 * A connection as libpq reads it, for primary_conninfo and pg_rewind alike.
 * Source: https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING-KEYWORD-VALUE
 */
export function primaryConninfo({ primary, passwordFile, authorities, site }: StandbySettings): string {
  const rootCertificate = primary.sslrootcert ?? authorities;
  const words = {
    host: primary.host,
    port: String(primary.port),
    user: primary.user,
    dbname: primary.database,
    passfile: passwordFile,
    sslmode: primary.sslmode,
    ...(rootCertificate === undefined ? {} : { sslrootcert: rootCertificate }),
    gssencmode: 'disable',
    application_name: standbySlot(site),
    connect_timeout: '10',
  };
  return Object.entries(words)
    .map(([name, value]) => `${name}='${value.replace(/[\\']/g, '\\$&')}'`)
    .join(' ');
}

/**
 * A code above 125 ends the server (RestoreArchivedFile in xlogarchive.c). That is right where a gap would be promoted; a
 * standby that cannot read the bucket for a while can stream, and waits for what is missing however long.
 */
const forStandby = (command: string): string => `${command} || exit 1`;
