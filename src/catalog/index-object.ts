import { catalogBackup, readBackup } from '#catalog/backups';
import { forgetBackups } from '#catalog/forget-backups';
import { recordVerification } from '#catalog/proofs';
import { readVerified, type VerifiedObject, versionOf } from '#catalog/verified';
import { noteVerified } from '#catalog/wal-projection';
import { InputInvalid, ObjectDamaged, ObjectMissing } from '#model/failure';
import type { ReadBackObject } from '#model/object-key';
import { manifestKey } from '#store/bucket-layout';
import type { ObjectStore } from '#store/object-store';

export type Indexed =
  /** the catalog says so now */
  | 'indexed'
  /** it was not read back yet: who does so indexes it */
  | 'not verified yet'
  | 'damaged'
  | 'gone';

/**
 * Bring an object that has arrived into the catalog. A backup is there as soon as its manifest is; WAL only counts once
 * it was read back. Who reads it back comes here, too, so that whichever of the two is last finds everything.
 */
export async function indexObject(store: ObjectStore, object: ReadBackObject): Promise<Indexed> {
  const stored = await store.head(object.key);
  if (!stored) return 'gone';
  const record = await readVerified(store, object.source, object.key, versionOf(stored.etag));
  if (record) await indexVerified(store, object, record);
  if (object.kind === 'manifest') return indexManifest(store, object);
  if (!record) return 'not verified yet';
  return record.ok ? 'indexed' : 'damaged';
}

/** Make what reading an object back said count. The same again changes nothing. */
export async function indexVerified(store: ObjectStore, object: ReadBackObject, record: VerifiedObject): Promise<void> {
  await noteVerified(store, record);
  if (record.ok || object.kind !== 'manifest') return;
  const { source, damage, at } = record;
  const outcome = { source, backup: object.backup, ok: false, damage, at, execution: null, durationMs: 0 };
  await recordVerification(store, outcome);
}

async function indexManifest(
  store: ObjectStore,
  { source, backup }: ReadBackObject & { kind: 'manifest' },
): Promise<Indexed> {
  try {
    await catalogBackup(store, await readBackup(store, source, backup));
    if (await store.head(manifestKey(source, backup))) return 'indexed';
    // it expired after it was read: nobody else takes it out again
    await forgetBackups(store, source, [backup]);
    return 'gone';
  } catch (failure) {
    if (failure instanceof ObjectDamaged) return 'damaged';
    if (failure instanceof ObjectMissing || failure instanceof InputInvalid) return 'gone';
    throw failure;
  }
}
