import type { ObjectStore } from '#store/object-store';

export interface RequestCounts {
  head: number;
  get: number;
  put: number;
  /** objects and folders that listings answered: S3 answers a thousand of them a request */
  listed: number;
}

/** A store, and what was asked of it. */
export function countedStore(store: ObjectStore): { store: ObjectStore; counts: RequestCounts } {
  const counts: RequestCounts = { head: 0, get: 0, put: 0, listed: 0 };
  async function* counted<T>(items: AsyncIterable<T>): AsyncGenerator<T> {
    for await (const item of items) {
      counts.listed++;
      yield item;
    }
  }
  const own: ObjectStore = {
    url: store.url,
    put: (...args) => {
      counts.put++;
      return store.put(...args);
    },
    head: (...args) => {
      counts.head++;
      return store.head(...args);
    },
    get: (...args) => {
      counts.get++;
      return store.get(...args);
    },
    list: (...args) => counted(store.list(...args)),
    folders: (...args) => counted(store.folders(...args)),
    delete: (...args) => store.delete(...args),
    abortStaleUploads: (...args) => store.abortStaleUploads(...args),
  };
  return { store: own, counts };
}
