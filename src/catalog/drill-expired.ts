import { readBackup } from '#catalog/backups';
import { hasExpired } from '#catalog/has-expired';
import { coveredUntil } from '#catalog/wal-coverage';
import { readVerifiedWal, verifiedInventory } from '#catalog/wal-projection';
import { BackupExpired } from '#model/backup-expired';
import { startLsn, stopLsn } from '#model/manifest';
import type { Proof } from '#model/proof';
import type { ObjectStore } from '#store/object-store';

/**
 * A drill that failed since retention removed meanwhile what it restored says nothing about the backup. WAL that somebody else
 * took away is still known to the catalog, and so are backups. @throws BackupExpired
 */
export async function requireNotExpired(store: ObjectStore, proof: Proof, toOwnEnd: boolean): Promise<void> {
  const { source, backup, chain } = proof;
  for (const id of [...chain, backup]) {
    if (await hasExpired(store, source, id)) throw expired(proof, `backup ${id} of ${source}`);
  }
  if (proof.verdict === 'broken' && !toOwnEnd && (await hasLostItsWal(store, proof)))
    throw expired(proof, `WAL behind backup ${backup} of ${source}`);
}

/** What was read back ends with the segment in which the backup does, and goes on later: so retention cuts it. */
async function hasLostItsWal(store: ObjectStore, { source, backup }: Proof): Promise<boolean> {
  const [manifest, wal] = await Promise.all([readBackup(store, source, backup), readVerifiedWal(store, source)]);
  const { timeline } = manifest.stop;
  const inventory = verifiedInventory(wal, source, manifest.server.systemId);
  if (!inventory) return false;
  const path = inventory.histories.get(timeline) ?? { timeline, ancestors: [] };
  const { until, gap } = coveredUntil(inventory, path, startLsn(manifest));
  const size = BigInt(manifest.server.segmentSize);
  const segmentEnd = ((stopLsn(manifest) + size - 1n) / size) * size;
  return gap !== undefined && until >= stopLsn(manifest) && until <= segmentEnd;
}

const expired = ({ source, backup }: Proof, what: string): BackupExpired =>
  new BackupExpired(`${what} was removed by retention while it was restored`, {
    operation: 'conclude drill',
    subject: backup,
    hint: `nothing is said about it; drill another point: \`lifeboat drill --source ${source}\``,
  });
