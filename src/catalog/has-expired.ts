import { readCatalog } from '#catalog/projection';
import type { BackupId } from '#model/backup-id';
import { manifestKey } from '#store/bucket-layout';
import type { ObjectStore } from '#store/object-store';

/**
 * Whether retention has removed a backup, so that what is missing of it says nothing. One that somebody else took away is
 * still known to the catalog, which src/catalog/forget-backups.ts is the only one to make forget.
 */
export async function hasExpired(store: ObjectStore, source: string, backup: BackupId): Promise<boolean> {
  if (await store.head(manifestKey(source, backup))) return false;
  const { backups } = await readCatalog(store, source);
  return !backups.some((known) => known.backup === backup);
}
