import { indexObject } from '#catalog/index-object';
import { objectCreated } from '#model/object-created';
import { keyInBucket, parseObjectKey } from '#model/object-key';
import { edge } from './edge.ts';

/** Every manifest and every verified piece of WAL gets into the catalog. */
export const handler = edge({
  name: 'metadata-indexer',
  input: objectCreated,

  async run({ detail }, { plan, vault }) {
    const key = keyInBucket(plan, detail.object.key);
    const object = key === undefined ? undefined : parseObjectKey(key);
    if (!object) return { key: detail.object.key, outcome: 'ignored' };
    return { key: object.key, outcome: await indexObject(vault.store, object) };
  },
});
