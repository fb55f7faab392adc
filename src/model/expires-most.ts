import { Failure } from '#model/failure';
import { planSnapshots, type SnapshotFacts } from '#model/keep-snapshots';
import { planRetention } from '#model/retention';
import type { RetentionFacts } from '#model/retention-facts';
import type { RetentionPlan, TimeStretch } from '#model/retention-record';
import type { RetentionRules } from '#model/retention-rules';
import type { SnapshotExpiry } from '#model/snapshot-expiry';

/** Most of what there is would go at once; nothing was touched. */
export class MostWouldGo extends Failure {
  readonly verdict = 'operator';
}

/*
 * Where retention runs every few days, what goes has left the window since it ran last. Much that could have gone a week ago
 * means that something has changed: a clock that is ahead, a window that lost a digit, a long silence of retention itself, or that
 * it runs for the first time. Nobody but a person knows which. It is no question of how long chains are: they go as a whole,
 * but not a week late.
 */
const usualMs = 7 * 24 * 3600 * 1000;

/** In words, when more than half of what can be restored goes, of points or of time, and could have gone a week ago. */
export function expiresMost(facts: RetentionFacts, rules: RetentionRules, plan: RetentionPlan): string | undefined {
  const weekAgo = new Date(Date.parse(plan.at) - usualMs);
  const before = planRetention(begunBy(facts, weekAgo), rules, weekAgo);
  const overdue = plan.lost.points.filter((id) => before.lost.points.includes(id)).length;
  const points = [...facts.backups, ...facts.dumps].filter(({ state }) => state !== 'broken').length;
  const timeMs = lengthMs(plan.lost.before);
  const overdueMs = Math.min(lostMs(before), lostMs(plan));
  const most = [
    ...(overdue * 2 > points ? [`${overdue} of ${points} backups and dumps`] : []),
    ...(overdueMs * 2 > timeMs ? [`${days(overdueMs)} of ${days(timeMs)} days of instants`] : []),
  ];
  return most.length === 0 ? undefined : `${most.join(' and ')} go, and could have gone a week before ${plan.at}`;
}

/** As above, of snapshots: each region's copy counts. */
export function snapshotsExpireMost(
  facts: SnapshotFacts,
  rules: RetentionRules,
  plan: SnapshotExpiry,
): string | undefined {
  const weekAgo = new Date(Date.parse(plan.at) - usualMs);
  const places = facts.places.map(({ region, snapshots }) => ({
    region,
    snapshots: snapshots.filter(({ createdAt }) => createdAt === undefined || createdAt <= weekAgo),
  }));
  const before = planSnapshots({ ...facts, places }, rules, weekAgo);
  const names = new Set(before.goes.map(({ snapshot, region }) => `${region} ${snapshot}`));
  const overdue = plan.goes.filter(({ snapshot, region }) => names.has(`${region} ${snapshot}`)).length;
  const all = plan.goes.length + plan.keeps.length;
  if (overdue * 2 <= all) return undefined;
  return `${overdue} of ${all} snapshots go, and could have gone a week before ${plan.at}`;
}

export const mostWouldGo = (source: string, what: string): MostWouldGo =>
  new MostWouldGo(`of ${source} ${what}`, {
    operation: 'plan retention',
    subject: source,
    hint: `nothing was deleted: look at the clock, at the plan's retention, and at \`lifeboat expire ${source} --dry-run\`; if it is meant, \`lifeboat expire ${source} --most\``,
  });

/** What is younger has taken the place of older generations since. */
const begunBy = ({ backups, dumps, ...facts }: RetentionFacts, at: Date): RetentionFacts => ({
  ...facts,
  backups: backups.filter(({ startedAt }) => startedAt <= at),
  dumps: dumps.filter(({ startedAt }) => startedAt <= at),
});

const lostMs = ({ lost }: RetentionPlan): number => lengthMs(lost.before) - lengthMs(lost.after);

const lengthMs = (stretches: readonly TimeStretch[]): number =>
  stretches.reduce((sum, { from, to }) => sum + Date.parse(to) - Date.parse(from), 0);

const days = (ms: number): string => (ms / (24 * 3600 * 1000)).toFixed(1);
