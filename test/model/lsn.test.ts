import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from '#harness/fast-check';
import { InputInvalid } from '#model/failure';
import { advance, compareLsn, formatLsn, lsn, maxLsn, parseLsn } from '#model/lsn';

const positions = fc.bigInt({ min: 0n, max: 0xffff_ffff_ffff_ffffn }).map(lsn);

test('a position is printed as PostgreSQL prints it: upper case, without leading zeros', () => {
  assert.equal(formatLsn(lsn(0n)), '0/0');
  assert.equal(formatLsn(lsn(0x16_b374_d848n)), '16/B374D848');
  assert.equal(formatLsn(lsn(0x1_0000_0000n)), '1/0');
  assert.equal(formatLsn(lsn(0xffff_ffff_ffff_ffffn)), 'FFFFFFFF/FFFFFFFF');
});

test('every position survives printing and reading', () => {
  fc.assert(fc.property(positions, (position) => parseLsn(formatLsn(position)) === position));
});

test('lower case and leading zeros are read, too', () => {
  assert.equal(parseLsn('16/b374d848'), 0x16_b374_d848n);
  assert.equal(parseLsn('00000016/0000000A'), 0x16_0000_000an);
});

test('positions are ordered by number, not by text', () => {
  const [nine, ten] = [parseLsn('9/0'), parseLsn('10/0')];
  assert.ok('9/0' > '10/0');
  assert.equal(compareLsn(nine, ten), -1);
  assert.equal(compareLsn(ten, nine), 1);
  assert.equal(compareLsn(ten, ten), 0);
  assert.equal(maxLsn(nine, ten), ten);
  assert.equal(maxLsn(ten, nine), ten);
});

test('advancing by a distance arrives, also backwards', () => {
  assert.equal(advance(parseLsn('0/20'), -16), parseLsn('0/10'));
  assert.equal(advance(parseLsn('0/FFFFFFFF'), 1), parseLsn('1/0'));
  fc.assert(fc.property(positions, positions, (a, b) => advance(a, b - a) === b));
});

for (const text of [
  '',
  '16',
  '16/',
  '/16',
  '16/G',
  '16/123456789',
  '123456789/0',
  '0x16/0',
  '16/0 ',
  '1/2/3',
  '-1/0',
]) {
  test(`"${text}" is refused with the field, the value and what is allowed`, () => {
    assert.throws(
      () => parseLsn(text, 'target lsn'),
      (failure: unknown) => {
        assert.ok(failure instanceof InputInvalid);
        assert.equal(failure.field, 'target lsn');
        assert.equal(
          failure.message,
          `target lsn: "${text}" is not allowed: expected two hexadecimal numbers with a slash, like 16/B374D848`,
        );
        return true;
      },
    );
  });
}
