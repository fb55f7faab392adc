import { approvalTokensFolder, executionsFolder, noticesFolder } from '#store/bucket-layout';
import type { ObjectStore } from '#store/object-store';
import { deleteObjects, type Expired } from './delete-objects.ts';

/** As long as Step Functions keeps executions, and as S3's rules say where there are some (src/stack/storage.ts). */
const recordMs = 90 * 24 * 3600 * 1000;

/** Delete what tasks left for their executions, that notices were told, and tokens for answers, long after. Answers how many objects. */
export async function expireOldRecords(
  store: ObjectStore,
  { now, signal }: { now: Date; signal: AbortSignal },
): Promise<number> {
  const before = new Date(now.getTime() - recordMs);
  let count = 0;
  for (const folder of [approvalTokensFolder, executionsFolder, noticesFolder]) {
    const onDeleted = (objects: number) => {
      count += objects;
    };
    await deleteObjects({ store, signal, onDeleted }, oldBelow(store, folder, before));
  }
  return count;
}

async function* oldBelow(store: ObjectStore, folder: string, before: Date): AsyncGenerator<Expired> {
  for await (const { key, size, lastModified } of store.list(folder))
    if (lastModified < before) yield { key, sizeBytes: size };
}
