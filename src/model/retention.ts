import { createHash } from 'node:crypto';
import { keepBackups } from '#model/keep-backups';
import { keepDumps } from '#model/keep-dumps';
import type { KeptPoints } from '#model/keep-points';
import { walRules } from '#model/keep-wal';
import { lostPoints } from '#model/lost-points';
import type { BackupFact, DumpFact, Leftover, PointFact, RetentionFacts } from '#model/retention-facts';
import { retentionNotes } from '#model/retention-notes';
import type { Gone, Kept, RetentionPlan, WalRule } from '#model/retention-record';
import type { RetentionRules } from '#model/retention-rules';

/**
 * What of a source stays by which rule, what goes and why, which WAL goes, and what can then no longer be restored. Nothing
 * is asked and nothing touched; the same facts at the same instant give the same plan.
 *
 * Kept are the window (every instant of it that can be restored now), generations, the last proven one, whatever these build
 * on, what is held, asked about or too young, and what cannot be read. While nothing is proven, nothing that was committed goes.
 */
export function planRetention(facts: RetentionFacts, rules: RetentionRules, now: Date): RetentionPlan {
  const windowStart = new Date(now.getTime() - rules.windowDays * dayMs);
  const backups = keepBackups(facts, rules, windowStart, now);
  const dumps = keepDumps(facts, rules, windowStart, now);
  const wal = walRules(facts, backups, windowStart, now);
  return composePlan(facts, {
    ...{ now, windowStart, rules, kept: { backups, dumps }, wal, leftoverDays },
    whyGone: (point) => whyGone(point, rules),
    notes: retentionNotes(facts, wal, windowStart),
  });
}

/** What was decided of them. */
export interface Decided {
  now: Date;
  windowStart: Date;
  rules: RetentionRules;
  /** of a purge */
  asked?: { purge: true; reason: string };
  kept: { backups: KeptPoints<BackupFact>; dumps: KeptPoints<DumpFact> };
  wal: WalRule[];
  /** what was never committed and is younger stays */
  leftoverDays: number;
  whyGone(point: PointFact): string;
  notes: string[];
}

/** The plan that says so. */
export function composePlan(facts: RetentionFacts, decided: Decided): RetentionPlan {
  const { source, timezone, lockDays, backups, dumps } = facts;
  const { now, windowStart, rules, asked, kept, wal, leftoverDays, whyGone, notes } = decided;
  const { windowDays, daily, weekly, monthly, yearly } = rules;
  const goes = [
    ...backups.filter((backup) => !kept.backups.has(backup)).map((one) => gone('backup', one, whyGone(one))),
    ...dumps.filter((dump) => !kept.dumps.has(dump)).map((one) => gone('dump', one, whyGone(one))),
    ...facts.leftovers.filter((one) => mayGo(one, Math.max(leftoverDays, lockDays), now)).map(goneLeftover),
  ];
  const plan: Omit<RetentionPlan, 'hash'> = {
    format: 'lifeboat-retention/1',
    source,
    at: now.toISOString(),
    ...asked,
    rules: { windowDays, daily, weekly, monthly, yearly },
    timezone,
    lockDays,
    windowStart: windowStart.toISOString(),
    keeps: [...keptOf('backup', backups, kept.backups), ...keptOf('dump', dumps, kept.dumps), ...keptUnreadable(facts)],
    goes,
    wal,
    chunksBefore: new Date(now.getTime() - Math.max(1, lockDays) * dayMs).toISOString(),
    lost: lostPoints(facts, kept.backups, kept.dumps, wal),
    notes,
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

const mayGo = ({ startedAt, busy }: Leftover, days: number, now: Date): boolean =>
  !busy && startedAt.getTime() < now.getTime() - days * dayMs;

function whyGone({ state }: PointFact, { windowDays }: RetentionRules): string {
  const age = `older than the window of ${windowDays}d`;
  return state === 'broken' ? `broken, and ${age}` : `${age}, and of no generation`;
}

const gone = (what: 'backup' | 'dump', { id, at, storedBytes }: PointFact, why: string): Gone => ({
  ...{ id, what, at: at.toISOString(), storedBytes, why },
});

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
