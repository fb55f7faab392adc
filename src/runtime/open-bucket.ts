import { isS3Url, type Plan } from '#model/plan';
import { type KeyRing, keyFileRing } from '#pipeline/data-key';
import { announcedIn } from '#runtime/announce-puts';
import type { Environment } from '#runtime/environment';
import { readKeyFile } from '#runtime/key-file';
import type { ObjectStore } from '#store/object-store';

/** Where a plan's backups lie, and the keys to them. */
export interface Bucket {
  store: ObjectStore;
  /** undefined: the plan says `encryption: none` */
  keyRing: KeyRing | undefined;
}

/**
 * Open a plan's bucket. The SDK is loaded only for S3: archive_command and restore_command run for each segment, and
 * loading it takes longer than storing one.
 * @throws StoreRefused when the directory does not exist; KeyUnusable
 */
export async function openBucket(plan: Plan, environment: Environment): Promise<Bucket> {
  const [store, keyRing] = await Promise.all([openStoreAt(plan.bucket, environment), openKeyRing(plan, environment)]);
  return { store, keyRing };
}

/** Only the store; with LIFEBOAT_EVENTS its puts are announced. @throws StoreRefused when the directory does not exist */
export async function openStoreAt(bucket: string, environment: Environment): Promise<ObjectStore> {
  return announcedIn(environment, await openStoreOf(bucket, environment));
}

async function openStoreOf(bucket: string, environment: Environment): Promise<ObjectStore> {
  if (isS3Url(bucket)) return (await import('#runtime/open-store')).openStore(bucket, environment);
  return (await import('#store/directory-store')).openDirectoryStore(bucket);
}

/** Only the keys. @throws KeyUnusable */
export async function openKeyRing({ encryption }: Plan, environment: Environment): Promise<KeyRing | undefined> {
  if (encryption === 'none') return undefined;
  if ('keyFile' in encryption) return keyFileRing(await readKeyFile(encryption.keyFile));
  return (await import('#runtime/kms-key-ring')).kmsKeyRing(encryption.kmsKey, environment);
}
