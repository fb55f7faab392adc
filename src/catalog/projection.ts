import { z } from 'zod';
import { ObjectMissing, StoreUnavailable } from '#model/failure';
import { type BackupSummary, summarySchema } from '#model/manifest';
import { catalogKey } from '#store/bucket-layout';
import type { ObjectStore } from '#store/object-store';
import { readObject } from '#store/read-object';

/**
 * What is known of a source's backups, in one object, so that listing does not cost more as they pile up. It only
 * saves reads: what it does not say is looked up in the backups' folders, and nothing is restored by its word.
 */
const catalogSchema = z.object({ format: z.literal('lifeboat-catalog/1'), backups: z.array(summarySchema) });

const maxCatalogBytes = 256 << 20;
const tries = 20;

export interface StoredCatalog {
  backups: BackupSummary[];
  /** the generation that was read; undefined when there is none yet */
  etag: string | undefined;
}

/** Empty when there is none, or when it is not one: it can be rebuilt. */
export async function readCatalog(store: ObjectStore, source: string): Promise<StoredCatalog> {
  const key = catalogKey(source);
  const object = await store.head(key);
  if (!object) return { backups: [], etag: undefined };
  try {
    const bytes = await readObject(store, key, { maxBytes: maxCatalogBytes });
    const parsed = catalogSchema.safeParse(JSON.parse(bytes.toString('utf8')));
    return { backups: parsed.success ? parsed.data.backups : [], etag: object.etag };
  } catch (failure) {
    if (failure instanceof SyntaxError) return { backups: [], etag: object.etag };
    if (failure instanceof ObjectMissing) return { backups: [], etag: undefined };
    throw failure;
  }
}

/** Change it as one step, however many do so at once. @throws StoreUnavailable when others are faster every time */
export async function recordInCatalog(
  store: ObjectStore,
  source: string,
  change: (known: readonly BackupSummary[]) => BackupSummary[],
): Promise<void> {
  const key = catalogKey(source);
  for (let attempt = 0; attempt < tries; attempt++) {
    const { backups, etag } = await readCatalog(store, source);
    const byId = new Map(change(backups).map((summary) => [summary.backup, summary]));
    const sorted = [...byId.values()].sort((a, b) => (a.backup < b.backup ? -1 : 1));
    const body = Buffer.from(JSON.stringify({ format: 'lifeboat-catalog/1', backups: sorted }));
    const outcome = await store.put(key, body, { condition: etag === undefined ? 'absent' : { etag } });
    if (outcome.stored) return;
  }
  throw new StoreUnavailable(`${key} was changed by others ${tries} times in a row`, {
    operation: 'record in catalog',
    subject: key,
  });
}
