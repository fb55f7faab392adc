import { InputInvalid } from '#model/failure';
import { type Lsn, parseLsn } from '#model/lsn';
import type { Timeline } from '#model/timeline';

/** backup_label: what tells PostgreSQL that a folder is a backup, and from where to recover it. */
export interface BackupLabel {
  /** recovery begins here (the redo point of the backup's checkpoint) */
  startWal: Lsn;
  /** name of the segment that holds it */
  startSegment: string;
  checkpoint: Lsn;
  method: 'streamed' | 'pg_start_backup' | undefined;
  from: 'primary' | 'standby' | undefined;
  /** as written, in the server's log_timezone: `2026-11-20 05:29:50 UTC` */
  startTime: string | undefined;
  label: string | undefined;
  timeline: Timeline;
  /** the backup that an incremental one builds on: its start */
  incrementalFrom: { startWal: Lsn; timeline: Timeline } | undefined;
}

/**
 * @throws InputInvalid where the lines that recovery needs are missing, repeated or malformed
 * Source: https://github.com/postgres/postgres/blob/REL_18_STABLE/src/backend/access/transam/xlogbackup.c
 */
export function parseBackupLabel(text: string): BackupLabel {
  const lines = linesByKey(text);
  const start = /^(\S+) \(file ([0-9A-F]{24})\)$/.exec(needed(lines, 'START WAL LOCATION'));
  if (!start) throw invalid('START WAL LOCATION', lines.get('START WAL LOCATION'), 'an LSN and (file <segment>)');
  return {
    startWal: parseLsn(start[1]!, `${field} START WAL LOCATION`),
    startSegment: start[2]!,
    checkpoint: parseLsn(needed(lines, 'CHECKPOINT LOCATION'), `${field} CHECKPOINT LOCATION`),
    method: oneOf(lines, 'BACKUP METHOD', ['streamed', 'pg_start_backup']),
    from: oneOf(lines, 'BACKUP FROM', ['primary', 'standby']),
    startTime: lines.get('START TIME'),
    label: lines.get('LABEL'),
    timeline: timelineOf(needed(lines, 'START TIMELINE'), 'START TIMELINE'),
    incrementalFrom: incrementalFrom(lines),
  };
}

/** The same without what makes it an incremental backup's: what pg_combinebackup writes into a combined one. */
export function withoutIncrementalLines(text: string): string {
  return text
    .split(/(?<=\n)/)
    .filter((line) => !line.startsWith(`${incrementalLsn}: `) && !line.startsWith(`${incrementalTli}: `))
    .join('');
}

const field = 'backup_label';
const incrementalLsn = 'INCREMENTAL FROM LSN';
const incrementalTli = 'INCREMENTAL FROM TLI';

const known = [
  'START WAL LOCATION',
  'CHECKPOINT LOCATION',
  'BACKUP METHOD',
  'BACKUP FROM',
  'START TIME',
  'LABEL',
  'START TIMELINE',
  incrementalLsn,
  incrementalTli,
];

/** Unknown lines are left alone, as PostgreSQL does: its reader knows only the ones that it needs. */
function linesByKey(text: string): Map<string, string> {
  const lines = new Map<string, string>();
  for (const line of text.split('\n')) {
    const colon = line.indexOf(': ');
    const key = line.slice(0, Math.max(colon, 0));
    if (!known.includes(key)) continue;
    const value = line.slice(colon + 2);
    if (lines.has(key)) throw invalid(key, value, 'the line once');
    lines.set(key, value);
  }
  return lines;
}

function needed(lines: Map<string, string>, key: string): string {
  const value = lines.get(key);
  if (value === undefined) throw invalid(key, value, 'the line');
  return value;
}

function oneOf<Value extends string>(lines: Map<string, string>, key: string, values: Value[]): Value | undefined {
  const found = lines.get(key);
  if (found === undefined) return undefined;
  const value = values.find((candidate) => candidate === found);
  if (value === undefined) throw invalid(key, found, values.join(' or '));
  return value;
}

function timelineOf(text: string, key: string): Timeline {
  const timeline = /^\d{1,10}$/.test(text) ? Number(text) : 0;
  if (timeline < 1 || timeline > 0xffff_ffff) throw invalid(key, text, 'a timeline from 1 to 4294967295');
  return timeline;
}

function incrementalFrom(lines: Map<string, string>): BackupLabel['incrementalFrom'] {
  if (!lines.has(incrementalLsn) && !lines.has(incrementalTli)) return undefined;
  return {
    startWal: parseLsn(needed(lines, incrementalLsn), `${field} ${incrementalLsn}`),
    timeline: timelineOf(needed(lines, incrementalTli), incrementalTli),
  };
}

const invalid = (key: string, value: string | undefined, allowed: string) =>
  new InputInvalid(`${field} ${key}`, value, allowed);
