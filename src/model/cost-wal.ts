import { daysPerMonth } from '#model/cost-line';
import type { Stay } from '#model/cost-stays';
import type { Lot } from '#model/cost-storage';
import { work } from '#model/cost-work';

export interface WalCostFacts {
  walBytesPerDay: number;
  walChunkSeconds: number;
  chunkDays: number;
  ratio: number;
  wal: readonly Stay[];
}

/** Whole segments, and beside them the chunks that hold the same until they go. */
export function walLots(facts: WalCostFacts): Lot[] {
  const { walBytesPerDay, ratio, wal, chunkDays } = facts;
  const chunks = chunksPerDay(facts);
  const segments = wal.map(
    ({ perMonth, days }): Lot => ({
      bytesPerMonth: (perMonth * walBytesPerDay) / ratio,
      objectsPerMonth: (perMonth * walBytesPerDay) / work.segmentBytes,
      days,
      cold: true,
    }),
  );
  if (chunks === 0) return segments;
  return [
    ...segments,
    {
      bytesPerMonth: (walBytesPerDay * daysPerMonth) / ratio,
      objectsPerMonth: chunks * daysPerMonth,
      days: chunkDays,
      cold: false,
    },
  ];
}

/** Chunks of a busy server, and a segment for each that was filled. */
export const walObjectsPerDay = (facts: Pick<WalCostFacts, 'walBytesPerDay' | 'walChunkSeconds'>): number =>
  facts.walBytesPerDay / work.segmentBytes + chunksPerDay(facts);

function chunksPerDay({ walBytesPerDay, walChunkSeconds }: Pick<WalCostFacts, 'walBytesPerDay' | 'walChunkSeconds'>) {
  const chunks = 86_400 / walChunkSeconds;
  // who fills segments faster than chunks are due stores no chunks
  return walBytesPerDay / work.segmentBytes >= chunks ? 0 : chunks;
}
