import { formatLsn, type Lsn, parseLsn } from '#model/lsn';
import { type LsnRange, subtractRanges } from '#model/lsn-range';

/** WAL without a hole that was read back: `[start, end)`, LSNs as text. */
export interface VerifiedStretch {
  start: string;
  end: string;
  /** of the object that reaches furthest */
  last: StretchEnd;
}

export interface StretchEnd {
  /** of its last commit; null: there is none in it */
  commitTime: string | null;
  /** the server's clock when it sent the last byte */
  time: string;
  storedAt: string;
  verifiedAt: string;
}

/** One object's WAL. */
export type PieceRead = VerifiedStretch;

/**
 * Put one more piece into the stretches of a timeline, which are in order and neither overlap nor touch. Pieces may come
 * in any order and again: the outcome is the same.
 */
export function withPiece(stretches: readonly VerifiedStretch[], piece: PieceRead): VerifiedStretch[] {
  const before: VerifiedStretch[] = [];
  const after: VerifiedStretch[] = [];
  let joined = piece;
  for (const stretch of stretches) {
    if (parseLsn(stretch.end) < parseLsn(joined.start)) before.push(stretch);
    else if (parseLsn(stretch.start) > parseLsn(joined.end)) after.push(stretch);
    else joined = join(joined, stretch);
  }
  return [...before, joined, ...after];
}

/** Nobody knows what was committed by the end of what was cut: so nothing is claimed of it. */
const unknownTime = new Date(0).toISOString();

/** The stretches of a timeline without what is no longer stored; `gone` is in order, too. */
export function withoutWal(stretches: readonly VerifiedStretch[], gone: readonly LsnRange[]): VerifiedStretch[] {
  return stretches.flatMap(({ start, end, last }) => {
    const whole = { start: parseLsn(start), end: parseLsn(end) };
    return subtractRanges([whole], gone).map((left): VerifiedStretch => {
      const known = left.end === whole.end ? last : { ...last, commitTime: null, time: unknownTime };
      return { start: formatLsn(left.start), end: formatLsn(left.end), last: known };
    });
  });
}

function join(a: VerifiedStretch, b: VerifiedStretch): VerifiedStretch {
  const [startA, startB, endA, endB] = [a.start, b.start, a.end, b.end].map((text) => parseLsn(text)) as [
    Lsn,
    Lsn,
    Lsn,
    Lsn,
  ];
  const last = endA > endB ? a.last : endB > endA ? b.last : later(a.last, b.last);
  return { start: startA < startB ? a.start : b.start, end: endA > endB ? a.end : b.end, last };
}

/** Of two objects that end at the same byte, the one that tells more; and else the same one whichever came first. */
function later(a: StretchEnd, b: StretchEnd): StretchEnd {
  const rank = (end: StretchEnd) => [committedUntil(end), end.verifiedAt, end.storedAt, end.time].join(' ');
  return rank(a) >= rank(b) ? a : b;
}

/** Everything that was committed until then is in WAL that ends like this. ISO 8601 */
export const committedUntil = ({ commitTime, time }: StretchEnd): string => new Date(commitTime ?? time).toISOString();

/** The stretch that holds the byte before a position. */
export function stretchBefore(stretches: readonly VerifiedStretch[], position: Lsn): VerifiedStretch | undefined {
  return stretches.find(({ start, end }) => parseLsn(start) < position && position <= parseLsn(end));
}
