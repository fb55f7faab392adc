import { InputInvalid } from '#model/failure';

/** Bytes `[start, end)` of an object. */
export interface Span {
  start: number;
  end: number;
}

/** @throws InputInvalid for a range that is not made of whole numbers, or asks for no bytes. */
export function checkRange(range: { start: number; length?: number } | undefined): void {
  if (range === undefined) return;
  if (!Number.isSafeInteger(range.start) || range.start < 0) {
    throw new InputInvalid('range.start', range.start, 'a whole number of bytes');
  }
  if (range.length !== undefined && !(Number.isSafeInteger(range.length) && range.length > 0)) {
    throw new InputInvalid('range.length', range.length, 'a whole number of bytes, at least 1');
  }
}

/**
 * What a range means for an object of this size: it is cut at the end.
 * @throws InputInvalid when it starts at or beyond the end; only an empty object may be read from 0.
 */
export function spanOf(range: { start: number; length?: number } | undefined, sizeBytes: number, key: string): Span {
  checkRange(range);
  const start = range?.start ?? 0;
  if (start >= sizeBytes && start > 0) {
    throw new InputInvalid('range.start', start, `a byte of ${key}, which has ${sizeBytes}`);
  }
  return { start, end: Math.min(sizeBytes, start + (range?.length ?? sizeBytes)) };
}
