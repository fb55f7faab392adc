import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { findPassword, readPasswordFile } from '#runtime/password-file';

const home = mkdtempSync(join(tmpdir(), 'lifeboat-home-'));
after(() => rmSync(home, { recursive: true }));
const question = { host: 'db', port: 5432, database: 'app', user: 'ada' };

test('the first line that matches has the password', () => {
  const content = `# db:5432:app:ada:comment
other:5432:app:ada:1
db:5433:app:ada:2
db:5432:other:ada:3
db:5432:app:bob:4
short:line
db:*:app:ada:right
*:*:*:*:late`;
  assert.equal(findPassword(content, question), 'right');
  assert.equal(findPassword(content, { ...question, host: 'elsewhere' }), 'late');
  assert.equal(findPassword('db:5432:app:bob:4', question), undefined);
});

test('a backslash keeps a colon and itself', () => {
  assert.equal(
    findPassword(String.raw`fe80\:\:1:5432:app:ada:a\:b\\c\d:rest`, { ...question, host: 'fe80::1' }),
    'a:b\\cd',
  );
});

test("libpq's names for a default socket and for replication are understood", () => {
  assert.equal(findPassword('localhost:5432:replication:ada:x', { ...question, host: '/var/run/postgresql' }), 'x');
  assert.equal(findPassword('localhost:5432:app:ada:x', { ...question, host: '/srv/socket' }), undefined);
});

test('PGPASSFILE goes before ~/.pgpass', async () => {
  const named = join(home, 'named');
  writeFileSync(join(home, '.pgpass'), '*:*:*:*:home', { mode: 0o600 });
  writeFileSync(named, '*:*:*:*:named', { mode: 0o600 });
  assert.equal(await readPasswordFile(question, { HOME: home }), 'home');
  assert.equal(await readPasswordFile(question, { HOME: home, PGPASSFILE: named }), 'named');
});

test('no file is no password', async () => {
  assert.equal(await readPasswordFile(question, { HOME: '/nowhere' }), undefined);
});

test('a file that others may read is refused', async () => {
  const open = join(home, 'open');
  writeFileSync(open, '*:*:*:*:hunter2');
  chmodSync(open, 0o644);
  await assert.rejects(readPasswordFile(question, { PGPASSFILE: open }), (error: Error & { hint?: string }) => {
    assert.equal(error.name, 'InputInvalid');
    assert.equal(error.hint, `chmod 600 ${open}`);
    assert.doesNotMatch(error.message, /hunter2/);
    return true;
  });
});
