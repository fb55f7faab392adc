import { formatTable } from '#cli/format-table';
import { formatBytes } from '#model/format-bytes';
import type { RetentionPlan } from '#model/retention-record';

/** Line by line what goes and why, and what stays by which rule. */
export const expiryTables = ({ goes, keeps }: RetentionPlan): string[] => [
  ...tableOf('GOES', ['WHAT', 'AT', 'STORED', 'WHY'], goes.map(goesRow)),
  ...tableOf(
    'STAYS',
    ['WHAT', 'AT', 'STORED', 'BY'],
    keeps.map(({ id, what, at, storedBytes, rules }) => [
      ...[id, what, at ?? ''],
      ...[at === null ? '' : formatBytes(storedBytes), rules.join(', ')],
    ]),
  ),
];

const goesRow = ({ id, what, at, storedBytes, why }: RetentionPlan['goes'][number]): string[] => [
  ...[id, what, at ?? ''],
  ...[storedBytes === null ? '' : formatBytes(storedBytes), why],
];

const tableOf = (title: string, head: string[], rows: string[][]): string[] =>
  rows.length === 0 ? [] : ['', formatTable([[title, ...head], ...rows])];
