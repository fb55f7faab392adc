import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { resolveSecret } from '#runtime/resolve-secret';

const folder = mkdtempSync(join(tmpdir(), 'lifeboat-secret-'));
after(() => rmSync(folder, { recursive: true }));

test('a secret comes from a variable as it is', async () => {
  assert.equal(await resolveSecret({ from: 'env', name: 'A' }, { A: ' x \n' }, 'password'), ' x \n');
});

test("a secret comes from a file without the file's last line end", async () => {
  assert.equal(await resolveSecret({ from: 'file', path: secretFile('hunter2\n', 0o600) }, {}, 'password'), 'hunter2');
  assert.equal(
    await resolveSecret({ from: 'file', path: secretFile('two\nlines\r\n', 0o640) }, {}, 'password'),
    'two\nlines',
  );
});

test('a variable that is not set is named', async () => {
  await assert.rejects(resolveSecret({ from: 'env', name: 'A' }, {}, 'connection.password'), {
    name: 'InputInvalid',
    message: 'connection.password: "env:A" is not allowed: expected an environment variable that is set',
  });
});

test('an empty secret is none', async () => {
  await assert.rejects(resolveSecret({ from: 'env', name: 'A' }, { A: '' }, 'p'), { message: /not empty/ });
  await assert.rejects(resolveSecret({ from: 'file', path: secretFile('\n', 0o600) }, {}, 'p'), {
    message: /not empty/,
  });
});

test('a file that everybody may read is refused, and what it holds is not shown', async () => {
  const path = secretFile('hunter2\n', 0o604);
  await assert.rejects(resolveSecret({ from: 'file', path }, {}, 'p'), (error: Error & { hint?: string }) => {
    assert.equal(error.name, 'InputInvalid');
    assert.equal(error.hint, `chmod o-rwx ${path}`);
    assert.doesNotMatch(error.message, /hunter2/);
    return true;
  });
});

test('a file that is not there is named', async () => {
  await assert.rejects(resolveSecret({ from: 'file', path: '/nowhere/x' }, {}, 'p'), {
    message: /"file:\/nowhere\/x".* ENOENT$/,
  });
});

let written = 0;

function secretFile(content: string, mode: number): string {
  written += 1;
  const path = join(folder, `secret-${written}`);
  writeFileSync(path, content);
  chmodSync(path, mode);
  return path;
}
