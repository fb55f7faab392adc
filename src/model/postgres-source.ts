import { isAbsolute } from 'node:path';
import { z } from 'zod';
import { type DumpSettings, dumpSettings } from '#model/dump-settings';
import { durationAllowed, isDuration, parseDuration } from '#model/duration';
import { listOf, oneOf, secret, section, text, wholeNumber } from '#model/plan-field';
import { type RetentionRules, retentionRules } from '#model/retention-rules';
import { type Schedule, scheduleProblem } from '#model/schedule';
import type { SecretReference } from '#model/secret-reference';

/** A PostgreSQL cluster that the plan protects. */
export interface PostgresSource {
  /** its key under `sources`, and its first path element in the bucket */
  name: string;
  kind: 'postgres';
  connection: Connection;
  /** the physical replication slot that the WAL receiver holds */
  slot: string;
  /** how long WAL is collected before it is stored, so how much may be lost with the machine */
  walChunkSeconds: number;
  /** of zstd */
  compressionLevel: number;
  /** what has no schedule is only done when somebody asks */
  schedules: Schedules;
  dump: DumpSettings;
  /** absent: the plan's own, if it has some */
  retention?: RetentionRules;
  tier?: Tier;
  /** questions that a restored cluster has to answer */
  checks: Check[];
}

/** In the zone's time. */
export interface Schedules {
  full?: Schedule;
  incremental?: Schedule;
  /** by pg_dump, for another version or service of PostgreSQL */
  dump?: Schedule;
  drill?: Schedule;
  /** reads a share of the stored backups back, the one that was not read for longest first */
  scrub?: Schedule;
  /** removes what the rules do not keep */
  retention?: Schedule;
  /** of the IANA database */
  timezone: string;
  /** how much later than due EventBridge Scheduler may begin, to spread the load; 0: at once. `lifeboat up` begins at once */
  windowMinutes: number;
}

export interface Connection {
  /** a name, an address, or the absolute path of a socket's folder */
  host: string;
  port: number;
  user: string;
  database: string;
  /** as libpq means it; `disable` for a socket */
  sslmode: SslMode;
  /** PEM file with the authorities that may sign the server's certificate */
  sslrootcert?: string;
  /** without it, a password file as libpq reads it */
  password?: SecretReference;
}

export type SslMode = (typeof sslModes)[number];

/** What is promised; what is measured is compared with it. */
export interface Tier {
  rpoMs: number;
  rtoMs: number;
}

export interface Check {
  name: string;
  database: string;
  query: string;
  /** compared as text with the first column of the first row; a boolean is PostgreSQL's `t` or `f` */
  expect: string | number | boolean;
}

const sslModes = ['disable', 'prefer', 'require', 'verify-ca', 'verify-full'] as const;

const isSocket = (host: string): boolean => isAbsolute(host);

export const connection = section({
  host: text("a host name, an address or the absolute path of a socket's folder", /^(\/[^,]*|[\w.:%-]+)$/),
  port: wholeNumber(1, 65_535).default(5432),
  user: text('the name of a role'),
  database: text('the name of a database').default('postgres'),
  sslmode: oneOf(sslModes).exactOptional(),
  sslrootcert: text('the path of a PEM file').exactOptional(),
  password: secret().exactOptional(),
})
  .superRefine(({ host, sslmode, sslrootcert }, issues) => {
    const refuse = (path: string, message: string) => issues.addIssue({ code: 'custom', path: [path], message });
    if (isSocket(host) && sslmode !== undefined && sslmode !== 'disable') {
      refuse('sslmode', 'disable, since the host is a socket, which has no TLS');
    }
    if (sslmode === 'verify-ca' && sslrootcert === undefined) {
      refuse('sslrootcert', 'the path of a PEM file, since verify-ca with public authorities proves nothing');
    }
  })
  .transform(
    (value): Connection => ({ ...value, sslmode: value.sslmode ?? (isSocket(value.host) ? 'disable' : 'prefer') }),
  );

export const schedule = z
  .unknown()
  .superRefine((value, issues) => {
    const problem = scheduleProblem(typeof value === 'string' ? value : '');
    if (problem !== undefined) issues.addIssue({ code: 'custom', message: problem });
  })
  .transform((value) => value as Schedule);

export const zoneName = () =>
  z
    .custom<string>((value) => typeof value === 'string' && isTimezone(value), {
      error: 'a time zone like UTC or Europe/Berlin',
    })
    .default('UTC');

export const windowMinutes = () => wholeNumber(0, 1440).default(0);

/** By name: an offset has no summer time, and AWS takes none. */
function isTimezone(name: string): boolean {
  try {
    return /^[A-Za-z]/.test(name) && new Intl.DateTimeFormat('en', { timeZone: name }) !== undefined;
  } catch {
    return false;
  }
}

const duration = z
  .custom<string>((value) => typeof value === 'string' && isDuration(value), { error: durationAllowed })
  .transform((value) => parseDuration(value));

export const tier = section({ rpo: duration, rto: duration }).transform(
  ({ rpo, rto }): Tier => ({ rpoMs: rpo, rtoMs: rto }),
);

const check = section({
  name: text('a short name for messages').exactOptional(),
  database: text('the name of a database').default('postgres'),
  query: text('an SQL query'),
  expect: z.union([z.string(), z.number(), z.boolean()], { error: 'text, a number, true or false' }),
});

/** A source without its name, which is its key in the plan. */
export const postgresSource = section({
  kind: z.enum(['postgres'], { error: 'one of postgres, rds' }).default('postgres'),
  connection,
  slot: text('1 to 63 lower-case letters, digits or _', /^[a-z0-9_]{1,63}$/).default('lifeboat'),
  walChunkSeconds: wholeNumber(1, 3600).default(5),
  compressionLevel: wholeNumber(1, 19).default(3),
  schedules: section({
    full: schedule.exactOptional(),
    incremental: schedule.exactOptional(),
    dump: schedule.exactOptional(),
    drill: schedule.exactOptional(),
    scrub: schedule.exactOptional(),
    retention: schedule.exactOptional(),
    timezone: zoneName(),
    windowMinutes: windowMinutes(),
  }).prefault({}),
  dump: dumpSettings,
  retention: retentionRules.exactOptional(),
  tier: tier.exactOptional(),
  checks: listOf(check, 'checks')
    .transform((checks) => checks.map((one, index): Check => ({ ...one, name: one.name ?? `check ${index + 1}` })))
    .prefault([]),
});
