import { ObjectDamaged, ObjectMissing, StoreRefused } from '#model/failure';
import type { Manifest } from '#model/manifest';
import { backupFolder, backupObjectKey } from '#store/bucket-layout';
import type { ObjectStore, StoredObject } from '#store/object-store';

/**
 * Is everything there that a manifest names, with its size, and can it be read at once? Costs one listing. Where backups
 * are taken the manifest comes last; a copy of the bucket gets its objects in any order, and S3 moves old ones to classes
 * that have to be thawed.
 * @throws ObjectMissing, ObjectDamaged; StoreRefused for what is archived
 */
export async function checkObjects(store: ObjectStore, manifest: Manifest): Promise<void> {
  const { source, backup } = manifest;
  const stored = new Map<string, StoredObject>();
  for await (const object of store.list(backupFolder(source, backup))) stored.set(object.key, object);
  const named = [manifest.index, manifest.serverManifest, ...manifest.parts].map(({ name, storedBytes }) => {
    const key = backupObjectKey(source, backup, name);
    return { key, storedBytes, object: stored.get(key) };
  });
  const missing = named.filter(({ object }) => object === undefined);
  if (missing.length > 0) throw isMissing(manifest, missing[0]!.key, missing.length);
  const other = named.find(({ object, storedBytes }) => object?.size !== storedBytes);
  if (other) throw isOther(manifest, other.key, other.object!.size, other.storedBytes);
  const archived = named.filter(({ object }) => object?.archived !== undefined);
  if (archived.length > 0) throw isArchived(store, manifest, archived[0]!.object!, archived.length);
}

function isMissing({ backup }: Manifest, key: string, count: number): ObjectMissing {
  const message = `${key}${andMore(count)} of backup ${backup} ${count === 1 ? 'is' : 'are'} not there`;
  return new ObjectMissing(message, {
    operation: 'check backup',
    subject: key,
    hint: 'restore from another backup (`lifeboat backups`), or an older point; in a copy of a bucket it may be on its way still',
  });
}

function isOther({ backup }: Manifest, key: string, size: number, expected: number): ObjectDamaged {
  return new ObjectDamaged(`${key} of backup ${backup} has ${size} bytes, the manifest says ${expected}`, {
    operation: 'check backup',
    subject: key,
    hint: 'the object was replaced: restore from another backup, and take a new full backup now',
  });
}

function isArchived(store: ObjectStore, { backup }: Manifest, { key, archived }: StoredObject, count: number) {
  const folder = key.slice(0, key.lastIndexOf('/') + 1);
  const message = `${key}${andMore(count)} of backup ${backup} ${count === 1 ? 'is' : 'are'} in ${archived}`;
  return new StoreRefused(message, {
    operation: 'check backup',
    subject: key,
    hint: `thaw every object of ${store.url}/${folder} with \`aws s3api restore-object\`, wait some hours, and run this again; or restore a newer point`,
  });
}

const andMore = (count: number): string => (count === 1 ? '' : ` and ${count - 1} more`);
