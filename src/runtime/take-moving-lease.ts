import { holdLease } from '#catalog/execution-lease';
import { readLease } from '#catalog/lease';
import { releaseLeaseOf } from '#catalog/release-lease';
import { stackOf } from '#model/arn';
import { LeaseHeld } from '#model/failure';
import type { FunctionWorld } from '#runtime/function-world';
import { hasEnded } from '#runtime/has-ended';
import { thisProcess } from '#runtime/this-process';
import { leaseKey } from '#store/bucket-layout';

/**
 * The lease under which a source's primary is moved or its system recovered, for the first step of an execution. What an execution
 * held that was stopped, or died, is free at once: in the night nobody waits half an hour for the dead. Nor for a rehearsal, which
 * gives way.
 * @throws LeaseHeld while the other one runs, or where nobody can say
 */
export async function takeMovingLease(world: FunctionWorld, source: string, execution: string): Promise<void> {
  const { store } = world.vault;
  const hold = () => holdLease(store, source, 'failover', { execution, ...thisProcess(), now: world.now() });
  try {
    await hold();
  } catch (failure) {
    if (!(failure instanceof LeaseHeld)) throw failure;
    const { execution: holder, yields } = (await readLease(store, leaseKey(source, 'failover')))?.state ?? {};
    if (!holder || !(yields || (await hasEnded(world, holder, stackOf(execution))))) throw failure;
    await releaseLeaseOf(store, source, 'failover', { execution: holder, now: world.now() });
    await hold();
  }
}
