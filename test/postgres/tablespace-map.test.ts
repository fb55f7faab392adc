import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from '#harness/fast-check';
import { InputInvalid } from '#model/failure';
import { parseTablespaceMap, printTablespaceMap } from '#postgres/tablespace-map';

test('a map has a line for each tablespace', () => {
  const text = '16385 /srv/fast disk\n4294967295 /srv/two\\\nlines\\\\and a backslash\n';
  const map = parseTablespaceMap(Buffer.from(text));
  assert.deepEqual(map, [
    { oid: 16385, path: '/srv/fast disk' },
    { oid: 4294967295, path: '/srv/two\nlines\\and a backslash' },
  ]);
  assert.equal(printTablespaceMap(map), text);
});

test('a map may be empty, have empty lines and end its lines with a carriage return too', () => {
  assert.deepEqual(parseTablespaceMap(Buffer.from('')), []);
  assert.deepEqual(parseTablespaceMap(Buffer.from('\n1 /a\r\n\n')), [{ oid: 1, path: '/a' }]);
});

test('what is printed is read back', () => {
  const path = fc
    .string({ unit: fc.constantFrom('a', 'ü', ' ', '\\', '\n', '\r', '/', '漢') })
    .map((text) => `/${text}`);
  const map = fc.uniqueArray(
    fc.record({ oid: fc.integer({ min: 1, max: 0xffff_ffff }), path }, { noNullPrototype: true }),
    {
      selector: ({ oid }) => oid,
    },
  );
  fc.assert(
    fc.property(map, (tablespaces) => {
      assert.deepEqual(parseTablespaceMap(Buffer.from(printTablespaceMap(tablespaces))), tablespaces);
    }),
  );
});

describe('a map is refused', () => {
  const cases: [string, string | Buffer][] = [
    ['when its last line does not end', '1 /a'],
    ['when it ends in a backslash', '1 /a\n\\'],
    ['with an oid that is none', 'x1 /a\n'],
    ['with oid 0', '0 /a\n'],
    ['with an oid too large', '4294967296 /a\n'],
    ['without a path', '1 \n'],
    ['without a space', '1/a\n'],
    ['with a relative path', '1 pg_tblspc/1\n'],
    ['with a path that no file can have', '1 /a\0b\n'],
    ['with a tablespace twice', '1 /a\n1 /b\n'],
    ['that is not UTF-8', Buffer.from('1 /caf\xe9\n', 'latin1')],
  ];
  for (const [what, bytes] of cases) {
    test(what, () => assert.throws(() => parseTablespaceMap(Buffer.from(bytes as string)), InputInvalid));
  }
});
