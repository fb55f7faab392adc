import type { WrappedKey } from '#model/wrapped-key';
import type { DataKey, KeyRing } from '#pipeline/data-key';

/** Each takes about 500 bytes. */
const mostRemembered = 4096;

/**
 * A ring that unwraps each wrapped key once in the life of this process: a restore opens hundreds of objects under one
 * data key, and each unwrapping may be a request to KMS. What failed is tried again. Data keys stay in the memory of
 * this process until it ends: who is denied a key goes on with what he has opened before.
 */
export function rememberKeys(ring: KeyRing, most = mostRemembered): KeyRing {
  const remembered = new Map<string, Promise<DataKey>>();
  const remember = (name: string, dataKey: Promise<DataKey>): void => {
    const [oldest] = remembered.keys();
    if (remembered.size >= most && oldest !== undefined) remembered.delete(oldest);
    remembered.set(name, dataKey);
    dataKey.catch(() => remembered.get(name) === dataKey && remembered.delete(name));
  };
  return {
    async create(context) {
      const made = await ring.create(context);
      remember(nameOf(made.wrapped, context), Promise.resolve(made.dataKey));
      return made;
    },
    unwrap(wrapped, context) {
      const name = nameOf(wrapped, context);
      const known = remembered.get(name);
      if (known) return known;
      const asked = ring.unwrap(wrapped, context);
      remember(name, asked);
      return asked;
    },
  };
}

const nameOf = ({ method, keyId, wrapped }: WrappedKey, context: string): string =>
  [context, method, keyId, wrapped].join(' ');
