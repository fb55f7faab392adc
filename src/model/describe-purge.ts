import { describeRetention, goesInWords } from '#model/describe-retention';
import { formatBytes } from '#model/format-bytes';
import type { RetentionPlan } from '#model/retention-record';

/** How much WAL goes: counted by who has listed it. */
interface GoingWal {
  pieces: number;
  chunks: number;
  bytes: number;
}

/** In one line what people say yes to; null: nothing of it is in the bucket, or nothing may go. */
export function purgeInWords(plan: RetentionPlan, wal: GoingWal): string | null {
  const pieces = wal.pieces + wal.chunks;
  const words = [...(plan.goes.length > 0 ? [goesInWords(plan)] : []), ...(pieces > 0 ? [walInWords(wal)] : [])];
  return words.length === 0 ? null : words.join(', and ');
}

/** The plan as a person reads it, with its reason, the WAL as it is counted now, and how much goes in all. */
export const describePurge = (plan: RetentionPlan, wal: GoingWal): string =>
  [
    describeRetention(plan),
    ...(wal.pieces + wal.chunks > 0 ? [`  WAL now      ${walInWords(wal)}`] : []),
    `  altogether   ${formatBytes(plan.bytes + wal.bytes)}`,
  ].join('\n');

const walInWords = ({ pieces, chunks, bytes }: GoingWal): string => {
  const count = pieces + chunks;
  return `${count} ${count === 1 ? 'piece' : 'pieces'} of WAL: ${formatBytes(bytes)}`;
};
