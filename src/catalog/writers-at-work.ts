import { readLease } from '#catalog/lease';
import { decideLease } from '#catalog/lease-state';
import { LeaseHeld } from '#model/failure';
import { leaseKey } from '#store/bucket-layout';
import type { ObjectStore } from '#store/object-store';

const clockSkewMs = 60_000;

/**
 * Nobody backs a source up or dumps it now. Its receiver may run: what it stores from now on is younger than a purge that is
 * planned now, and stays. @throws LeaseHeld
 */
export async function requireNoWriter(store: ObjectStore, source: string, now: Date): Promise<void> {
  for (const work of ['backup', 'dump'] as const) {
    const key = leaseKey(source, work);
    const decision = decideLease(await readLease(store, key), now, clockSkewMs);
    if (decision.action === 'take') continue;
    const { pid, host, acquiredAt } = decision.current;
    throw new LeaseHeld(`a ${work} of ${source} is at work: process ${pid} on ${host}, since ${acquiredAt}`, {
      operation: 'purge',
      subject: key,
      hint: `nothing was asked or deleted: wait for its end, or \`lifeboat stop\` it; take schedules.full, incremental and dump of ${source} out of the plan, so that no other begins before people have answered`,
    });
  }
}
