import { coveredUntil, timelineAt } from '#catalog/wal-coverage';
import { addInOrder, type WalInterval } from '#catalog/wal-interval';
import type { WalInventory } from '#catalog/wal-inventory';
import fc from '#harness/fast-check';
import { type BackupId, type BackupKind, backupId } from '#model/backup-id';
import { formatLsn, type Lsn, lsn } from '#model/lsn';
import type { BackupSummary } from '#model/manifest';
import { pastWal } from '#model/past-wal';
import type { BackupFact, RetentionFacts, SystemFact } from '#model/retention-facts';
import type { RetentionPlan } from '#model/retention-record';
import type { StandingState } from '#model/standing';
import { isOnPath, type Timeline, type TimelineHistory } from '#model/timeline';
import type { RecoveryFacts, SystemWal, TimelineReach } from '#recovery/recovery-facts';
import { recoveryWindows } from '#recovery/windows';

/*
 * Random lives of a source, and what a recovery could use of what is stored of them. A life is a list of steps; each
 * takes some hours in which WAL is written (and mostly stored), and one thing may happen: a backup, a promotion, a restore
 * to an earlier backup's end, a new cluster in the old one's place, a server's clock put back.
 */

export const segmentSize = 1 << 20;
export const hourMs = 3_600_000;
export const dayMs = 24 * hourMs;
export const begin = Date.UTC(2026, 0, 1);

export interface Piece {
  systemId: string;
  timeline: Timeline;
  start: Lsn;
  end: Lsn;
  writtenAt: Date;
  storedAt: Date;
}

export interface Life {
  backups: BackupFact[];
  /** that are stored */
  pieces: Piece[];
  /** all that was ever written, stored or not: it tells when */
  written: Piece[];
  paths: Map<string, TimelineHistory[]>;
  end: Date;
}

interface Step {
  hours: number;
  segments: number;
  /** lost on the way, or late by so many hours */
  wal: 'stored' | 'lost' | number;
  event: 'none' | 'full' | 'incr' | 'slow' | 'promotion' | 'return' | 'new cluster' | 'clock';
  state: StandingState;
  /** which of those that there are */
  pick: number;
}

const step: fc.Arbitrary<Step> = fc.record({
  hours: fc.integer({ min: 1, max: 60 }),
  segments: fc.integer({ min: 0, max: 3 }),
  wal: fc.oneof(
    { weight: 12, arbitrary: fc.constant('stored' as const) },
    { weight: 1, arbitrary: fc.constant('lost' as const) },
    { weight: 2, arbitrary: fc.integer({ min: 1, max: 200 }) },
  ),
  event: fc.oneof(
    { weight: 4, arbitrary: fc.constant('none' as const) },
    { weight: 4, arbitrary: fc.constant('full' as const) },
    { weight: 6, arbitrary: fc.constant('incr' as const) },
    { weight: 3, arbitrary: fc.constantFrom('slow', 'slow', 'promotion', 'return', 'return', 'new cluster', 'clock') },
  ),
  state: fc.constantFrom('committed', 'verified', 'proven', 'proven', 'broken'),
  pick: fc.nat(1000),
});

export const lives: fc.Arbitrary<Life> = fc.array(step, { minLength: 5, maxLength: 60, size: 'max' }).map(liveThrough);

function liveThrough(steps: readonly Step[]): Life {
  const life: Life = { backups: [], pieces: [], written: [], paths: new Map(), end: new Date(begin) };
  let now = begin;
  let systemId = '1001';
  let at = 0n;
  let path: TimelineHistory = { timeline: 1, ancestors: [] };
  life.paths.set(systemId, [path]);
  /** how far the server's clock is behind */
  let behindMs = 0;
  /** a backup that goes on while other things happen */
  let slow: { startedAt: number; start: bigint; path: TimelineHistory } | undefined;

  const write = (wal: Step['wal']) => {
    const writtenAt = new Date(now - behindMs);
    const late = typeof wal === 'number' ? wal * hourMs : 0;
    const place = { systemId, timeline: path.timeline, writtenAt, storedAt: new Date(now + late) };
    const start = lsn(at - (at % BigInt(segmentSize)));
    const middle = lsn(start + BigInt(segmentSize) / 2n);
    const end = lsn(start + BigInt(segmentSize));
    // some segments lie there as two chunks, of which one may get lost
    const chunked = life.written.length % 3 === 0;
    const pieces = chunked
      ? [
          { ...place, start, end: middle },
          { ...place, start: middle, end },
        ]
      : [{ ...place, start, end }];
    life.written.push(...pieces);
    if (wal !== 'lost') life.pieces.push(...pieces);
    else if (chunked) life.pieces.push(pieces[0]!);
    at = end;
  };
  const take = (kind: BackupKind, state: StandingState, startedAt: number, from: bigint, pick: number) => {
    const own = life.backups.filter((one) => one.systemId === systemId && isOnPath(path, one.timeline, one.stopLsn));
    const parent = kind === 'incr' ? own.at(-1 - (pick % 2)) : undefined;
    const id = backupId(new Date(startedAt), parent ? 'incr' : 'full');
    life.backups.push({
      ...{ id, parent: parent?.id ?? null, startedAt: new Date(startedAt), at: new Date(now - behindMs), state },
      ...{ finishedAt: new Date(now + 60_000), storedBytes: 1_000, systemId, segmentSize },
      ...{ startLsn: lsn(from), stopLsn: lsn(at - 0x8000n), timeline: path.timeline, leadsTo: null },
    });
  };

  for (const { hours, segments, wal, event, state, pick } of steps) {
    for (let count = 0; count < segments; count++) {
      now += (hours * hourMs) / (segments + 1);
      write(wal);
    }
    now += (hours * hourMs) / (segments + 1);
    const current = life.backups.filter((one) => one.systemId === systemId);
    if (slow && event !== 'none' && slow.path === path && at - 0x8000n > slow.start) {
      take('full', state, slow.startedAt, slow.start, pick);
      slow = undefined;
    }
    const from = at + (pick % 2 === 0 ? 0x28n : 0xc0000n);
    if (event === 'slow') slow = { startedAt: now, start: from, path };
    if (event === 'full' || event === 'incr') {
      const startedAt = now;
      now += hourMs;
      write(wal);
      if (pick % 3 === 0) write('stored');
      take(event, state, startedAt, from, pick);
    }
    const known = life.paths.get(systemId)!;
    const timeline = Math.max(...known.map((one) => one.timeline)) + 1;
    const turn = (to: bigint, from: TimelineHistory) => {
      const ancestors = [...from.ancestors, { timeline: from.timeline, switchpoint: lsn(to), reason: '' }];
      path = { timeline, ancestors };
      at = to;
      known.push(path);
    };
    if (event === 'promotion' && at > 0n) turn(at - 0x4000n, path);
    const back = current.length > 0 ? current[pick % current.length]! : undefined;
    if (event === 'return' && back) turn(back.stopLsn + 0x100n, known.find((one) => one.timeline === back.timeline)!);
    if (event === 'clock') behindMs = (pick % 50) * hourMs;
    if (event === 'new cluster') {
      systemId = String(Number(systemId) + 1);
      at = 0n;
      path = { timeline: 1, ancestors: [] };
      life.paths.set(systemId, [path]);
    }
  }
  life.end = new Date(now + hourMs);
  life.backups.sort((a, b) => (a.id < b.id ? -1 : 1));
  return life;
}

/** What is known at an instant. */
export function factsOf(life: Life, now: Date, more: Partial<RetentionFacts> = {}): RetentionFacts {
  return {
    ...{ source: 'orders', timezone: 'UTC', lockDays: 0, dumps: [], bestDump: 'proven', leftovers: [], unreadable: [] },
    ...{ held: [], asked: [] },
    backups: life.backups.filter(({ finishedAt }) => finishedAt <= now),
    systems: systemsOf(storedBy(life, now), life.paths),
    ...more,
  };
}

export const storedBy = ({ pieces }: Life, now: Date): Piece[] => pieces.filter(({ storedAt }) => storedAt <= now);

function systemsOf(pieces: readonly Piece[], paths: Life['paths']): SystemFact[] {
  return [...new Set(pieces.map(({ systemId }) => systemId))].map((systemId) => {
    const own = pieces.filter((piece) => piece.systemId === systemId);
    const timelines = [...new Set(own.map(({ timeline }) => timeline))].map((timeline) => ({
      timeline,
      path: paths.get(systemId)!.find((one) => one.timeline === timeline)!,
      storedAt: new Date(Math.max(...own.filter((p) => p.timeline === timeline).map((p) => p.storedAt.getTime()))),
    }));
    return { systemId, timelines };
  });
}

/** The life without what the plan deletes; what comes later than `now` is still to come. */
export function carriedOut(life: Life, plan: RetentionPlan, now: Date): Life {
  const gone = new Set<string>(plan.goes.map(({ id }) => id));
  const stored = storedBy(life, now);
  const past = new Set(
    plan.wal.flatMap((rule) => {
      const own = stored.filter(({ systemId }) => systemId === rule.systemId);
      const isPast = pastWal(rule);
      const going = own.filter((piece) => isPast(piece, piece.storedAt));
      return rule.rule === 'all' && !plan.purge && going.length < own.length ? [] : going;
    }),
  );
  return {
    ...life,
    backups: life.backups.filter(({ id }) => !gone.has(id)),
    pieces: life.pieces.filter((piece) => !past.has(piece)),
  };
}

export interface Restorable {
  /** by system and timeline: `1001/1` */
  timeline: string;
  from: number;
  to: number;
}

/** Which instants the recovery's own code takes to be restorable from backups that are not broken. */
export function restorable(life: Life, now: Date): Restorable[] {
  const backups = life.backups.filter(({ finishedAt }) => finishedAt <= now);
  const facts = recoveryFacts(life, backups, now);
  const good = new Map(backups.filter(({ state }) => state !== 'broken').map((one) => [one.id as string, one]));
  return recoveryWindows(facts).flatMap((window) => {
    const from = window.backups.map((id) => good.get(id)?.at.getTime()).filter((at) => at !== undefined);
    if (from.length === 0) return [];
    const to = Number(window.toMicros / 1000n);
    return [{ timeline: `${window.systemId}/${window.timeline}`, from: Math.min(...from), to }];
  });
}

/** Whether WAL is stored from a backup's start to its stop. */
export function hasItsWal(life: Life, backup: BackupFact, now: Date): boolean {
  const { inventory } = recoveryFacts(life, life.backups, now).systems.get(backup.systemId)!;
  const path = inventory.histories.get(backup.timeline)!;
  return coveredUntil(inventory, path, backup.startLsn).until >= backup.stopLsn;
}

function recoveryFacts(life: Life, backups: readonly BackupFact[], now: Date): RecoveryFacts {
  const systems = new Map<string, SystemWal>();
  const summaries = backups.map(summaryOf);
  for (const [systemId, paths] of life.paths) {
    const own = storedBy(life, now).filter((piece) => piece.systemId === systemId);
    const histories = new Map(paths.map((path) => [path.timeline, path]));
    const timelines = new Map(
      [...new Set(own.map(({ timeline }) => timeline))].map((timeline) => {
        const intervals: WalInterval[] = [];
        const sorted = own.filter((piece) => piece.timeline === timeline).sort((a, b) => (a.start < b.start ? -1 : 1));
        for (const piece of sorted) addInOrder(intervals, piece);
        return [timeline, { timeline, intervals }];
      }),
    );
    const inventory: WalInventory = { source: 'orders', systemId, segmentSize, timelines, histories };
    systems.set(systemId, { inventory, reaches: reachesOf(life, inventory, backups) });
  }
  return { source: 'orders', backups: summaries, systems };
}

function reachesOf(life: Life, inventory: WalInventory, backups: readonly BackupFact[]): TimelineReach[] {
  const reaches: TimelineReach[] = [];
  for (const timeline of inventory.timelines.keys()) {
    const path = inventory.histories.get(timeline)!;
    const seen = new Set<Lsn>();
    for (const { systemId, timeline: own, startLsn, stopLsn } of backups) {
      if (systemId !== inventory.systemId || !isOnPath(path, own, stopLsn)) continue;
      const { until } = coveredUntil(inventory, path, startLsn);
      if (until < stopLsn || seen.has(until)) continue;
      seen.add(until);
      const lastMicros = BigInt(writtenAt(life, inventory.systemId, path, lsn(until - 1n))) * 1000n;
      const end = { lastRecord: undefined, lastCommitMicros: undefined };
      reaches.push({ timeline, path, from: startLsn, until, gap: undefined, firstMicros: 0n, lastMicros, end });
    }
  }
  return reaches;
}

function writtenAt({ written }: Life, systemId: string, path: TimelineHistory, position: Lsn): number {
  const timeline = timelineAt(path, position);
  const piece = written.find(
    (one) => one.systemId === systemId && one.timeline === timeline && one.start <= position && position < one.end,
  );
  return piece?.writtenAt.getTime() ?? 0;
}

const summaryOf = (backup: BackupFact): BackupSummary =>
  ({
    backup: backup.id as BackupId,
    parent: backup.parent,
    server: { systemId: backup.systemId, segmentSize },
    start: { lsn: formatLsn(backup.startLsn), timeline: backup.timeline, time: backup.startedAt.toISOString() },
    stop: { lsn: formatLsn(backup.stopLsn), timeline: backup.timeline, time: backup.at.toISOString() },
  }) as BackupSummary;
