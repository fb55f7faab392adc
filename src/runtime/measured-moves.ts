import { readProjection } from '#catalog/change-projection';
import { evidenceEnd } from '#catalog/evidence';
import { readRecord } from '#catalog/put-record';
import type { MeasuredMove } from '#failover/move-facts';
import { evidenceSchema } from '#model/evidence';
import { evidenceKey } from '#store/bucket-layout';
import type { ObjectStore } from '#store/object-store';

const mostRead = 20;

/** How long a source's last moves took, newest first: of the newest records of the evidence, however long that is. */
export async function measuredMoves(store: ObjectStore, source: string): Promise<MeasuredMove[]> {
  const { recent } = await readProjection(store, evidenceEnd);
  const moves = recent.filter(({ id }) => /[:_](?:failover|failback):/.test(id)).slice(-mostRead);
  const records = await Promise.all(
    moves.map(({ sequence }) => readRecord(store, evidenceKey(sequence), evidenceSchema)),
  );
  return records.reverse().flatMap((record): MeasuredMove[] => {
    const { details } = record ?? {};
    if (!record || record.source !== source || details?.kind !== 'failover' || details.rtoMs === null) return [];
    return [{ mode: details.mode ?? 'failover', rtoMs: details.rtoMs, at: new Date(record.when) }];
  });
}
