import { readCatalog, recordInCatalog } from '#catalog/projection';
import { forgetInStanding } from '#catalog/standing';
import type { BackupId } from '#model/backup-id';
import type { ObjectStore } from '#store/object-store';

/**
 * Take backups out of the projections, before their manifests go: nobody plans with them from then on, and one that the
 * catalog does not know and whose manifest is not there has expired, while one that it knows was taken away by somebody.
 * Idempotent.
 */
export async function forgetBackups(store: ObjectStore, source: string, ids: readonly BackupId[]): Promise<void> {
  if (ids.length === 0) return;
  const gone = new Set(ids);
  const { backups } = await readCatalog(store, source);
  if (backups.some(({ backup }) => gone.has(backup)))
    await recordInCatalog(store, source, (known) => known.filter(({ backup }) => !gone.has(backup)));
  await forgetInStanding(store, source, gone);
}
