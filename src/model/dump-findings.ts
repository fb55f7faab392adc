import type { DumpKind } from '#model/dump-id';
import type { DumpState } from '#model/dump-proof';
import type { DumpSettings } from '#model/dump-settings';
import { formatDuration } from '#model/duration';
import type { Finding } from '#model/finding';
import { type MetricRecord, metricRecords } from '#model/metric';
import { missedFiring } from '#model/overdue';
import type { Schedule } from '#model/schedule';

/** What a watch knows of a source's dumps. */
export interface DumpFacts {
  source: ScheduledDumps & { dump: DumpSettings };
  /** committed, oldest first */
  dumps: readonly KnownDump[];
  watchedSince: Date;
  now: Date;
}

interface ScheduledDumps {
  name: string;
  schedules: { dump?: Schedule; timezone: string; windowMinutes: number };
}

interface KnownDump {
  dump: string;
  kind: DumpKind;
  startedAt: string;
  finishedAt: string;
  state: DumpState;
  provedAt: string | null;
  failure: string | null;
}

/** What is not as it should be with them: one that is not there, and of the newest one that it is no good or nobody knows. */
export const dumpFindings = (facts: DumpFacts): Finding[] => [...overdue(facts), ...broken(facts), ...unproven(facts)];

/** Where no schedule takes any, there is nothing to count. */
export const overdueDumps = ({ name, schedules }: ScheduledDumps, findings: readonly Finding[]): MetricRecord[] =>
  schedules.dump === undefined
    ? []
    : metricRecords(name, { OverdueDumps: findings.filter(({ kind }) => kind === 'dump-overdue').length });

/** Definitions alone are no dump where rows were promised. */
function overdue({ source, dumps, watchedSince, now }: DumpFacts): Finding[] {
  const { name, schedules, dump: settings } = source;
  const { dump: expression, timezone, windowMinutes } = schedules;
  if (expression === undefined) return [];
  const taken = dumps.findLast(({ kind }) => kind === 'dump' || settings.schemaOnly);
  const last = taken && { startedAt: new Date(taken.startedAt), finishedAt: new Date(taken.finishedAt) };
  const dueAt = missedFiring({ expression, timezone, windowMinutes, last, watchedSince, now })?.toISOString();
  if (dueAt === undefined) return [];
  return [
    {
      kind: 'dump-overdue',
      source: name,
      since: dueAt,
      what: `the dump that was due at ${dueAt} is not there: ${last ? `the last one that would do ended at ${last.finishedAt.toISOString()}` : 'there is none'}`,
      todo: `lifeboat dump ${name}`,
      dedupe: `dump-overdue ${name}`,
    },
  ];
}

/** As long as no later one is better. */
function broken({ source: { name }, dumps }: DumpFacts): Finding[] {
  const newest = dumps.at(-1);
  if (newest?.state !== 'broken') return [];
  return [
    {
      kind: 'damage',
      source: name,
      since: newest.provedAt,
      what: `dump ${newest.dump} is broken: ${newest.failure ?? 'nobody knows why'}`,
      todo: `lifeboat dump ${name}`,
      dedupe: `broken ${name} ${newest.dump}`,
    },
  ];
}

/** A dump is read back and restored right after it was taken. */
const provenWithinMs = 6 * 3_600_000;

function unproven({ source: { name }, dumps, now }: DumpFacts): Finding[] {
  const newest = dumps.at(-1);
  const ageMs = newest ? now.getTime() - Date.parse(newest.finishedAt) : 0;
  if (newest?.state !== 'committed' || ageMs <= provenWithinMs) return [];
  return [
    {
      kind: 'unproven',
      source: name,
      since: newest.finishedAt,
      what: `dump ${newest.dump} is only committed ${formatDuration(ageMs)} after it was taken`,
      todo: `see why with \`lifeboat executions\`, then: lifeboat dump ${name}`,
      dedupe: `unproven ${name} dump`,
    },
  ];
}
