import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readField, writeField } from '#failover/secret-field';
import fc from '#harness/fast-check';

test('whatever else is in a secret is the same afterwards', () => {
  const secret = fc.dictionary(fc.string(), fc.jsonValue());
  fc.assert(
    fc.property(secret, fc.string(), fc.string(), (fields, field, value) => {
      const text = JSON.stringify({ ...fields, [field]: 'before' });
      const written = writeField(text, field, value);
      assert.equal(readField(written, field), value);
      assert.equal(writeField(written, field, 'before'), text);
      const without = writeField(text, field, null);
      assert.equal(readField(without, field), null);
      assert.deepEqual({ ...JSON.parse(without), [field]: 'before' }, JSON.parse(text));
    }),
  );
});

test('a number is written as it was, to its last digit', () => {
  const text = '{"host":"east","big":12345678901234567890,"small":1.10,"deep":{"list":[1e400]}}';
  assert.equal(writeField(text, 'host', 'west'), text.replace('east', 'west'));
  assert.equal(readField(text, 'big'), '12345678901234567890');
});

test('what is no secret of fields is refused without a word of it', () => {
  for (const text of ['hunter2', '"hunter2"', '["hunter2"]', '271828182845', 'null', 'true', '{"hunter2"'])
    for (const call of [() => readField(text, 'host'), () => writeField(text, 'host', 'west')])
      assert.throws(call, (error: Error) => !/hunter2|271828182845/.test(`${error.stack}${String(error.cause)}`));
});
