import { readRewrap, rewrapKeys } from '#catalog/key-wraps';
import { Failure, KeyUnusable, StoreUnavailable } from '#model/failure';
import { type WrappedKey, wrappingKeyName } from '#model/wrapped-key';
import type { DataKey, KeyRing } from '#pipeline/data-key';
import type { ObjectStore } from '#store/object-store';

/**
 * A ring that also looks for what `lifeboat rekey` has put into the bucket:
 *
 *     the wrapped key as it is stored with the backup or WAL → its re-wraps, the newest first
 *
 * A key that was of no use once is likely to be of none again (deleted, disabled, or in a region that is down): what
 * else it wrapped is looked for among the re-wraps first.
 */
export function withRewraps(ring: KeyRing, store: ObjectStore): KeyRing {
  const useless = new Set<string>();
  return {
    create: (context) => ring.create(context),
    async unwrap(original, context) {
      const name = wrappingKeyName(original);
      const wasUseless = useless.has(name);
      if (wasUseless) {
        const dataKey = await unwrapLater(ring, store, original, context);
        if (dataKey) return dataKey;
      }
      try {
        return await ring.unwrap(original, context);
      } catch (failure) {
        if (!(failure instanceof KeyUnusable || failure instanceof StoreUnavailable)) throw failure;
        useless.add(name);
        const dataKey = wasUseless ? undefined : await unwrapLater(ring, store, original, context);
        if (dataKey) return dataKey;
        throw failure;
      }
    },
  };
}

/**
 * By the first re-wrap that opens; undefined when none does, or when these credentials may not look: whoever asks has
 * to be told then that the key is of no use, which is why we came here.
 * @throws StoreUnavailable when one may open it later
 */
async function unwrapLater(
  ring: KeyRing,
  store: ObjectStore,
  original: WrappedKey,
  context: string,
): Promise<DataKey | undefined> {
  let unavailable: StoreUnavailable | undefined;
  const passOver = (failure: unknown): undefined => {
    if (failure instanceof StoreUnavailable) unavailable = failure;
    else if (!(failure instanceof Failure)) throw failure;
  };
  for (const key of (await rewrapKeys(store, original, context).catch(passOver)) ?? []) {
    const open = async () => {
      const wrapped = await readRewrap(store, key, original, context);
      return wrapped && ring.unwrap(wrapped, context);
    };
    const dataKey = await open().catch(passOver);
    if (dataKey) return dataKey;
  }
  if (unavailable) throw unavailable;
  return undefined;
}
