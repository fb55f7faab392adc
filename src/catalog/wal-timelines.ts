import { walSystems } from '#catalog/systems';
import type { VerifiedWal } from '#catalog/wal-projection';
import { parseLsn } from '#model/lsn';
import type { SystemFact, TimelineFact } from '#model/retention-facts';
import type { Timeline, TimelineHistory } from '#model/timeline';
import { segmentAt, segmentName } from '#model/wal-segment';
import { systemFolder, timelineFolder } from '#store/bucket-layout';
import type { ObjectStore } from '#store/object-store';

/**
 * The systems and timelines that a source has WAL of, and when the newest of each was stored. What was read back is not listed again,
 * and no listing goes on once it has shown something that was stored after `since`.
 */
export async function walTimelines(
  store: ObjectStore,
  source: string,
  wal: VerifiedWal,
  since: Date,
): Promise<SystemFact[]> {
  const systems: SystemFact[] = [];
  for (const systemId of await walSystems(store, source)) {
    const known = wal.systems.find((system) => system.systemId === systemId);
    const timelines: TimelineFact[] = [];
    for await (const folder of store.folders(systemFolder(source, systemId))) {
      if (!/^[0-9A-F]{8}\/$/.test(folder)) continue;
      const timeline = Number.parseInt(folder, 16);
      const place = { key: timelineFolder(source, systemId, timeline), timeline, since };
      const storedAt = await newestStored(store, place, known);
      if (storedAt) timelines.push({ timeline, path: pathOf(timeline, known), storedAt });
    }
    systems.push({ systemId, timelines });
  }
  return systems;
}

type KnownSystem = VerifiedWal['systems'][number];

function pathOf(timeline: Timeline, known: KnownSystem | undefined): TimelineHistory | null {
  if (timeline === 1) return { timeline, ancestors: [] };
  const ancestors = known?.timelines.find((other) => other.timeline === timeline)?.ancestors;
  if (!ancestors) return null;
  return { timeline, ancestors: ancestors.map((one) => ({ ...one, switchpoint: parseLsn(one.switchpoint) })) };
}

async function newestStored(
  store: ObjectStore,
  { key, timeline, since }: { key: string; timeline: Timeline; since: Date },
  known: KnownSystem | undefined,
): Promise<Date | undefined> {
  const stretches = known?.timelines.find((other) => other.timeline === timeline)?.stretches ?? [];
  let newest = stretches
    .map(({ last }) => new Date(last.storedAt))
    .reduce<Date | undefined>((a, b) => (a && a > b ? a : b), undefined);
  const end = stretches.at(-1)?.end;
  let startAfter = key;
  if (end !== undefined && known!.segmentSize > 0) {
    const { number } = segmentAt(timeline, parseLsn(end), known!.segmentSize);
    if (number > 0n) startAfter = key + segmentName({ timeline, number: number - 1n }, known!.segmentSize);
  }
  if (newest && newest > since) return newest;
  for await (const { lastModified } of store.list(key, { startAfter })) {
    if (!newest || lastModified > newest) newest = lastModified;
    if (newest > since) break;
  }
  return newest;
}
