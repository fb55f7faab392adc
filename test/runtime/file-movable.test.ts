import assert from 'node:assert/strict';
import {
  chmodSync,
  chownSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { ServerUnsuitable } from '#model/failure';
import { fileMovable } from '#runtime/file-movable';

const folder = mkdtempSync(join(tmpdir(), 'lifeboat-file-movable-'));
after(() => rmSync(folder, { recursive: true }));
const { signal } = new AbortController();

let count = 0;
const place = (): string => {
  const path = join(folder, String(++count));
  mkdirSync(path);
  return join(path, 'endpoint');
};
const movable = (path: string, pattern?: RegExp) =>
  fileMovable(path, { part: 'names', what: `file ${path}`, wanted: (primary) => primary }, pattern);

test('the value is the whole content, without the newline', async () => {
  const path = place();
  assert.equal(await movable(path).put('db-east:5432', signal), null);
  assert.equal(readFileSync(path, 'utf8'), 'db-east:5432\n');
  assert.equal(await movable(path).read(signal), 'db-east:5432');
  assert.deepEqual(readdirSync(join(path, '..')), ['endpoint']);
});

test('a file that somebody wrote without a newline is read, too', async () => {
  const path = place();
  writeFileSync(path, 'db-east');
  assert.equal(await movable(path).read(signal), 'db-east');
});

test('where there is no file there is no value, and null makes it so again', async () => {
  const path = place();
  assert.equal(await movable(path).read(signal), null);
  await movable(path).put('a', signal);
  await movable(path).put(null, signal);
  await movable(path).put(null, signal);
  assert.equal(await movable(path).read(signal), null);
  assert.deepEqual(readdirSync(join(path, '..')), []);
});

test('everybody may read a file that it makes', async () => {
  const path = place();
  await movable(path).put('a', signal);
  assert.equal(statSync(path).mode & 0o777, 0o644);
});

test('mode and owner stay', async () => {
  const path = place();
  writeFileSync(path, 'a\n');
  chmodSync(path, 0o640);
  const we = process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : statSync(path);
  chownSync(path, we.uid, we.gid);
  await movable(path).put('b', signal);
  const { mode, uid, gid } = statSync(path);
  assert.deepEqual([mode & 0o777, uid, gid], [0o640, we.uid, we.gid]);
  assert.equal(readFileSync(path, 'utf8'), 'b\n');
});

test('whoever reads while it is replaced sees one of the values, whole', async () => {
  const path = place();
  const values = ['a'.repeat(1_000), 'b'.repeat(1_000)];
  await movable(path).put(values[0]!, signal);
  let over = false;
  const seen = new Set<string>();
  const reading = (async () => {
    while (!over) {
      seen.add(readFileSync(path, 'utf8'));
      await new Promise(setImmediate);
    }
  })();
  for (let index = 0; index < 50; index++) await movable(path).put(values[index % 2]!, signal);
  over = true;
  await reading;
  assert.deepEqual([...seen].toSorted(), [`${values[0]}\n`, `${values[1]}\n`]);
});

const foreign: [what: string, make: (path: string) => void, says: RegExp][] = [
  ['a missing folder', (path) => rmSync(join(path, '..'), { recursive: true }), /there is no folder/],
  ['a symbolic link', (path) => symlinkSync('/etc/hostname', path), /symbolic link/],
  ['a folder', (path) => mkdirSync(path), /it is no file/],
];
for (const [what, make, says] of foreign) {
  test(`${what} is refused by all, and stays`, async () => {
    const path = place();
    make(path);
    const one = movable(path);
    const refused = (error: Error) => error instanceof ServerUnsuitable && says.test(error.message);
    await assert.rejects(one.read(signal), refused);
    await assert.rejects(one.put('a', signal), refused);
    await assert.rejects(one.put(null, signal), refused);
    assert.match((await one.check(signal)).join(), says);
  });
}

test('a file that holds something else is never read as a value', async () => {
  for (const content of ['[database]\nhost = east\n', 'x'.repeat(10_000)]) {
    const path = place();
    writeFileSync(path, content);
    await assert.rejects(movable(path).read(signal), /something else than one value/);
    assert.match((await movable(path).check(signal)).join(), /something else/);
    assert.equal(readFileSync(path, 'utf8'), content);
  }
});

test('a capacity is a number', async () => {
  const path = place();
  writeFileSync(path, 'many\n');
  await assert.rejects(movable(path, /^\d+$/).read(signal), /something else than one value/);
  await movable(path, /^\d+$/).put('3', signal);
  assert.equal(await movable(path, /^\d+$/).read(signal), '3');
});

test('a check changes nothing and finds nothing where all is well', async () => {
  const path = place();
  assert.deepEqual(await movable(path).check(signal), []);
  assert.deepEqual(readdirSync(join(path, '..')), []);
});
