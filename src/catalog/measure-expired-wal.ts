import { expiredWal } from '#catalog/expire-wal';
import type { RetentionPlan } from '#model/retention-record';
import type { ObjectStore } from '#store/object-store';

/** How much WAL goes by a plan. */
export interface ExpiringWal {
  /** that nothing needs */
  pieces: number;
  /** of segments that are stored as a whole */
  chunks: number;
  bytes: number;
}

/** Lists all WAL of the source once. */
export async function measureExpiredWal(
  store: ObjectStore,
  plan: RetentionPlan,
  signal: AbortSignal,
): Promise<ExpiringWal> {
  const measured = { pieces: 0, chunks: 0, bytes: 0 };
  for (const rule of plan.wal) {
    for await (const { what, object } of expiredWal(store, plan, rule)) {
      signal.throwIfAborted();
      measured[what === 'piece' ? 'pieces' : 'chunks']++;
      measured.bytes += object.size;
    }
  }
  return measured;
}
