import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import fc from '#harness/fast-check';
import { InputInvalid } from '#model/failure';
import { decodePlanData, encodePlanData } from '#model/plan-data';

test('a text comes back as it was', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => decodePlanData(encodePlanData(text)) === text.toWellFormed()),
  );
});

test('the same text is the same data, so that nothing is deployed for nothing', () => {
  assert.equal(encodePlanData('bucket: stack\n'), encodePlanData('bucket: stack\n'));
  assert.match(encodePlanData('bucket: stack\n'), /^H4sIAAAAAAACA/);
});

const good = encodePlanData('bucket: stack\n'.repeat(20));
const bomb = gzipSync(Buffer.alloc(64 << 20)).toString('base64');
for (const [what, data, found] of [
  ['no base64', 'bucket: stack', /13 characters that are not base64/],
  ['base64 of something else', randomBytes(60).toString('base64'), /Z_DATA_ERROR/],
  ['what was cut', good.slice(0, 32), /Z_BUF_ERROR/],
  ['what was changed', `${good.slice(0, 20)}AAAA${good.slice(24)}`, /Z_DATA_ERROR/],
  ['what inflates to more than a plan', bomb, /more than 4194304 bytes/],
] as const) {
  test(`${what} is refused by the name of the variable`, () => {
    assert.throws(
      () => decodePlanData(data),
      (error) => {
        assert.ok(error instanceof InputInvalid);
        assert.equal(error.field, 'LIFEBOAT_PLAN_DATA');
        assert.match(error.message, found);
        assert.match(error.hint!, /deploy/);
        return true;
      },
    );
  });
}
