import { isRecorded, type Recorded, recordEvidence } from '#catalog/evidence';
import { type EndedExecution, endedUnrecorded } from '#model/ended-unrecorded';
import type { Plan } from '#model/plan';
import type { ObjectStore } from '#store/object-store';

/**
 * Record the end of an execution that could not do so itself, once, whoever sees it how often. undefined: there is nothing to record,
 * or it has. @throws what the store does
 */
export async function recordEnding(
  store: ObjectStore,
  { failover }: Pick<Plan, 'failover'>,
  ended: EndedExecution,
): Promise<Recorded | undefined> {
  const only = failover.length === 1 ? failover[0] : undefined;
  const found = endedUnrecorded(
    ended,
    (group) => (group === undefined ? only : failover.find(({ name }) => name === group))?.source ?? null,
  );
  if (!found) return undefined;
  for (const id of found.done) if (await isRecorded(store, id)) return undefined;
  return recordEvidence(store, found.deed);
}
