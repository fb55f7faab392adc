import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatBytes } from '#model/format-bytes';

test('bytes are told in three digits and the unit that fits', () => {
  const told = [0, 1, 999, 1000, 1024, 1536, 123_456, 1_048_575, 1_048_576, 1.5 * 2 ** 30, 2 ** 40, 2 ** 60].map(
    formatBytes,
  );
  assert.deepEqual(told, [
    '0 B',
    '1 B',
    '999 B',
    '0.977 KiB',
    '1.00 KiB',
    '1.50 KiB',
    '121 KiB',
    '1.00 MiB',
    '1.00 MiB',
    '1.50 GiB',
    '1.00 TiB',
    '1.02e+3 PiB',
  ]);
});
