import { coveredUntil } from '#catalog/wal-coverage';
import { readInventory } from '#catalog/wal-inventory';
import { WalBroken } from '#model/failure';
import { formatLsn, type Lsn } from '#model/lsn';
import type { BackupSummary } from '#model/manifest';
import type { Timeline } from '#model/timeline';
import type { Vault } from '#recovery/open-backup';
import { WalReader } from '#recovery/read-wal';
import { pathTo } from '#recovery/recovery-facts';
import { scanWal } from '#recovery/scan-wal';

/** A stretch of the WAL that a backup is replayed with. */
export interface WalStretch {
  backup: BackupSummary;
  timeline: Timeline;
  from: Lsn;
  until: Lsn;
}

/** It is all there, and readable record by record. @throws WalBroken, ObjectDamaged, ObjectMissing when it is not */
export async function checkWal(vault: Vault, stretch: WalStretch, signal: AbortSignal): Promise<void> {
  const { backup, timeline, from, until } = stretch;
  const { source, server } = backup;
  const { systemId, segmentSize } = server;
  const reader = new WalReader(vault.store, vault.keyRing);
  const inventory = await readInventory(vault.store, reader, source, systemId, { from, segmentSize, signal });
  const path = pathTo(inventory, timeline);
  const covered = coveredUntil(inventory, path, from);
  if (covered.until < until) {
    const stored = `stored from ${formatLsn(from)} to ${formatLsn(covered.until)}, needed to ${formatLsn(until)}`;
    throw brokenWal(backup, stored);
  }
  const archive = { store: vault.store, reader, source, systemId, segmentSize };
  const read = await scanWal({ archive, path, from, until, signal, verifyCrc: 'all', onRecord: () => undefined });
  if (read.ended === 'invalid record') throw brokenWal(backup, `${formatLsn(read.at)}: ${read.reason}`);
}

const brokenWal = ({ backup }: BackupSummary, what: string): WalBroken =>
  new WalBroken(`the WAL of ${backup} is not complete: ${what}`, { operation: 'verify', subject: backup });
