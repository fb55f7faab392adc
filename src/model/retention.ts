import { createHash } from 'node:crypto';
import { keepBackups } from '#model/keep-backups';
import { keepDumps } from '#model/keep-dumps';
import type { KeptPoints } from '#model/keep-points';
import { walRules } from '#model/keep-wal';
import { lostPoints } from '#model/lost-points';
import type { Leftover, PointFact, RetentionFacts } from '#model/retention-facts';
import { retentionNotes } from '#model/retention-notes';
import type { Gone, Kept, RetentionPlan } from '#model/retention-record';
import type { RetentionRules } from '#model/retention-rules';

/**
 * What of a source stays by which rule, what goes and why, which WAL goes, and what can then no longer be restored. Nothing
 * is asked and nothing touched; the same facts at the same instant give the same plan.
 *
 * Kept are the window (every instant of it that can be restored now), generations, the last proven one, whatever these build
 * on, what is held, asked about or too young, and what cannot be read. While nothing is proven, nothing that was committed goes.
 */
export function planRetention(facts: RetentionFacts, rules: RetentionRules, now: Date): RetentionPlan {
  const { source, timezone, lockDays, backups, dumps } = facts;
  const { windowDays, daily, weekly, monthly, yearly } = rules;
  const windowStart = new Date(now.getTime() - windowDays * dayMs);
  const kept = keepBackups(facts, rules, windowStart, now);
  const keptDumps = keepDumps(facts, rules, windowStart, now);
  const goes = [
    ...backups.filter((backup) => !kept.has(backup)).map((backup) => gone('backup', backup, rules)),
    ...dumps.filter((dump) => !keptDumps.has(dump)).map((dump) => gone('dump', dump, rules)),
    ...facts.leftovers.filter((one) => mayGo(one, lockDays, now)).map(goneLeftover),
  ];
  const wal = walRules(facts, kept, windowStart, now);
  const plan: Omit<RetentionPlan, 'hash'> = {
    format: 'lifeboat-retention/1',
    source,
    at: now.toISOString(),
    rules: { windowDays, daily, weekly, monthly, yearly },
    timezone,
    lockDays,
    windowStart: windowStart.toISOString(),
    keeps: [...keptOf('backup', backups, kept), ...keptOf('dump', dumps, keptDumps), ...keptUnreadable(facts)],
    goes,
    wal,
    chunksBefore: new Date(now.getTime() - Math.max(1, lockDays) * dayMs).toISOString(),
    lost: lostPoints(facts, kept, keptDumps, wal),
    notes: retentionNotes(facts, wal, windowStart),
    bytes: goes.reduce((sum, { storedBytes }) => sum + (storedBytes ?? 0), 0),
  };
  return { ...plan, hash: retentionHash(plan) };
}

/** Of a plan as it is stored: SHA-256 of everything but the hash itself. */
export const retentionHash = ({ hash: _, ...plan }: Omit<RetentionPlan, 'hash'> & { hash?: string }): string =>
  createHash('sha256').update(JSON.stringify(plan)).digest('hex');

const dayMs = 24 * 3600 * 1000;

/** Who writes a backup for longer than this has its lease. */
const leftoverDays = 3;

const mayGo = ({ startedAt, busy }: Leftover, lockDays: number, now: Date): boolean =>
  !busy && startedAt.getTime() < now.getTime() - Math.max(leftoverDays, lockDays) * dayMs;

function gone(
  what: 'backup' | 'dump',
  { id, at, state, storedBytes }: PointFact,
  { windowDays }: RetentionRules,
): Gone {
  const age = `older than the window of ${windowDays}d`;
  const why = state === 'broken' ? `broken, and ${age}` : `${age}, and of no generation`;
  return { id, what, at: at.toISOString(), storedBytes, why };
}

const goneLeftover = ({ id }: Leftover): Gone => ({
  ...{ id, what: 'leftover', at: null, storedBytes: null },
  why: 'it was never committed, and nobody is at work on it',
});

const keptOf = <Point extends PointFact>(
  what: Kept['what'],
  points: readonly Point[],
  kept: KeptPoints<Point>,
): Kept[] =>
  points
    .filter((point) => kept.has(point))
    .map((point) => {
      const { id, at, storedBytes } = point;
      return { id, what, at: at.toISOString(), storedBytes, rules: kept.rulesOf(point) };
    });

const keptUnreadable = ({ unreadable }: RetentionFacts): Kept[] =>
  unreadable.map(({ id }) => ({
    ...{ id, what: /-(dump|schema)$/.test(id) ? 'dump' : 'backup', at: null, storedBytes: 0 },
    rules: ['unreadable'],
  }));
