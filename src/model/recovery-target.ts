import { type BackupId, parseBackupId } from '#model/backup-id';
import { InputInvalid } from '#model/failure';
import { formatLsn, type Lsn, parseLsn } from '#model/lsn';
import type { Timeline } from '#model/timeline';

/** What to restore to. */
export type TargetPoint =
  /** the end of the WAL that is stored */
  | { kind: 'latest' }
  /** microseconds since 1970, UTC */
  | { kind: 'time'; micros: bigint }
  | { kind: 'lsn'; lsn: Lsn }
  | { kind: 'xid'; xid: number }
  /** a point made with pg_create_restore_point() */
  | { kind: 'name'; name: string }
  /** as soon as a backup is consistent: its end */
  | { kind: 'immediate' };

const targetActions = ['promote', 'pause', 'shutdown'] as const;
export type TargetAction = (typeof targetActions)[number];

export interface RecoveryTarget {
  point: TargetPoint;
  /** stop just after the point, or just before it */
  inclusive: boolean;
  /** what the server does once it is there */
  action: TargetAction;
  /** undefined: the timeline that was being written at the point */
  timeline: Timeline | undefined;
  /** restore from this backup and no other */
  backup: BackupId | undefined;
}

/** As people give a target: one of the six points, and how to treat it. */
export interface TargetInput {
  time?: string;
  lsn?: string;
  xid?: string;
  name?: string;
  immediate?: boolean;
  exclusive?: boolean;
  action?: string;
  timeline?: string;
  backup?: string;
}

/** @throws InputInvalid naming the field, before anything else happens */
export function parseTarget(input: TargetInput): RecoveryTarget {
  const kinds = ['time', 'lsn', 'xid', 'name', 'immediate'] as const;
  const points = kinds.filter((kind) => input[kind] !== undefined && input[kind] !== false);
  if (points.length > 1) {
    throw new InputInvalid('target', points.join(' and '), 'one of time, lsn, xid, name, immediate');
  }
  const point = parsePoint(input);
  const action = targetActions.find((known) => known === (input.action ?? 'promote'));
  if (!action) throw new InputInvalid('target action', input.action, targetActions.join(', '));
  if (input.exclusive && (point.kind === 'latest' || point.kind === 'immediate' || point.kind === 'name')) {
    throw new InputInvalid('exclusive', point.kind, 'a target by time, lsn or xid');
  }
  return {
    point,
    inclusive: !input.exclusive,
    action,
    timeline: input.timeline === undefined ? undefined : parseTimeline(input.timeline),
    backup: input.backup === undefined ? undefined : parseBackupId(input.backup).id,
  };
}

function parsePoint(input: TargetInput): TargetPoint {
  if (input.time !== undefined) return { kind: 'time', micros: parseInstant(input.time, 'target time') };
  if (input.lsn !== undefined) return { kind: 'lsn', lsn: parseLsn(input.lsn, 'target lsn') };
  if (input.xid !== undefined) return { kind: 'xid', xid: parseXid(input.xid) };
  if (input.name !== undefined) return { kind: 'name', name: parseName(input.name) };
  return { kind: input.immediate ? 'immediate' : 'latest' };
}

const instantPattern = /^(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d)(?::(\d\d)(?:\.(\d{1,6}))?)?\s*(Z|z|UTC|[+-]\d\d(?::?\d\d)?)$/;

/** Microseconds since 1970. A time without a zone means something else to everybody who reads it: refused. */
export function parseInstant(text: string, field: string): bigint {
  const [, day, minute, second = '00', fraction = '', zone = ''] = instantPattern.exec(text.trim()) ?? [];
  const offset = /^[+-]/.test(zone) ? `${zone.slice(0, 3)}:${zone.slice(3).replace(':', '') || '00'}` : 'Z';
  const ms = Date.parse(`${day}T${minute}:${second}${offset}`);
  if (day === undefined || Number.isNaN(ms) || !isRealDay(day)) {
    throw new InputInvalid(
      field,
      text,
      'a date, a time and a zone, like 2026-11-20 05:13:45Z',
      instantHint(text.trim(), day),
    );
  }
  return BigInt(ms) * 1000n + BigInt(fraction.padEnd(6, '0'));
}

function instantHint(text: string, day: string | undefined): string | undefined {
  if (day !== undefined) return 'the calendar or the clock has no such instant: correct the day, the hour or the zone';
  const naked = /\d\d:\d\d(:\d\d(\.\d+)?)?$/.test(text);
  return naked ? `say which zone the time is in: "${text}Z" for UTC, "${text}+02:00"` : undefined;
}

const isRealDay = (day: string): boolean => new Date(`${day}T00:00:00Z`).toISOString().startsWith(day);

function parseXid(text: string): number {
  const xid = /^\d{1,10}$/.test(text) ? Number(text) : Number.NaN;
  if (!(xid >= 3 && xid <= 0xffff_ffff))
    throw new InputInvalid('target xid', text, 'a transaction id from 3 to 4294967295');
  return xid;
}

function parseName(name: string): string {
  if (name.length > 0 && Buffer.byteLength(name) < 64 && !/[\0\n\r]/.test(name)) return name;
  throw new InputInvalid('target name', name, 'the name of a restore point, 1 to 63 bytes on one line');
}

function parseTimeline(text: string): Timeline {
  const timeline = /^\d{1,10}$/.test(text) ? Number(text) : Number.NaN;
  if (!(timeline >= 1 && timeline <= 0xffff_ffff)) throw new InputInvalid('target timeline', text, 'a number from 1');
  return timeline;
}

/** `2026-11-20 05:13:45.123456+00`, as PostgreSQL reads and prints it. */
export function printInstant(micros: bigint): string {
  const fraction = ((micros % 1_000_000n) + 1_000_000n) % 1_000_000n;
  const seconds = new Date(Number((micros - fraction) / 1000n)).toISOString().slice(0, 19).replace('T', ' ');
  return `${seconds}.${fraction.toString().padStart(6, '0')}+00`;
}

export function printPoint(point: TargetPoint): string {
  if (point.kind === 'time') return `time ${printInstant(point.micros)}`;
  if (point.kind === 'lsn') return `lsn ${formatLsn(point.lsn)}`;
  if (point.kind === 'xid') return `transaction ${point.xid}`;
  if (point.kind === 'name') return `restore point "${point.name}"`;
  return point.kind === 'latest' ? 'the latest point' : "the backup's end";
}
