import type { Lease, LeasedWork } from '#catalog/lease';
import { thisProcess } from '#runtime/this-process';
import { awaitLease } from './await-lease.ts';
import type { JobWorld } from './task.ts';

/** `waited`: an earlier attempt had the lease until it expired, so that this one begins only now. */
export type LeaseOrEarlier<T> = { earlier: T } | { lease: Lease; waited: boolean };

/**
 * The lease for a source's work; or what an earlier attempt of the same execution did before it died without a word,
 * `findEarlier` being asked before and once more after it was waited for. The lease is the caller's to give back.
 * @throws LeaseHeld
 */
export async function leaseOrEarlier<T>(
  { vault, call, signal, log }: JobWorld,
  source: string,
  work: LeasedWork,
  findEarlier: () => Promise<T | undefined>,
): Promise<LeaseOrEarlier<T>> {
  const before = await findEarlier();
  if (before !== undefined) return { earlier: before };
  let waited = false;
  const lease = await awaitLease(vault.store, source, work, {
    holder: { ...thisProcess(), execution: call.execution },
    signal,
    onWait(until) {
      waited = true;
      log.warn('waiting for the lease of an earlier attempt to expire', { until });
    },
  });
  if (!waited) return { lease, waited };
  const meanwhile = await whileHeld(lease, findEarlier);
  if (meanwhile === undefined) return { lease, waited };
  await lease.release();
  return { earlier: meanwhile };
}

/** The lease is given back where `look` fails. */
async function whileHeld<T>(lease: Lease, look: () => Promise<T>): Promise<T> {
  try {
    return await look();
  } catch (failure) {
    await lease.release();
    throw failure;
  }
}
