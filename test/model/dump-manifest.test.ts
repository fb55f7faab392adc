import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { parseDumpManifest, printDumpManifest } from '#model/dump-manifest';
import { ObjectDamaged } from '#model/failure';

const key = 'orders/dumps/20261120T051345123Z-dump/manifest.json';
const goldenText = readFileSync(new URL('../golden/dump-manifest.json', import.meta.url), 'utf8');
const formatChanged = `manifest.json of a dump has another shape than test/golden/dump-manifest.json pins. Manifests like
that one lie in buckets and have to stay readable. If this change is wanted: give \`format\` in src/model/dump-manifest.ts its
next number, keep reading this one, add a golden file of the new shape, and say in docs/format.md what changed.`;

test("the golden dump's manifest is read and printed again byte for byte", () => {
  assert.equal(printDumpManifest(parseDumpManifest(goldenText, key)), goldenText, formatChanged);
});

/** Paths of everything that a manifest may hold. */
function pathsIn(value: unknown, path: string[] = []): string[][] {
  if (typeof value !== 'object' || value === null) return [path];
  const inner = Array.isArray(value) ? [['0', value[0]] as const] : Object.entries(value);
  return [...(path.length > 0 ? [path] : []), ...inner.flatMap(([name, one]) => pathsIn(one, [...path, name]))];
}

function without(path: readonly string[]): string {
  const content = JSON.parse(goldenText);
  const names = [...path];
  const last = names.pop()!;
  delete names.reduce((inner, name) => inner[name], content)[last];
  return JSON.stringify(content);
}

test('each of its fields is needed but the locale: without it the manifest is refused', () => {
  const paths = pathsIn(JSON.parse(goldenText)).filter((path) => path.at(-1) !== '0');
  assert.ok(paths.length > 40);
  for (const path of paths) {
    if (path.at(-1) === 'locale') parseDumpManifest(without(path), key);
    else assert.throws(() => parseDumpManifest(without(path), key), ObjectDamaged, `${formatChanged}\n${path}`);
  }
});

test('what is no manifest, or has more than one, is damage that names its key', () => {
  const more = JSON.stringify({ ...JSON.parse(goldenText), more: 1 });
  for (const text of ['', '{', '[]', '{}', more, goldenText.replace('lifeboat-dump/1', 'lifeboat-dump/2')]) {
    assert.throws(
      () => parseDumpManifest(text, key),
      (failure: unknown) => failure instanceof ObjectDamaged && failure.message.startsWith(`${key} is not a dump's`),
    );
  }
});
