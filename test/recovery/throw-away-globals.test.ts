import assert from 'node:assert/strict';
import { test } from 'node:test';
import { throwAwayGlobals } from '#recovery/throw-away-globals';

const globals = (...statements: string[]) =>
  throwAwayGlobals(statements.map((one) => `${one};\n`).join(''), '/throw away/x');
const role = (name: string, attributes = 'NOSUPERUSER INHERIT') => [
  `CREATE ROLE ${name}`,
  `ALTER ROLE ${name} WITH ${attributes}`,
];

test('the role that initdb makes is not made once more, and nothing else is left out', () => {
  const { superuser, statements } = globals(
    ...role('"Ad;min"', 'SUPERUSER INHERIT'),
    ...role('postgres', 'SUPERUSER INHERIT'),
    ...role('shop'),
    `COMMENT ON ROLE shop IS 'a\nCREATE ROLE postgres;\n'`,
  );
  assert.equal(superuser, 'postgres');
  assert.deepEqual(statements, [
    ...role('"Ad;min"', 'SUPERUSER INHERIT'),
    'ALTER ROLE postgres WITH SUPERUSER INHERIT',
    ...role('shop'),
    `COMMENT ON ROLE shop IS 'a\nCREATE ROLE postgres;\n'`,
  ]);
});

test('it is the superuser in whose name was granted, where that is another one than postgres', () => {
  const roles = [...role('"Ad""min"', 'SUPERUSER INHERIT'), ...role('postgres', 'SUPERUSER INHERIT'), ...role('shop')];
  const granted = globals(...roles, 'GRANT shop TO postgres GRANTED BY "Ad""min"');
  assert.equal(granted.superuser, 'Ad"min');
  assert.ok(!granted.statements.includes('CREATE ROLE "Ad""min"'));
  assert.ok(granted.statements.includes('CREATE ROLE postgres'));
  assert.equal(globals(...roles, 'GRANT shop TO postgres GRANTED BY shop').superuser, 'postgres');
});

test('a service where nobody of ours is superuser has its own one', () => {
  const { superuser } = globals(...role('rdsadmin', 'SUPERUSER INHERIT'), ...role('postgres'));
  assert.equal(superuser, 'rdsadmin');
  assert.equal(globals(...role('shop')).superuser, 'postgres');
});

test('tablespaces come to folders of their own, wherever they lie', () => {
  const { statements, tablespaces } = globals(
    `CREATE TABLESPACE fast OWNER shop LOCATION '/mnt/it''s fast'`,
    `CREATE TABLESPACE "LOCATION '/x'" OWNER "o""o" LOCATION '/mnt/2'`,
    `ALTER TABLESPACE fast SET (random_page_cost=1)`,
  );
  assert.deepEqual(statements, [
    `CREATE TABLESPACE fast OWNER shop LOCATION '/throw away/x/1'`,
    `CREATE TABLESPACE "LOCATION '/x'" OWNER "o""o" LOCATION '/throw away/x/2'`,
    `ALTER TABLESPACE fast SET (random_page_cost=1)`,
  ]);
  assert.deepEqual(tablespaces, ['/throw away/x/1', '/throw away/x/2']);
});
