import { isS3Url, type Plan } from '#model/plan';
import { type KeyRing, keyFileRing, type WrappingRing } from '#pipeline/data-key';
import { rememberKeys } from '#pipeline/remembered-keys';
import { withRewraps } from '#recovery/rewrapped-ring';
import { announcedIn } from '#runtime/announce-puts';
import type { Environment } from '#runtime/environment';
import { readKeyFile } from '#runtime/key-file';
import type { ObjectStore } from '#store/object-store';

/** Where a plan's backups lie, and the keys to them. */
export interface Bucket {
  store: ObjectStore;
  /** undefined: the plan says `encryption: none`. Unwraps each key once, and what was re-wrapped, too */
  keyRing: KeyRing | undefined;
}

/**
 * Open a plan's bucket. The SDK is loaded only for S3: archive_command and restore_command run for each segment, and
 * loading it takes longer than storing one.
 * @throws StoreRefused when the directory does not exist; KeyUnusable
 */
export async function openBucket(plan: Plan, environment: Environment): Promise<Bucket> {
  const [store, ring] = await Promise.all([openStoreAt(plan.bucket, environment), openKeyRing(plan, environment)]);
  return withKeys(store, ring);
}

/** The same for a store that is open already. @throws KeyUnusable */
export const openVault = async (store: ObjectStore, plan: Plan, environment: Environment): Promise<Bucket> =>
  withKeys(store, await openKeyRing(plan, environment));

const withKeys = (store: ObjectStore, ring: KeyRing | undefined): Bucket => ({
  store,
  keyRing: ring && rememberKeys(withRewraps(ring, store)),
});

/** Only the store; with LIFEBOAT_EVENTS its puts are announced. @throws StoreRefused when the directory does not exist */
export async function openStoreAt(bucket: string, environment: Environment): Promise<ObjectStore> {
  return announcedIn(environment, await openStoreOf(bucket, environment));
}

async function openStoreOf(bucket: string, environment: Environment): Promise<ObjectStore> {
  if (isS3Url(bucket)) return (await import('#runtime/open-store')).openStore(bucket, environment);
  return (await import('#store/directory-store')).openDirectoryStore(bucket);
}

/** Only the keys that the plan names, without what was re-wrapped. @throws KeyUnusable */
export async function openKeyRing(
  { encryption }: Pick<Plan, 'encryption'>,
  environment: Environment,
): Promise<WrappingRing | undefined> {
  if (encryption === 'none') return undefined;
  if ('keyFile' in encryption) return keyFileRing(await readKeyFile(encryption.keyFile));
  return (await import('#runtime/kms-key-ring')).kmsKeyRing(encryption.kmsKey, environment);
}
