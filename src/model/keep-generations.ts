import type { PointFact } from '#model/retention-facts';
import type { KeepRule } from '#model/retention-record';
import type { RetentionRules } from '#model/retention-rules';
import type { StandingState } from '#model/standing';
import { wallTime } from '#model/zone-time';

type Generation = Extract<KeepRule, 'daily' | 'weekly' | 'monthly' | 'yearly'>;

/** Backups, dumps and snapshots alike. */
type Dated = Pick<PointFact, 'at' | 'state'> & { id: string };

/**
 * Of each of the last days, weeks, months and years that have one: the best, and of the best ones the last. What has none
 * is not counted, so a time without backups makes nothing go.
 */
export function generationsOf<Point extends Dated>(
  good: readonly Point[],
  rules: RetentionRules,
  timezone: string,
): Map<Point, Generation[]> {
  const kept = new Map<Point, Generation[]>();
  const times = good.map((point) => ({ point, ...periodsOf(point.at, timezone) }));
  for (const generation of ['daily', 'weekly', 'monthly', 'yearly'] as const) {
    const chosen = new Map<number, Point>();
    for (const { point, [generation]: period } of times) {
      const before = chosen.get(period);
      if (!before || isBetter(point, before)) chosen.set(period, point);
    }
    const last = [...chosen].sort(([a], [b]) => b - a).slice(0, rules[generation]);
    for (const [, point] of last) kept.set(point, [...(kept.get(point) ?? []), generation]);
  }
  return kept;
}

const rank: Record<StandingState, number> = { proven: 3, verified: 2, committed: 1, broken: 0 };

function isBetter(a: Dated, b: Dated): boolean {
  if (rank[a.state] !== rank[b.state]) return rank[a.state] > rank[b.state];
  if (a.at.getTime() !== b.at.getTime()) return a.at > b.at;
  return a.id > b.id;
}

const dayMs = 24 * 3600 * 1000;

/** Numbers that grow with time: of the day, week (from Monday, as in ISO 8601), month and year that a clock there shows. */
export function periodsOf(at: Date, timezone: string): Record<Generation, number> {
  const wall = wallTime(at.getTime(), timezone);
  const daily = Math.floor(wall / dayMs);
  const date = new Date(wall);
  const yearly = date.getUTCFullYear();
  // the 1st of January 1970, day 0, was a Thursday
  return { daily, weekly: Math.floor((daily + 3) / 7), monthly: yearly * 12 + date.getUTCMonth(), yearly };
}
