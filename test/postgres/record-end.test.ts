import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatLsn, parseLsn } from '#model/lsn';
import { recordEnd } from '#postgres/record-end';

const wal = { pageSize: 8192, segmentSize: 1 << 24 };

/** As measured: where a server's last checkpoint lay, and what its standby said that it had received. */
const measured: [start: string, end: string][] = [
  ['0/1763AD8', '0/1763B50'],
  ['0/1775050', '0/17750C8'],
];

test('a record ends at a multiple of eight', () => {
  for (const [start, end] of measured) assert.equal(formatLsn(recordEnd(parseLsn(start), 114, wal)), end);
});

test('one that fills its page ends with it, and one that goes on counts the headers in between', () => {
  const end = (start: string, lengthBytes: number) => formatLsn(recordEnd(parseLsn(start), lengthBytes, wal));
  assert.equal(end('0/1001F88', 114), '0/1002000');
  assert.equal(end('0/1001F90', 114), '0/1002020');
  assert.equal(end('0/1FFFFF0', 114), '0/2000090');
  assert.equal(end('0/1001000', 2 * 8192), '0/1005030');
});
