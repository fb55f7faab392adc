import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatDuration, parseDuration } from '#model/duration';
import { InputInvalid } from '#model/failure';

test('a duration is a whole number and one unit', () => {
  assert.deepEqual(
    ['30s', '15m', '1h', '7d'].map((text) => parseDuration(text)),
    [30_000, 900_000, 3_600_000, 604_800_000],
  );
});

for (const text of ['', '15', 'm', '0s', '-1h', '1.5h', '1 h', '1h30m', '1w', '1H', '1ms']) {
  test(`"${text}" is not a duration`, () => assert.throws(() => parseDuration(text, 'rpo'), InputInvalid));
}

test('a duration is printed with its two largest units', () => {
  const printed = [0, 499, 1_000, 59_600, 61_000, 3_600_000, 5_400_000, 3_601_000, 90_061_000, -5].map(formatDuration);
  assert.deepEqual(printed, ['0s', '0.5s', '1s', '1m', '1m 1s', '1h', '1h 30m', '1h', '1d 1h', '0s']);
});
