import { StoreRefused } from '#model/failure';
import type { ObjectStore } from '#store/object-store';

/** Far longer than anything takes to be stored. */
const leftoverMs = 3 * 24 * 3600 * 1000;

/** Puts that were killed leave pieces that nobody sees and somebody pays for. */
export async function clearLeftovers(
  store: ObjectStore,
  { startedAt, onWarning }: { startedAt: Date; onWarning(text: string): void },
): Promise<void> {
  try {
    await store.abortStaleUploads(new Date(startedAt.getTime() - leftoverMs));
  } catch (failure) {
    // A role that may only put objects leaves this to the bucket's lifecycle rule.
    if (failure instanceof StoreRefused) return;
    onWarning(`leftovers of puts that never completed could not be removed: ${(failure as Error).message}`);
  }
}
