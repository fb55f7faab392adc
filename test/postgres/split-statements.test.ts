import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from '#harness/fast-check';
import { splitStatements } from '#postgres/split-statements';

test('statements are split at semicolons, and comments and what only psql understands are left out', () => {
  const script = [
    '--',
    "-- it's a dump; of a cluster",
    '--',
    '',
    '\\restrict kUZuyBff;DSoMAZ',
    "SET client_encoding = 'UTF8';",
    '/* and; */ CREATE ROLE "a;b";CREATE ROLE c;',
    "COMMENT ON ROLE c IS 'one;",
    '\\two',
    "-- ''three';",
    'DO $x$ begin; $y$; end $x$;',
    "SELECT E'a\\';b';",
    '\\unrestrict kUZuyBff',
    '',
  ].join('\n');
  assert.deepEqual(splitStatements(script), [
    "SET client_encoding = 'UTF8'",
    'CREATE ROLE "a;b"',
    'CREATE ROLE c',
    "COMMENT ON ROLE c IS 'one;\n\\two\n-- ''three'",
    'DO $x$ begin; $y$; end $x$',
    "SELECT E'a\\';b'",
  ]);
});

test('nothing, and a statement without its end', () => {
  assert.deepEqual(splitStatements(''), []);
  assert.deepEqual(splitStatements('\n-- nothing\n;;'), []);
  assert.deepEqual(splitStatements("SELECT 1;\nSELECT 'not ended"), ['SELECT 1', "SELECT 'not ended"]);
});

test('names and texts of whatever characters stay whole', () => {
  const anything = fc.string({
    unit: fc.constantFrom("'", '"', ';', '\\', '\n', '-', '$', 'e', 'E', ' ', 'a', '/', '*'),
  });
  const statement = fc.tuple(anything, anything).map(([name, text]) => {
    const quoted = `"${name.replaceAll('"', '""')}"`;
    return `COMMENT ON ROLE ${quoted} IS '${text.replaceAll("'", "''")}'`;
  });
  fc.assert(
    fc.property(fc.array(statement), (statements) => {
      assert.deepEqual(splitStatements(statements.map((one) => `${one};\n`).join('\n-- between\n')), statements);
    }),
  );
});
