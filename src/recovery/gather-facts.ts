import { committedBackups, knownBackups } from '#catalog/backups';
import { coveredUntil, timelineAt } from '#catalog/wal-coverage';
import type { WalInterval } from '#catalog/wal-interval';
import { readInventory, type WalInventory } from '#catalog/wal-inventory';
import { readVerifiedWal, verifiedInventory } from '#catalog/wal-projection';
import { ObjectDamaged, ObjectMissing } from '#model/failure';
import { advance, compareLsn, type Lsn, lsn } from '#model/lsn';
import { type BackupSummary, startLsn, startTime, stopLsn } from '#model/manifest';
import { isOnPath, type Timeline, type TimelineHistory } from '#model/timeline';
import { parseWalObjectName } from '#model/wal-object';
import { segmentAt, segmentName } from '#model/wal-segment';
import { interpret } from '#postgres/wal-events';
import { findWalEnd } from '#recovery/find-wal-end';
import type { Vault } from '#recovery/open-backup';
import { WalReader } from '#recovery/read-wal';
import { pathTo, type RecoveryFacts, type SystemWal, type TimelineReach } from '#recovery/recovery-facts';
import { findWalObject, scanWal, type WalArchive } from '#recovery/scan-wal';

/**
 * What facts go by. `listing`: every backup and every piece of WAL is listed, so it costs more the more there is.
 * `catalog`: what was read back once is taken to be there still, and only what came since is listed; who acts on that
 * looks first whether what he needs is there.
 */
export type Trust = 'listing' | 'catalog';

/** Read everything that plans and windows are made from; nothing but the bucket is asked. */
export async function gatherFacts(
  vault: Vault,
  source: string,
  signal: AbortSignal,
  trust: Trust = 'listing',
): Promise<RecoveryFacts> {
  const { store } = vault;
  const [backups, verified] =
    trust === 'catalog'
      ? await Promise.all([knownBackups(store, source), readVerifiedWal(store, source)])
      : [await committedBackups(store, source), undefined];
  const systems = new Map<string, SystemWal>();
  for (const systemId of new Set(backups.map((backup) => backup.server.systemId))) {
    const own = backups.filter((backup) => backup.server.systemId === systemId);
    const known = verified && verifiedInventory(verified, source, systemId);
    systems.set(systemId, await gatherSystem(vault, source, systemId, own, intervalsOf(known), signal));
  }
  return { source, backups, systems };
}

const intervalsOf = (known: WalInventory | undefined): ReadonlyMap<Timeline, readonly WalInterval[]> =>
  new Map([...(known?.timelines.values() ?? [])].map(({ timeline, intervals }) => [timeline, intervals]));

async function gatherSystem(
  { store, keyRing }: Vault,
  source: string,
  systemId: string,
  backups: readonly BackupSummary[],
  known: ReadonlyMap<Timeline, readonly WalInterval[]>,
  signal: AbortSignal,
): Promise<SystemWal> {
  const { segmentSize } = backups[0]!.server;
  const reader = new WalReader(store, keyRing);
  const from = backups.map(startLsn).sort(compareLsn)[0]!;
  const archive: WalArchive = { store, reader, source, systemId, segmentSize };
  const damage: Damage = new Map();
  for (;;) {
    const options = { from, segmentSize, signal, known, unreadable: new Set(damage.keys()) };
    try {
      const inventory = await readInventory(store, reader, source, systemId, options);
      return { inventory, reaches: await readReaches(archive, inventory, backups, damage, signal) };
    } catch (failure) {
      noteDamage(damage, failure, segmentSize);
    }
  }
}

/**
 * What is wrong with segments and history files, by their names. WAL ends before such a segment, and nothing leads to a
 * timeline whose history is lost; everything else can be restored all the same.
 */
type Damage = Map<string, string>;

/** @throws the failure, unless it is damage that was not known before */
function noteDamage(damage: Damage, failure: unknown, segmentSize: number): void {
  const key = failure instanceof ObjectDamaged || failure instanceof ObjectMissing ? failure.subject : '';
  const file = key.split('/').at(-1)!;
  const object = parseWalObjectName(file, segmentSize);
  const history = /^[0-9A-F]{8}\.history$/.test(file) ? file : undefined;
  const name = object ? segmentName(object.segment, segmentSize) : history;
  if (name === undefined || damage.has(name)) throw failure;
  damage.set(name, (failure as Error).message);
}

async function readReaches(
  archive: WalArchive,
  inventory: WalInventory,
  backups: readonly BackupSummary[],
  damage: Damage,
  signal: AbortSignal,
): Promise<TimelineReach[]> {
  const reaches: TimelineReach[] = [];
  for (const timeline of inventory.timelines.keys()) {
    const path = pathTo(inventory, timeline);
    for (const stretch of stretches(inventory, path, backups)) {
      const { backup: _, ...range } = stretch;
      const next = segmentName(
        segmentAt(timelineAt(path, range.until), range.until, archive.segmentSize),
        archive.segmentSize,
      );
      const damaged = damage.get(next);
      const gap = damaged === undefined ? range.gap : next;
      reaches.push({
        timeline,
        path,
        ...range,
        gap,
        damage: damaged,
        ...(await lookAt(archive, path, stretch, signal)),
      });
    }
  }
  return reaches;
}

/** WAL without a hole along one path, from a backup's start. */
interface Stretch {
  /** the oldest one on it */
  backup: BackupSummary;
  from: Lsn;
  until: Lsn;
  gap: string | undefined;
}

/** Backups that are followed by the same WAL belong to one stretch; a hole begins another. */
function stretches(inventory: WalInventory, path: TimelineHistory, backups: readonly BackupSummary[]): Stretch[] {
  const found = new Map<Lsn, Stretch>();
  for (const backup of backups) {
    if (!isOnPath(path, backup.stop.timeline, stopLsn(backup))) continue;
    const from = startLsn(backup);
    const { until, gap } = coveredUntil(inventory, path, from);
    if (until >= stopLsn(backup) && !found.has(until)) found.set(until, { backup, from, until, gap: gap?.missing });
  }
  return [...found.values()];
}

async function lookAt(
  archive: WalArchive,
  path: TimelineHistory,
  { backup, from, until }: Stretch,
  signal: AbortSignal,
): Promise<Pick<TimelineReach, 'firstMicros' | 'lastMicros' | 'end'>> {
  const begin = path.ancestors.at(-1)?.switchpoint ?? lsn(0n);
  const begun = begin <= from ? BigInt(startTime(backup).getTime()) * 1000n : undefined;
  const firstMicros = begun ?? (await beganAt(archive, path, begin, until, signal));
  const written = await writtenAt(archive, path, advance(until, -1), signal);
  const end = await findWalEnd({ archive, path, from, until, signal });
  // Objects tell milliseconds, commits microseconds: the last commit's own time is within reach.
  const committed = end.lastCommitMicros ?? 0n;
  return { firstMicros, lastMicros: committed > written ? committed : written, end };
}

/** The records that tell when a promotion was are the first ones of its timeline. */
const promotionBytes = 64 << 10;

/** When the timeline was begun that is written from `begin` on. */
async function beganAt(
  archive: WalArchive,
  path: TimelineHistory,
  begin: Lsn,
  until: Lsn,
  signal: AbortSignal,
): Promise<bigint> {
  const end = advance(begin, promotionBytes);
  let micros: bigint | undefined;
  await scanWal({
    archive,
    path,
    from: begin,
    until: end < until ? end : until,
    signal,
    verifyCrc: 'wanted',
    interest: (resourceManager) => (resourceManager === 0 ? 128 : 0),
    onRecord(record) {
      if (record.lsn < begin || micros !== undefined) return;
      const event = interpret(record);
      if (event?.kind === 'end of recovery') micros = event.timeMicros;
      if (event?.kind === 'checkpoint') micros = BigInt(event.time.getTime()) * 1000n;
    },
  });
  return micros ?? writtenAt(archive, path, begin, signal);
}

/** When the last byte was written of the object that holds this one. */
async function writtenAt(
  archive: WalArchive,
  path: TimelineHistory,
  position: Lsn,
  signal: AbortSignal,
): Promise<bigint> {
  const key = await findWalObject(archive, path, position, signal);
  if (key === undefined) return 0n;
  const { time } = await archive.reader.header(key);
  return BigInt(Date.parse(time)) * 1000n;
}
