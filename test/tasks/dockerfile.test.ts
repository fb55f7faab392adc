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

test('it can be built on one Node image for good', () => {
  assert.ok(lines.includes('ARG NODE_DIGEST=""'));
  const froms = lines.filter((line) => line.startsWith('FROM '));
  assert.equal(froms.length, 2, 'what installs packages stays behind');
  for (const from of froms) assert.match(from, /-slim\$\{NODE_DIGEST:\+@\$NODE_DIGEST\}/);
});

test('every major version that sources may have is there, and the newest client', () => {
  assert.ok(lines.includes('ARG POSTGRES_MAJORS="15 16 17 18"'));
  const run = lines.find((line) => line.includes('$POSTGRES_MAJORS'))!;
  assert.match(run, /"postgresql-\$major" "postgresql-client-\$major"/);
});

test('packages are those of the lock file, without those of development and without scripts of theirs', () => {
  assert.ok(lines.includes('RUN npm ci --omit=dev --omit=optional --ignore-scripts'));
});

test('it says how it is ended and whether it is well, with a program that is in it', () => {
  assert.ok(lines.includes('STOPSIGNAL SIGTERM'));
  assert.match(lines.at(-1)!, /^ENTRYPOINT \["tini", "-s", "--", "node", "\/lifeboat\/tasks\/run-task\.ts"\]$/);
  const check = /CMD \["node", "\/lifeboat\/(.*)"\]/.exec(lines.find((line) => line.startsWith('HEALTHCHECK '))!);
  assert.ok(existsSync(join(checkout, check![1]!)));
});

test('it writes to its two volumes alone, which are owned by who runs in it before they become volumes', () => {
  const at = (begin: RegExp) => lines.findIndex((line) => begin.test(line));
  assert.equal(lines[at(/^VOLUME /)], 'VOLUME ["/tmp", "/var/lib/lifeboat"]');
  const made = at(/install --directory --owner=10001 --group=10001 --mode=0700 \/var\/lib\/lifeboat/);
  assert.ok(made >= 0 && made < at(/^VOLUME /));
  const environment = lines[at(/^ENV /)]!;
  for (const [, path] of environment.matchAll(/=(\/\S+)/g)) assert.match(path!, /^\/(tmp|var\/lib\/lifeboat)(\/|$)/);
});

test('the image holds no secret', () => {
  assert.doesNotMatch(lines.join('\n'), /password|secret|token|ACCESS_KEY|keyFile|plan\.yml/i);
});
