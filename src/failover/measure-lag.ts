import type { BucketFacts } from '#failover/move-facts';
import type { ServerAnswer, SiteFacts } from '#failover/site-facts';
import type { Lsn } from '#model/lsn';

/** How far a standby is behind what the primary has written, as far as that can be seen. */
export interface Lag {
  /** by whose word the end is known; null: nobody knows it */
  by: 'primary' | 'bucket' | null;
  end: Lsn | null;
  /** up to there the standby has not received it; null: not known */
  lostBytes: number | null;
  /** the same of what it has not replayed */
  replayBytes: number | null;
  /** from what it replayed last to what was written last; null: not known */
  ms: number | null;
}

type Answer = Extract<ServerAnswer, { state: 'answers' }>;

/** While the primary answers, its own word counts; else what is stored in the bucket, of the same system. */
export function measureLag(from: SiteFacts, standby: Answer, bucket: BucketFacts | null | undefined): Lag {
  const old = from.server.state === 'answers' ? from.server : undefined;
  const oldEnd = old && (old.role === 'primary' ? old.lsn : (old.received ?? old.lsn));
  const isStored = bucket?.systemId === standby.systemId && bucket.end !== null;
  const end = oldEnd ?? (isStored ? bucket.end : null);
  const writtenAt = old ? old.clock : isStored ? bucket.at : null;
  const replayBytes = bytesUpTo(end, standby.lsn);
  return {
    ...{ by: oldEnd != null ? ('primary' as const) : end === null ? null : ('bucket' as const), end, replayBytes },
    lostBytes: bytesUpTo(end, standby.received ?? standby.lsn),
    ms: replayBytes === 0 ? 0 : msUpTo(writtenAt, standby.replayedAt),
  };
}

const bytesUpTo = (end: Lsn | null, reached: Lsn | null): number | null =>
  end === null || reached === null ? null : Number(end > reached ? end - reached : 0n);

const msUpTo = (end: Date | null, reached: Date | null): number | null =>
  end === null || reached === null ? null : Math.max(0, end.getTime() - reached.getTime());
