import type { Lived } from './retention-scene.ts';

export interface Place {
  name: string;
  windowStart(lived: Lived): Date;
  /** what is left is restored there, too, and servers are started; elsewhere it is planned */
  restores?: true;
}

const dayMs = 24 * 3_600_000;

const at = (time: string, ms: number) => new Date(Date.parse(time.replace(' ', 'T').replace('+00', 'Z')) + ms);

const atRow =
  (row: number, ms = 0) =>
  ({ marks }: Lived) =>
    at(marks.find((mark) => mark.row === row)!.time, ms);

const atEnd =
  (backup: number, ms = 0) =>
  ({ backups }: Lived) =>
    at(backups[backup]!.stop.time, ms);

/** Where a window may begin in the life that retention-scene.ts tells, in order. */
export const places: Place[] = [
  { name: 'just before the first backup ends', windowStart: atEnd(0, -1) },
  { name: 'as the first backup ends', windowStart: atEnd(0) },
  { name: 'with a commit behind it', windowStart: atRow(3) },
  { name: 'just before the second backup ends', windowStart: atEnd(1, -1) },
  { name: 'as the second backup ends', windowStart: atEnd(1), restores: true },
  { name: 'between two commits before the timelines part', windowStart: atRow(4, 1) },
  { name: 'as a backup ends that does not lead to the newer timeline', windowStart: atEnd(2), restores: true },
  { name: 'with a commit that the newer timeline does not have', windowStart: atRow(8) },
  { name: 'with the first commit of the newer timeline', windowStart: atRow(101), restores: true },
  { name: 'as the first backup of the newer timeline ends', windowStart: atEnd(3) },
  { name: 'with a commit behind that', windowStart: atRow(103) },
  { name: 'as the last backup ends', windowStart: atEnd(4), restores: true },
  { name: 'after everything', windowStart: atRow(106, 1) },
  { name: 'two days after everything', windowStart: atRow(106, 2 * dayMs) },
];
