import { type LeasedWork, readLease } from '#catalog/lease';
import { printLease } from '#catalog/lease-state';
import { leaseKey } from '#store/bucket-layout';
import type { ObjectStore } from '#store/object-store';

/**
 * Give back the lease that an execution's task died with, so that nobody has to wait for its expiry. Only for an execution
 * whose task has ended: nobody else's lease is touched, and a holder that lives all the same loses it at its next renewal.
 */
export async function releaseLeaseOf(
  store: ObjectStore,
  source: string,
  work: LeasedWork,
  { execution, now }: { execution: string; now: Date },
): Promise<boolean> {
  const key = leaseKey(source, work);
  const found = await readLease(store, key);
  if (!found || found.state.released || found.state.execution !== execution) return false;
  const { state, etag } = found;
  const released = { ...state, expiresAt: now.toISOString(), renewals: state.renewals + 1, released: true };
  return (await store.put(key, printLease(released), { condition: { etag } })).stored;
}
