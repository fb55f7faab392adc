import { BackupParents } from '#model/backup-parents';
import type { KeptPoints } from '#model/keep-points';
import { unknownTimelines } from '#model/keep-window';
import { compareLsn, formatLsn, type Lsn, lsn } from '#model/lsn';
import type { BackupFact, RetentionFacts, SystemFact } from '#model/retention-facts';
import type { KeptStretch, WalRule } from '#model/retention-record';

/**
 * What of each system's WAL goes. It is cut where the oldest chain of the window begins: should an incremental backup of it
 * turn out to be damaged, the one before leads into the window, too. Older backups keep the WAL to their own ends.
 */
export function walRules(facts: RetentionFacts, kept: KeptPoints<BackupFact>, windowStart: Date, now: Date): WalRule[] {
  const storedBefore = limitOf(facts, now);
  return facts.systems.map((system): WalRule => {
    const { systemId } = system;
    const staying = facts.backups.filter((backup) => backup.systemId === systemId && kept.has(backup));
    const [first] = staying;
    if (!first) return { systemId, rule: 'all', storedBefore: storedBefore(windowStart).toISOString() };
    const { segmentSize } = first;
    const why = whyNone(system, windowStart);
    if (why !== undefined) return { systemId, rule: 'none', segmentSize, why };
    return cutFor(facts, { systemId, staying, kept, storedBefore, windowStart });
  });
}

/**
 * Of a purge: all that the backups do not need that stay. How timelines are connected does not matter to it: where WAL has to
 * lead on, that of all timelines stays.
 */
export function purgeWalRules(facts: RetentionFacts, kept: KeptPoints<BackupFact>, now: Date): WalRule[] {
  const storedBefore = limitOf(facts, now);
  return facts.systems.map(({ systemId }): WalRule => {
    const staying = facts.backups.filter((backup) => backup.systemId === systemId && kept.has(backup));
    if (staying.length === 0) return { systemId, rule: 'all', storedBefore: storedBefore(now).toISOString() };
    return cutFor(facts, { systemId, staying, kept, storedBefore, windowStart: now });
  });
}

/** The instant, or an earlier one: of the lock, or since which nobody knows which WAL a backup needs that cannot be read. */
function limitOf({ lockDays, unreadable }: RetentionFacts, now: Date): (at: Date) => Date {
  const limits = [now.getTime() - lockDays * dayMs, ...unreadable.map(({ startedAt }) => startedAt.getTime())];
  return (at) => new Date(Math.min(at.getTime(), ...limits));
}

interface Staying {
  systemId: string;
  /** one at least */
  staying: readonly BackupFact[];
  kept: KeptPoints<BackupFact>;
  storedBefore: (at: Date) => Date;
  windowStart: Date;
}

function cutFor(facts: RetentionFacts, { systemId, staying, kept, storedBefore, windowStart }: Staying): WalRule {
  const { segmentSize } = staying[0]!;
  const leading = chainsOfWindow(facts, staying, kept);
  if (leading.length === 0)
    return { systemId, rule: 'cut', segmentSize, ...cut(endOfAll, storedBefore(windowStart), staying) };
  const before = minimum(leading.map((backup) => wholeSegments(backup).from));
  const began = new Date(Math.min(...leading.map(({ startedAt }) => startedAt.getTime())));
  return { systemId, rule: 'cut', segmentSize, ...cut(before, storedBefore(began), staying) };
}

const dayMs = 24 * 3600 * 1000;

function whyNone(system: SystemFact, windowStart: Date): string | undefined {
  const unknown = unknownTimelines(system, windowStart);
  if (unknown.length === 0) return undefined;
  return `the history of timeline ${unknown.join(', ')} was not read back: nobody knows which backups lead there`;
}

/** Those from which WAL leads on, with all that they build on. */
function chainsOfWindow(
  { backups }: RetentionFacts,
  staying: readonly BackupFact[],
  kept: KeptPoints<BackupFact>,
): BackupFact[] {
  const parents = new BackupParents(backups);
  const rules = ['window', 'asked about', 'nothing is proven'] as const;
  const leading = staying.filter((backup) => rules.some((rule) => kept.isKeptBy(backup, rule)));
  return [...new Set(leading.flatMap((backup) => parents.chainOf(backup)))];
}

function cut(before: Lsn, storedBefore: Date, staying: readonly BackupFact[]) {
  const keep = staying
    .map((backup) => ({ backup, ...wholeSegments(backup) }))
    .filter(({ from }) => from < before)
    .sort((a, b) => compareLsn(a.from, b.from) || (a.backup.id < b.backup.id ? -1 : 1))
    .map(({ backup, from, to }): KeptStretch => ({ from: formatLsn(from), to: formatLsn(to), backup: backup.id }));
  return { before: formatLsn(before), storedBefore: storedBefore.toISOString(), keep };
}

/** PostgreSQL reads whole segments: one that is stored in pieces is of use only from its first byte on. */
function wholeSegments({ startLsn, stopLsn, segmentSize }: BackupFact): { from: Lsn; to: Lsn } {
  const size = BigInt(segmentSize);
  return { from: lsn(startLsn - (startLsn % size)), to: lsn(((stopLsn + size - 1n) / size) * size) };
}

/** Without a backup of the window, WAL leads to the ends of those that stay, and nowhere else. */
const endOfAll = lsn(0xffff_ffff_ffff_ffffn);

const minimum = (positions: readonly Lsn[]): Lsn => positions.reduce((a, b) => (a < b ? a : b));
