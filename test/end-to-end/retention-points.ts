import assert from 'node:assert/strict';
import type { Mark } from '#harness/marked-commits';
import type { ProtectedSource } from '#harness/protected-source';
import { TargetUnreachable } from '#model/failure';
import type { Manifest } from '#model/manifest';
import { parseTarget, type TargetInput } from '#model/recovery-target';
import { preparePlan } from '#recovery/prepare-plan';

/** Something that can be asked for. */
export interface Point {
  target: TargetInput;
  /** microseconds since 1970 */
  micros: bigint;
  /** what a cluster has that was restored to it */
  rows: number[];
}

/** Where a restore would stop; or that it would be refused, and why. */
export type Way = { stops: string } | { refused: TargetUnreachable };

const microsOf = ({ time }: Mark): bigint => {
  const [, toMillis, micros] = /^(.*\.\d{3})(\d{3})\+00$/.exec(time)!;
  return BigInt(Date.parse(`${toMillis!.replace(' ', 'T')}Z`)) * 1000n + BigInt(micros!);
};

const printMicros = (micros: bigint): string =>
  new Date(Number(micros / 1000n)).toISOString().replace('Z', `${String(micros % 1000n).padStart(3, '0')}Z`);

/** On timeline 1 rows up to this one; on timeline 2, which left the first one behind row 5, those from 101 on, too. */
const rowsAt = (row: number): number[] => {
  const from = (first: number, last: number) => Array.from({ length: last - first + 1 }, (_, index) => first + index);
  return row < 101 ? from(1, row) : [...from(1, 5), ...from(101, row)];
};

/** Each commit by its time and by its transaction, an instant halfway to the next one, the ends of backups, and the latest point. */
export function pointsOf(marks: readonly Mark[], backups: readonly Manifest[]): Point[] {
  const commits = marks.flatMap((mark, index): Point[] => {
    const { row, xid, time } = mark;
    const [micros, rows] = [microsOf(mark), rowsAt(row)];
    const next = marks[index + 1];
    const points: Point[] = [
      { target: { time }, micros, rows },
      { target: { xid, timeline: row < 101 ? '1' : '2' }, micros, rows },
    ];
    if (next === undefined) return [...points, { target: {}, micros: 1n << 62n, rows }];
    const halfway = (micros + microsOf(next)) / 2n;
    // between the last commit of the older timeline and the newer one's first it may be refused, before as after
    return [...points, { target: { time: printMicros(halfway) }, micros: halfway, rows }];
  });
  const ends = backups.map(({ backup, stop }): Point => {
    const micros = BigInt(Date.parse(stop.time)) * 1000n;
    const before = marks.filter((mark) => microsOf(mark) < micros).at(-1)!;
    return { target: { immediate: true, backup }, micros, rows: rowsAt(before.row) };
  });
  return [...commits, ...ends];
}

/** An instant itself: the first one of a window. */
export function pointAt(at: Date, points: readonly Point[]): Point {
  const micros = BigInt(at.getTime()) * 1000n;
  const before = points.filter((point) => point.micros <= micros && point.target.xid).at(-1);
  return { target: { time: at.toISOString() }, micros, rows: before?.rows ?? [] };
}

/** What would become of each if it was asked for now. */
export async function waysTo(vault: ProtectedSource['vault'], points: readonly Point[]): Promise<Way[]> {
  const ways: Way[] = [];
  for (const { target } of points) {
    try {
      const { plan } = await preparePlan(vault, 'orders', parseTarget(target), new AbortController().signal);
      const { timeline, stop, inclusive } = plan;
      const told = JSON.stringify({ timeline, stop, inclusive }, (_, value) =>
        typeof value === 'bigint' ? String(value) : value,
      );
      ways.push({ stops: told });
    } catch (failure) {
      if (!(failure instanceof TargetUnreachable)) throw failure;
      ways.push({ refused: failure });
    }
  }
  return ways;
}

const isSince = ({ micros }: Point, at: Date): boolean => micros >= BigInt(at.getTime()) * 1000n;

/**
 * What could be restored since `at` still can be, to the same place. What is older leads where it led, or is refused in
 * words. Answers the points since `at` that can be.
 */
export function requireNothingLost(
  at: Date,
  points: readonly Point[],
  before: readonly Way[],
  after: readonly Way[],
): Point[] {
  return points.filter((point, index) => {
    const [was, is] = [before[index]!, after[index]!];
    const asked = `${JSON.stringify(point.target)}, with the window from ${at.toISOString()}`;
    if ('stops' in is) assert.deepEqual(is, was, asked);
    else if ('refused' in was || !isSince(point, at)) requireClear(is.refused);
    else assert.fail(`${asked}: ${is.refused.message}`);
    return 'stops' in is && isSince(point, at);
  });
}

function requireClear({ message, hint }: TargetUnreachable): void {
  assert.match(message, /^orders cannot be restored to .*: /);
  assert.match(hint!, /what can be restored: .*\d+T\d+Z-(full|incr)/);
}
