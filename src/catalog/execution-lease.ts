import { randomUUID } from 'node:crypto';
import { held, type LeasedWork, readLease, replaceLease } from '#catalog/lease';
import { decideLease, type LeaseState } from '#catalog/lease-state';
import { leaseKey } from '#store/bucket-layout';
import type { ObjectStore } from '#store/object-store';

/** Longer than most steps of a machine take, with their retries. */
const stepMs = 30 * 60_000;
const clockSkewMs = 15_000;

export interface ExecutionHolder {
  /** its ARN */
  execution: string;
  host: string;
  pid: number;
  now: Date;
  /** of the longest step */
  durationMs?: number;
  /** whether a real move may take it over at once */
  yields?: boolean;
}

/**
 * A lease that an execution holds from step to step: each step takes or renews it before it changes anything, and whoever lost it
 * to another execution changes nothing any more. Given back by releaseLeaseOf; else free half an hour after the last step.
 * @throws LeaseHeld when another execution has it
 */
export async function holdLease(
  store: ObjectStore,
  source: string,
  work: LeasedWork,
  { execution, host, pid, now, durationMs = stepMs, yields = false }: ExecutionHolder,
): Promise<void> {
  const key = leaseKey(source, work);
  const found = await readLease(store, key);
  const ours = found !== undefined && !found.state.released && found.state.execution === execution;
  const decision = ours
    ? ({ action: 'take', condition: { etag: found.etag } } as const)
    : decideLease(found, now, clockSkewMs);
  if (decision.action === 'wait') throw held(work, source, decision.current, decision.until);
  const state: LeaseState = {
    ...{ holder: ours ? found.state.holder : randomUUID(), host, pid, execution },
    acquiredAt: ours ? found.state.acquiredAt : now.toISOString(),
    expiresAt: new Date(now.getTime() + durationMs).toISOString(),
    durationMs,
    renewals: ours ? found.state.renewals + 1 : 0,
    released: false,
    ...(yields && { yields }),
  };
  if ((await replaceLease(store, key, state, decision.condition)) !== undefined) return;
  const winner = await readLease(store, key);
  if (winner?.state.execution === execution && !winner.state.released) return; // two answers of the same step
  throw held(work, source, winner?.state, winner && new Date(winner.state.expiresAt));
}

/** Whether it is this execution's, which has not given it back. */
export async function holdsLease(
  store: ObjectStore,
  source: string,
  work: LeasedWork,
  execution: string,
): Promise<boolean> {
  const found = await readLease(store, leaseKey(source, work));
  return found !== undefined && !found.state.released && found.state.execution === execution;
}
