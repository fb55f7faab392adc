import type { Body, ObjectStore, PutOptions, PutOutcome } from '#store/object-store';

type Put = (key: string, body: Body, options?: PutOptions) => Promise<PutOutcome>;

/** A store of which a test decides how it takes some objects. */
export function withPut(store: ObjectStore, put: (next: Put) => Put): ObjectStore {
  return {
    url: store.url,
    put: put((...args) => store.put(...args)),
    head: (...args) => store.head(...args),
    get: (...args) => store.get(...args),
    list: (...args) => store.list(...args),
    folders: (...args) => store.folders(...args),
    delete: (...args) => store.delete(...args),
    abortStaleUploads: (...args) => store.abortStaleUploads(...args),
  };
}

/** A store that fails on the first object whose key matches, after it has taken some of its bytes. */
export function failingStore(store: ObjectStore, wanted: RegExp, failure: Error): ObjectStore {
  return withPut(store, (next) => async (key, body, options) => {
    if (!wanted.test(key)) return next(key, body, options);
    if (Symbol.asyncIterator in body) for await (const _ of body) break;
    throw failure;
  });
}

/** A store that takes nothing of the parts of backups until it is told to. */
export function heldStore(store: ObjectStore): { store: ObjectStore; held: Promise<void>; release(): void } {
  const held = Promise.withResolvers<void>();
  const released = Promise.withResolvers<void>();
  return {
    store: withPut(store, (next) => async (key, body, options) => {
      if (/\.tar\.\d+$/.test(key)) {
        held.resolve();
        await released.promise;
      }
      return next(key, body, options);
    }),
    held: held.promise,
    release: () => released.resolve(),
  };
}
