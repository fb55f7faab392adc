import { setTimeout as sleep } from 'node:timers/promises';
import { acquireLease, type Lease, type LeasedWork, type LeaseOptions, readLease } from '#catalog/lease';
import { decideLease } from '#catalog/lease-state';
import { LeaseHeld } from '#model/failure';
import { leaseKey } from '#store/bucket-layout';
import type { ObjectStore } from '#store/object-store';

export interface AwaitLease extends LeaseOptions {
  holder: LeaseOptions['holder'] & { execution: string };
  signal: AbortSignal;
  /** called when there is something to wait for */
  onWait(until: Date): void;
}

/**
 * A lease for the work of an execution. Where an earlier attempt of the same execution died with it, this waits until
 * it has expired; whoever else holds it, or an attempt that still lives and renews it, is not waited for.
 * @throws LeaseHeld
 */
export async function awaitLease(
  store: ObjectStore,
  source: string,
  work: LeasedWork,
  options: AwaitLease,
): Promise<Lease> {
  const { signal, onWait, clockSkewMs = 15_000, now = () => new Date() } = options;
  const key = leaseKey(source, work);
  let seen: string | undefined;
  for (;;) {
    try {
      return await acquireLease(store, source, work, options);
    } catch (failure) {
      if (!(failure instanceof LeaseHeld)) throw failure;
      const found = await readLease(store, key);
      if (found?.state.execution !== options.holder.execution) throw failure;
      const renewed = `${found.state.holder} ${found.state.renewals}`;
      const decision = decideLease(found, now(), clockSkewMs);
      if (decision.action === 'take') continue; // it has just expired or was given back
      if (seen !== undefined && seen !== renewed) throw failure;
      seen = renewed;
      onWait(decision.until);
      await sleep(Math.max(10, decision.until.getTime() - now().getTime()), undefined, { signal });
    }
  }
}
