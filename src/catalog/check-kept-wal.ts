import { coveredUntil } from '#catalog/wal-coverage';
import { readTimeline, type TimelineWal, type WalInventory } from '#catalog/wal-inventory';
import { readVerifiedWal, verifiedInventory } from '#catalog/wal-projection';
import { WalBroken } from '#model/failure';
import { compareLsn, formatLsn, type Lsn } from '#model/lsn';
import { type BackupSummary, startLsn, stopLsn } from '#model/manifest';
import type { Timeline } from '#model/timeline';
import { systemFolder } from '#store/bucket-layout';
import type { ObjectStore } from '#store/object-store';

/**
 * Of each backup the WAL is stored to its stop, and as far as WAL leads on from it that was read back. The ways between
 * timelines are those that were read back: nothing is decrypted here. Lists the WAL from the oldest backup on.
 * @throws WalBroken
 */
export async function checkKeptWal(
  store: ObjectStore,
  source: string,
  backups: readonly BackupSummary[],
): Promise<void> {
  const verified = await readVerifiedWal(store, source);
  for (const systemId of new Set(backups.map(({ server }) => server.systemId))) {
    const own = backups.filter(({ server }) => server.systemId === systemId);
    const { segmentSize } = own[0]!.server;
    const from = own.map(startLsn).sort(compareLsn)[0]!;
    const known = verifiedInventory(verified, source, systemId);
    const stored: WalInventory = {
      ...{ source, systemId, segmentSize, histories: known?.histories ?? new Map() },
      timelines: await listTimelines(store, { source, systemId, segmentSize, from }),
    };
    for (const backup of own) checkBackup(backup, stored, known);
  }
}

async function listTimelines(
  store: ObjectStore,
  system: { source: string; systemId: string; segmentSize: number; from: Lsn },
): Promise<Map<Timeline, TimelineWal>> {
  const timelines = new Map<Timeline, TimelineWal>();
  for await (const folder of store.folders(systemFolder(system.source, system.systemId))) {
    if (!/^[0-9A-F]{8}\/$/.test(folder)) continue;
    const timeline = Number.parseInt(folder, 16);
    timelines.set(timeline, await readTimeline(store, { ...system, timeline }));
  }
  return timelines;
}

function checkBackup(backup: BackupSummary, stored: WalInventory, known: WalInventory | undefined): void {
  const { timeline } = backup.stop;
  const path = stored.histories.get(timeline) ?? { timeline, ancestors: [] };
  const start = startLsn(backup);
  const { until } = coveredUntil(stored, path, start);
  const readBack = known ? coveredUntil(known, path, start).until : start;
  const needed = readBack > stopLsn(backup) ? readBack : stopLsn(backup);
  if (until >= needed) return;
  const what = `is stored from ${formatLsn(start)} to ${formatLsn(until)}, and was to be kept to ${formatLsn(needed)}`;
  throw new WalBroken(`the WAL of backup ${backup.backup} of ${backup.source} ${what}`, {
    operation: 'check retention',
    subject: backup.backup,
    hint: 'in a bucket with versions what was deleted can be brought back; else take a new full backup now',
  });
}
