import { objectCreated } from '#model/object-created';
import { keyInBucket, parseObjectKey } from '#model/object-key';
import { objectMetrics } from '#model/task-metrics';
import { readBack } from '#recovery/read-back';
import { edge } from './edge.ts';

/**
 * Every manifest and piece of WAL is read back once it has arrived. Damage is an answer and not a failure: it is
 * recorded, and the watch tells people. What could not be looked at is thrown, so that the event comes again.
 */
export const handler = edge({
  name: 'checksum-verifier',
  input: objectCreated,

  async run({ detail }, { plan, vault, now, measure }, logger) {
    const key = keyInBucket(plan, detail.object.key);
    const object = key === undefined ? undefined : parseObjectKey(key);
    if (!object) return { key: detail.object.key, ok: true, outcome: 'ignored', damage: [] };
    const outcome = await readBack(vault, object, { now, signal: AbortSignal.timeout(840_000) });
    if (!outcome.ok) logger.error('damaged', { ...outcome });
    await measure?.(objectMetrics(object.source, outcome.outcome));
    return outcome;
  },
});
