import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { ObjectDamaged } from '#model/failure';
import { formatLsn } from '#model/lsn';
import {
  type Manifest,
  manifestSchema,
  parseManifest,
  printManifest,
  sealedClaims,
  startLsn,
  startTime,
  stopLsn,
  stopTime,
  summarize,
  summarySchema,
} from '#model/manifest';

const key = 'orders/backups/20261120T051345123Z-incr/manifest.json';
const goldenText = readFileSync(new URL('../golden/manifest.json', import.meta.url), 'utf8');
const golden = (): Manifest => parseManifest(goldenText, key);
const formatChanged = `manifest.json has another shape than test/golden/manifest.json pins. Manifests like that one lie in
buckets and have to stay readable. If this change is wanted: give \`format\` in src/model/manifest.ts its next number, keep
reading this one, add a golden file of the new shape, and say in docs/format.md what changed.`;

test('the golden manifest is read and printed again byte for byte', () => {
  let manifest: Manifest;
  try {
    manifest = golden();
  } catch (failure) {
    throw new Error(formatChanged, { cause: failure });
  }
  assert.equal(printManifest(manifest), goldenText, formatChanged);
});

/** `server.version`, `parts[].name`, … of everything a manifest may hold */
function shapeOf(value: unknown, path = ''): string[] {
  if (Array.isArray(value)) return shapeOf(value[0], `${path}[]`);
  if (typeof value !== 'object' || value === null) return [path];
  return Object.entries(value).flatMap(([name, inner]) => shapeOf(inner, path === '' ? name : `${path}.${name}`));
}

test('each of its fields is needed: the golden manifest without it is refused by name', () => {
  for (const path of shapeOf(JSON.parse(goldenText))) {
    const content = JSON.parse(goldenText);
    const names = path.replaceAll('[]', '.0').split('.');
    const last = names.pop()!;
    delete names.reduce((inner, name) => inner[name], content)[last];
    assert.throws(
      () => parseManifest(JSON.stringify(content), key),
      (failure: unknown) =>
        failure instanceof ObjectDamaged &&
        failure.message.startsWith(`${key} is not a manifest: ${[...names, last].join('.')}: `),
      `${formatChanged}\n${path} may be missing`,
    );
  }
});

test('the golden manifest holds every field that the schema knows', () => {
  const found = new Set(shapeOf(JSON.parse(goldenText)).map((path) => path.split(/[.[]/)[0]));
  assert.deepEqual([...found].sort(), Object.keys(manifestSchema.shape).sort(), formatChanged);
});

for (const place of [[], ['server'], ['start'], ['tablespaces', 0], ['parts', 0], ['index'], ['encryption', 'key']]) {
  test(`an unknown key in ${place.join('.') || 'the manifest'} is refused`, () => {
    const content = JSON.parse(goldenText);
    place.reduce((inner, name) => inner[name], content).surprise = true;
    assert.throws(
      () => parseManifest(JSON.stringify(content), key),
      (failure: unknown) =>
        failure instanceof ObjectDamaged &&
        failure.message === `${key} is not a manifest: ${place.join('.') || 'content'}: Unrecognized key: "surprise"`,
    );
  });
}

test('a system identifier is text, since a number would lose its last digits', () => {
  assert.notEqual(String(Number(golden().server.systemId)), golden().server.systemId);
  assert.throws(() => parseManifest(goldenText.replace('"7571234567890123457"', '7571234567890123457'), key), {
    message: /is not a manifest: server\.systemId: .*expected string/,
  });
});

const changes: [string, string, string][] = [
  ['"lifeboat/1"', '"lifeboat/2"', 'format'],
  ['"incr"', '"diff"', 'kind'],
  ['"20261120T051345123Z-incr"', '"../../etc"', 'backup'],
  ['"20261119T050000000Z-full"', '"full"', 'parent'],
  ['16/B3000028', '16-B3000028', 'start.lsn'],
  ['2026-11-20T05:14:01.987Z', 'yesterday', 'stop.time'],
  ['"timeline": 2', '"timeline": 0', 'start.timeline'],
  ['"rawBytes": 10240', '"rawBytes": -1', 'parts.0.rawBytes'],
  ['"storedBytes": 900', '"storedBytes": 900.5', 'index.storedBytes'],
  ['cccc', 'CCCC', 'index.sha256'],
  ['"16385",\n      "location"', '"../1",\n      "location"', 'tablespaces.0.oid'],
  ['aes-256-gcm', 'rot13', 'encryption.cipher'],
];
for (const [from, to, field] of changes) {
  test(`damage to ${field} is told by key and field`, () => {
    assert.ok(goldenText.includes(from));
    assert.throws(
      () => parseManifest(goldenText.replace(from, to), key),
      (failure: unknown) => {
        assert.ok(failure instanceof ObjectDamaged);
        assert.ok(failure.message.startsWith(`${key} is not a manifest: ${field}: `), failure.message);
        assert.equal(failure.subject, key);
        assert.match(failure.hint!, /changed, or written by a later version/);
        return true;
      },
    );
  });
}

for (const text of ['', '{', 'null', '[]', '"manifest"', goldenText.slice(0, -10)]) {
  test(`${JSON.stringify(text.slice(0, 12))} is not a manifest`, () => {
    assert.throws(
      () => parseManifest(text, key),
      (failure: unknown) =>
        failure instanceof ObjectDamaged && failure.message.startsWith(`${key} is not a manifest: content: `),
    );
  });
}

test('a full backup has no parent, and what is not encrypted no key', () => {
  const content = { ...golden(), kind: 'full', parent: null, encryption: null, execution: null };
  assert.deepEqual(parseManifest(JSON.stringify(content), key), content);
});

test('a summary is everything but the parts, and is checked as strictly', () => {
  const { parts, ...rest } = golden();
  assert.equal(parts.length, 2);
  assert.deepEqual(summarize(golden()), rest);
  assert.ok(summarySchema.safeParse(rest).success);
  assert.ok(!summarySchema.safeParse(golden()).success, 'a list of parts does not belong there');
});

test('what the encrypted index repeats are the claims that lead a restore, and none that is known only later', () => {
  const claims = sealedClaims(summarize(golden()));
  assert.deepEqual(Object.keys(claims), [
    'format',
    'source',
    'backup',
    'kind',
    'parent',
    'server',
    'start',
    'stop',
    'tablespaces',
    'rawBytes',
  ]);
  assert.deepEqual(claims.server, golden().server);
});

test('positions and times are read from their text', () => {
  assert.equal(formatLsn(startLsn(golden())), '16/B3000028');
  assert.equal(formatLsn(stopLsn(golden())), '16/B374D848');
  assert.equal(startTime(golden()).toISOString(), '2026-11-20T05:13:45.200Z');
  assert.equal(stopTime(golden()).toISOString(), '2026-11-20T05:14:01.987Z');
});
