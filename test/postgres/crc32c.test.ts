import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from '#harness/fast-check';
import { crc32c } from '#postgres/crc32c';

/** RFC 3720, appendix B.4, and the usual check value. */
const known: [string, Buffer, number][] = [
  ['nothing', Buffer.alloc(0), 0],
  ['the digits 1 to 9', Buffer.from('123456789'), 0xe3069283],
  ['32 zeros', Buffer.alloc(32), 0x8a9136aa],
  ['32 ones', Buffer.alloc(32, 0xff), 0x62a8ab43],
  ['0 to 31', Buffer.from(Array.from({ length: 32 }, (_, index) => index)), 0x46dd794e],
];

for (const [name, bytes, expected] of known) {
  test(`the CRC-32C of ${name}`, () => assert.equal(crc32c(bytes), expected));
}

test('a CRC-32C can be taken piece by piece', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), fc.nat(100), (bytes, cut) => {
      const at = Math.min(cut, bytes.length);
      assert.equal(crc32c(bytes.subarray(at), crc32c(bytes.subarray(0, at))), crc32c(bytes));
      assert.equal(crc32c(bytes, 0, at), crc32c(bytes.subarray(at)));
    }),
  );
});
