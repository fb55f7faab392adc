import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from '#harness/fast-check';
import { printCsv } from '#model/csv';

/** Fields of one line, as RFC 4180 has them. */
const read = (line: string): string[] =>
  [...line.matchAll(/"((?:[^"]|"")*)"(?:,|\r\n$)/g)].map(([, value]) => value!.replaceAll('""', '"'));

test('every field comes back as it was, or with an apostrophe in front of what a spreadsheet would carry out', () => {
  fc.assert(
    fc.property(fc.array(fc.string({ unit: 'binary' }), { minLength: 1 }), (fields) => {
      const back = read(printCsv(fields, []));
      assert.equal(back.length, fields.length);
      for (const [index, field] of fields.entries()) assert.ok(back[index] === field || back[index] === `'${field}`);
    }),
  );
});

test('no field begins as a formula does, whatever stands in front that is not seen', () => {
  const unseen = fc.constantFrom('', ' ', '\t', '\r', '\n', '\u00a0', '\u200b', '\ufeff', '\u0000', ' \t ');
  const sign = fc.constantFrom('=', '+', '-', '@', '＝', '＋', '－', '＠');
  fc.assert(
    fc.property(unseen, sign, fc.string(), (front, first, rest) => {
      assert.equal(read(printCsv([front + first + rest], []))[0], `'${front}${first}${rest}`);
    }),
  );
});
