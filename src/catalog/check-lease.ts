import { held, type LeasedWork, readLease } from '#catalog/lease';
import { decideLease, type LeaseDecision } from '#catalog/lease-state';
import { leaseKey } from '#store/bucket-layout';
import type { ObjectStore } from '#store/object-store';

const clockSkewMs = 15_000;

/** A look before work is started for nothing; only taking the lease decides. @throws LeaseHeld */
export async function checkLease(store: ObjectStore, source: string, work: LeasedWork, now: Date): Promise<void> {
  const decision = await lookAtLease(store, source, work, now);
  if (decision.action === 'wait') throw held(work, source, decision.current, decision.until);
}

/** When a lease that nobody renews is free; undefined when it is free now. */
export async function leaseEnd(
  store: ObjectStore,
  source: string,
  work: LeasedWork,
  now: Date,
): Promise<Date | undefined> {
  const decision = await lookAtLease(store, source, work, now);
  return decision.action === 'wait' ? decision.until : undefined;
}

async function lookAtLease(store: ObjectStore, source: string, work: LeasedWork, now: Date): Promise<LeaseDecision> {
  return decideLease(await readLease(store, leaseKey(source, work)), now, clockSkewMs);
}
