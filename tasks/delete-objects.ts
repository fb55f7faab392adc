import { run } from '#pipeline/run';
import type { ObjectStore } from '#store/object-store';

/** One object that goes, and the records that are about nothing else: they go before it. */
export interface Expired {
  key: string;
  sizeBytes: number;
  records?: readonly string[];
}

export interface DeleteWork {
  store: ObjectStore;
  /** that much more is gone */
  onDeleted(objects: number, bytes: number): void;
  /** looked at between objects: what is begun is finished */
  signal: AbortSignal;
}

/** One connection of S3 deletes some fifty objects a second. */
const atOnce = 32;

/**
 * Delete what comes, many at a time, in no order. What is not there any more is none the worse. An object whose records are
 * gone already is found again by who looks for it; records without their object would not be.
 */
export async function deleteObjects(work: DeleteWork, expired: AsyncIterable<Expired> | Iterable<Expired>) {
  const iterator = Symbol.asyncIterator in expired ? expired[Symbol.asyncIterator]() : expired[Symbol.iterator]();
  try {
    await run(work.signal, (signal) =>
      Array.from({ length: atOnce }, async () => {
        for (;;) {
          signal.throwIfAborted();
          const next = await iterator.next();
          if (next.done) return;
          signal.throwIfAborted();
          await deleteOne(work, next.value);
        }
      }),
    );
  } finally {
    await iterator.return?.();
  }
}

async function deleteOne({ store, onDeleted }: DeleteWork, { key, sizeBytes, records = [] }: Expired): Promise<void> {
  for (const record of records) await store.delete(record);
  await store.delete(key);
  onDeleted(1 + records.length, sizeBytes);
}

/** Everything below a prefix, as it is listed. */
export async function* objectsBelow(store: ObjectStore, prefix: string): AsyncGenerator<Expired> {
  for await (const { key, size } of store.list(prefix)) yield { key, sizeBytes: size };
}
