import { coveredUntil } from '#catalog/wal-coverage';
import { addInOrder, type WalInterval } from '#catalog/wal-interval';
import type { WalInventory } from '#catalog/wal-inventory';
import { type BackupKind, backupId } from '#model/backup-id';
import { advance, formatLsn, type Lsn, lsn } from '#model/lsn';
import type { BackupSummary } from '#model/manifest';
import { parseInstant } from '#model/recovery-target';
import type { Timeline, TimelineHistory } from '#model/timeline';
import { pathTo, type RecoveryFacts, type SystemWal, type TimelineReach } from '#recovery/recovery-facts';

export const segmentSize = 16 << 20;
export const ourSystem = '7571234567890123457';
export const otherSystem = '7571234567890123999';

/** `seg(3)`: where the third segment begins; `seg(3, 0x100)`: 256 bytes into it */
export const seg = (number: number, offset = 0): Lsn => lsn(BigInt(number) * BigInt(segmentSize) + BigInt(offset));

/** `at('05:13')` of the one day on which everything happens */
export const at = (time: string): bigint => parseInstant(`2026-11-20 ${time}Z`, 'time');
const dateAt = (time: string): Date => new Date(Number(at(time) / 1000n));

export interface BackupSketch {
  /** when it began and when it was consistent */
  from: string;
  to: string;
  start: Lsn;
  stop: Lsn;
  timeline?: Timeline;
  kind?: BackupKind;
  parent?: BackupSummary | string | null;
  systemId?: string;
}

export function backup(sketch: BackupSketch): BackupSummary {
  const { timeline = 1, kind = 'full', parent = null, systemId = ourSystem } = sketch;
  const point = (position: Lsn, time: string) => ({
    lsn: formatLsn(position),
    timeline,
    time: dateAt(time).toISOString(),
  });
  return {
    format: 'lifeboat/1',
    source: 'orders',
    backup: backupId(dateAt(sketch.from), kind),
    kind,
    parent: (typeof parent === 'object' ? (parent?.backup ?? null) : parent) as BackupSummary['parent'],
    server: {
      version: '18.4',
      major: 18,
      systemId,
      segmentSize,
      blockSize: 8192,
      dataChecksums: true,
      superuser: 'postgres',
    },
    start: point(sketch.start, sketch.from),
    stop: point(sketch.stop, sketch.to),
    tablespaces: [],
    index: { name: 'index.jsonl', storedBytes: 10, sha256: '0'.repeat(64) },
    serverManifest: { name: 'backup_manifest.json', storedBytes: 10, sha256: '0'.repeat(64) },
    rawBytes: 2_000_000_000,
    storedBytes: 500_000_000,
    compression: { codec: 'zstd', level: 3 },
    encryption: null,
    finishedAt: dateAt(sketch.to).toISOString(),
    requestedBy: 'test',
    execution: null,
  };
}

export interface ReachSketch {
  timeline: Timeline;
  /** the start of the oldest backup on it */
  from: Lsn;
  /** when its own WAL began and ended */
  first: string;
  last: string;
  /** 64 bytes before the end where it is not given */
  lastRecord?: Lsn | undefined;
  lastCommit?: string | undefined;
}

export interface SystemSketch {
  wal: Record<Timeline, [from: Lsn, to: Lsn][]>;
  histories?: TimelineHistory[];
  reaches: ReachSketch[];
  systemId?: string;
}

export const branch = (timeline: Timeline, ...ancestors: [Timeline, Lsn][]): TimelineHistory => ({
  timeline,
  ancestors: ancestors.map(([ancestor, switchpoint]) => ({ timeline: ancestor, switchpoint, reason: '' })),
});

export function facts(backups: readonly BackupSummary[], ...systems: SystemSketch[]): RecoveryFacts {
  return {
    source: 'orders',
    backups,
    systems: new Map(systems.map((sketch) => [sketch.systemId ?? ourSystem, systemWal(sketch)])),
  };
}

function systemWal(sketch: SystemSketch): SystemWal {
  const inventory = inventoryOf(sketch);
  return { inventory, reaches: sketch.reaches.map((reach) => reachOf(inventory, reach)) };
}

function inventoryOf({ wal, histories = [], systemId = ourSystem }: SystemSketch): WalInventory {
  return {
    source: 'orders',
    systemId,
    segmentSize,
    timelines: new Map(
      Object.entries(wal).map(([timeline, ranges]) => {
        const intervals: WalInterval[] = [];
        for (const [start, end] of ranges) addInOrder(intervals, { start, end });
        return [Number(timeline), { timeline: Number(timeline), intervals }];
      }),
    ),
    histories: new Map(histories.map((history) => [history.timeline, history])),
  };
}

function reachOf(inventory: WalInventory, sketch: ReachSketch): TimelineReach {
  const { timeline, from, first, last } = sketch;
  const path = pathTo(inventory, timeline);
  const { until, gap } = coveredUntil(inventory, path, from);
  return {
    timeline,
    path,
    from,
    until,
    gap: gap?.missing,
    firstMicros: at(first),
    lastMicros: at(last),
    end: {
      lastRecord: 'lastRecord' in sketch ? sketch.lastRecord : advance(until, -64),
      lastCommitMicros: sketch.lastCommit === undefined ? undefined : at(sketch.lastCommit),
    },
  };
}
