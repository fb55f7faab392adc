import { formatLsn } from '#model/lsn';
import { printInstant, type TargetAction, type TargetPoint } from '#model/recovery-target';
import type { Timeline } from '#model/timeline';

/** What PostgreSQL is told about how far to replay. */
export interface ReplaySettings {
  /** shell command with %f and %p, as restore_command wants it */
  restoreCommand: string;
  /** `latest` never stands here: the planner has turned it into a position */
  point: Exclude<TargetPoint, { kind: 'latest' }>;
  inclusive: boolean;
  timeline: Timeline;
  action: TargetAction;
}

/**
 * For postgresql.auto.conf. Only the one target that is meant may be named, even an empty other one is refused.
 * archive_mode is off: a restored cluster never archives into its source's place.
 * Source: https://www.postgresql.org/docs/current/runtime-config-wal.html#RUNTIME-CONFIG-WAL-RECOVERY-TARGET
 */
export function recoverySettings(settings: ReplaySettings): Record<string, string> {
  return {
    restore_command: settings.restoreCommand,
    ...targetSetting(settings.point),
    recovery_target_inclusive: settings.inclusive ? 'on' : 'off',
    recovery_target_timeline: String(settings.timeline),
    recovery_target_action: settings.action,
    ...harmless,
  };
}

/** What stays set in a restored cluster after its recovery. */
export const harmless = { archive_mode: 'off' };

/** Settings that an earlier life of the cluster may have left behind, and that would lead this recovery astray. */
export const supersededSettings = [
  'restore_command',
  'recovery_target',
  'recovery_target_lsn',
  'recovery_target_name',
  'recovery_target_time',
  'recovery_target_xid',
  'recovery_target_inclusive',
  'recovery_target_timeline',
  'recovery_target_action',
  'recovery_end_command',
  'recovery_min_apply_delay',
  'archive_cleanup_command',
  'archive_mode',
  'primary_conninfo',
  'primary_slot_name',
] as const;

function targetSetting(point: ReplaySettings['point']): Record<string, string> {
  if (point.kind === 'immediate') return { recovery_target: 'immediate' };
  if (point.kind === 'lsn') return { recovery_target_lsn: formatLsn(point.lsn) };
  if (point.kind === 'time') return { recovery_target_time: printInstant(point.micros) };
  if (point.kind === 'xid') return { recovery_target_xid: String(point.xid) };
  return { recovery_target_name: point.name };
}

/** A configuration file with the lines for these settings commented out. */
export function withoutSettings(text: string, names: readonly string[]): string {
  const pattern = settingLine(names);
  return text
    .split('\n')
    .map((line) => (pattern.test(line) ? `# set aside by lifeboat restore: ${line.trim()}` : line))
    .join('\n');
}

/** Recognizes a line that sets one of these. */
export const settingLine = (names: readonly string[]): RegExp => new RegExp(`^\\s*(${names.join('|')})\\b`, 'i');

/** Settings as lines of a configuration file. */
export function printSettings(settings: Record<string, string>, comment: string): string {
  const lines = Object.entries(settings).map(([name, value]) => `${name} = '${quote(value)}'\n`);
  return `\n# ${comment}\n${lines.join('')}`;
}

const quote = (value: string): string => value.replaceAll('\\', '\\\\').replaceAll("'", "''").replaceAll('\n', '\\n');

/** A restore_command or archive_command from words: quoted for the shell, % kept from PostgreSQL. */
export function shellCommand(words: readonly string[], placeholders: string): string {
  return `${words.map((word) => `'${word.replaceAll("'", "'\\''").replaceAll('%', '%%')}'`).join(' ')} ${placeholders}`;
}
