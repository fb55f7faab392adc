import { readBackup } from '#catalog/backups';
import type { BackupId } from '#model/backup-id';
import { InputInvalid, ObjectDamaged, ObjectMissing } from '#model/failure';
import type { BackupSummary } from '#model/manifest';
import type { ObjectStore } from '#store/object-store';

/**
 * Raw bytes of a backup and of all that it builds on. Manifests are read of those that are not `known`; one that is not
 * there as it should be counts nothing, for whoever restores it will say so.
 */
export async function chainRawBytes(
  store: ObjectStore,
  source: string,
  newest: BackupId,
  known: readonly BackupSummary[] = [],
): Promise<number> {
  let bytes = 0;
  for (let id: BackupId | null = newest; id !== null; ) {
    const backup: BackupSummary | undefined =
      known.find((one) => one.backup === id) ?? (await summaryOf(store, source, id));
    // a parent is older than its child; anything else would be a circle
    if (!backup || (backup.parent !== null && backup.parent >= backup.backup)) return bytes;
    bytes += backup.rawBytes;
    id = backup.parent;
  }
  return bytes;
}

async function summaryOf(store: ObjectStore, source: string, id: BackupId): Promise<BackupSummary | undefined> {
  try {
    return await readBackup(store, source, id);
  } catch (failure) {
    const isTold = [InputInvalid, ObjectDamaged, ObjectMissing].some((kind) => failure instanceof kind);
    if (isTold) return undefined;
    throw failure;
  }
}
