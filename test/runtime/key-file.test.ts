import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { KeyUnusable } from '#model/failure';
import { createKeyFile, readKeyFile } from '#runtime/key-file';

const folder = mkdtempSync(join(tmpdir(), 'lifeboat-key-'));
after(() => rmSync(folder, { recursive: true }));

test('a new key is 32 random bytes in one line that only its owner may read, and is read back', async () => {
  const path = join(folder, 'new.key');
  const made = await createKeyFile(path);
  assert.equal(statSync(path).mode & 0o777, 0o600);
  assert.match(readFileSync(path, 'utf8'), /^lifeboat-key-1:[A-Za-z0-9+/]{43}=\n$/);
  assert.equal(made.key.length, 32);
  assert.equal(made.id, createHash('sha256').update(made.key).digest('hex').slice(0, 16));
  assert.deepEqual(await readKeyFile(path), [made]);
  assert.notDeepEqual((await createKeyFile(join(folder, 'other.key'))).key, made.key);
});

test('a key file is never overwritten', async () => {
  const path = join(folder, 'kept.key');
  await createKeyFile(path);
  const before = readFileSync(path, 'utf8');
  await assert.rejects(createKeyFile(path), { name: 'KeyUnusable', message: /exists already and is not overwritten$/ });
  assert.equal(readFileSync(path, 'utf8'), before);
});

test('a folder that is not there is told', async () => {
  await assert.rejects(createKeyFile(join(folder, 'no', 'x.key')), { name: 'KeyUnusable', message: /ENOENT$/ });
});

test('the first key is the current one, the others are old ones, comments are skipped', async () => {
  const [a, b] = [line(1), line(2)];
  const keys = await readKeyFile(keyFile(`# of 2026\n\n${a}\n  ${b}  \r\n# the end`));
  assert.deepEqual(
    keys.map(({ key }) => key[0]),
    [1, 2],
  );
});

describe('a key file is refused', () => {
  const refused: [what: string, path: () => string, message: RegExp, hint: RegExp][] = [
    ['that is not there', () => join(folder, 'gone.key'), /does not exist$/, /copy/],
    ['that others may read', () => keyFile(line(1), 0o604), /by others$/, /^chmod 600 /],
    ['that the group may read', () => keyFile(line(1), 0o640), /by others$/, /^chmod 600 /],
    ['without a key', () => keyFile('# nothing\n'), /holds no key$/, /copy/],
    [
      'with a short key',
      () => keyFile(`lifeboat-key-1:${Buffer.alloc(31).toString('base64')}`),
      /line 1 is not/,
      /copy/,
    ],
    [
      'with a long key',
      () => keyFile(`lifeboat-key-1:${Buffer.alloc(33).toString('base64')}`),
      /line 1 is not/,
      /copy/,
    ],
    ['with a key of another kind', () => keyFile(line(1).replace('-1:', '-2:')), /line 1 is not/, /copy/],
    ['with a damaged line', () => keyFile(`${line(1)}\n${line(2).replace('A', '!')}`), /line 2 is not/, /copy/],
    ['that is a folder', () => join(folder), /./, /./],
  ];
  for (const [what, path, message, hint] of refused) {
    test(what, async () => {
      await assert.rejects(readKeyFile(path()), (error) => {
        assert.ok(error instanceof KeyUnusable);
        assert.match(error.message, message);
        assert.match(error.hint!, hint);
        assert.doesNotMatch(error.message, /AAAA/);
        return true;
      });
    });
  }
});

function line(fill: number): string {
  return `lifeboat-key-1:${Buffer.alloc(32, fill).toString('base64')}`;
}

let written = 0;

function keyFile(content: string, mode = 0o600): string {
  written += 1;
  const path = join(folder, `${written}.key`);
  writeFileSync(path, content);
  chmodSync(path, mode);
  return path;
}
