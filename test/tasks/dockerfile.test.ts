import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { test } from 'node:test';

/*
 * The image is built where there is a daemon to build it; here it is held to what can be seen without one.
 */
const checkout = resolve(import.meta.dirname, '../..');
const read = (path: string): string => readFileSync(join(checkout, path), 'utf8');
const lines = read('tasks/Dockerfile')
  .replaceAll(/\\\n\s*/g, ' ')
  .split('\n')
  .filter((line) => line !== '' && !line.startsWith('#'));
const copies = lines.filter((line) => line.startsWith('COPY ') && !line.includes('--from='));

test('the image has everything that the tasks import, and copies nothing else', () => {
  const sources = new Set(copies.flatMap((line) => line.split(/\s+/).slice(1, -1)));
  const { imports } = JSON.parse(read('package.json')) as { imports: Record<string, string> };
  const needed = Object.values(imports).flatMap((path) => path.split('/')[1] ?? []);
  for (const folder of new Set(needed)) if (folder !== 'test') assert.ok(sources.has(folder), folder);
  for (const source of sources) assert.ok(existsSync(join(checkout, source)), source);
  const kept = read('tasks/Dockerfile.dockerignore')
    .match(/^!.*$/gm)!
    .map((line) => line.slice(1));
  assert.deepEqual([...sources].sort(), kept.sort());
});

test('the image runs as nobody special, with the Node that we need', () => {
  assert.equal(
    lines.findLast((line) => line.startsWith('USER ')),
    'USER 10001:10001',
  );
  const { engines } = JSON.parse(read('package.json'));
  const major = /\d+/.exec(engines.node)![0];
  for (const from of lines.filter((line) => line.startsWith('FROM '))) assert.match(from, new RegExp(`node:${major}-`));
});

test('the image holds no secret', () => {
  assert.doesNotMatch(lines.join('\n'), /password|secret|token|ACCESS_KEY|keyFile|plan\.yml/i);
});
