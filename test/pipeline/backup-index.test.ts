import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from '#harness/fast-check';
import { ObjectDamaged } from '#model/failure';
import { readIndex, writeIndex } from '#pipeline/backup-index';
import type { PartRecord } from '#pipeline/part-record';

const key = 'orders/backups/x/index.jsonl';
const claims = {
  source: 'orders',
  parent: null,
  server: { major: 18, systemId: '7571234567890123457' },
  tablespaces: [{ oid: '16385', location: '/srv/fast' }],
};

const partOf = (part: number): PartRecord => ({
  archive: 'base',
  part,
  name: `base.tar.${String(part).padStart(6, '0')}`,
  rawOffset: part * 1000,
  rawBytes: 1000,
  storedBytes: 500,
  sha256: 'a'.repeat(64),
  start: part === 0 ? {} : { padding: 12 },
  frames: [[476, 1000]],
  files: [[`a file\nwith "Ümlauts" ${part}`, part * 1000, 12]],
});

const parts = [0, 1, 2].map(partOf);
const written = Buffer.concat([...writeIndex(claims, parts)]);

async function* inPieces(bytes: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

const read = (bytes: Buffer, expected: Record<string, unknown> = claims, size = 100): Promise<PartRecord[]> =>
  Array.fromAsync(readIndex(inPieces(bytes, size), { key, claims: expected }));

const damaged = (pattern: RegExp) => (failure: unknown) => {
  assert.ok(failure instanceof ObjectDamaged, String(failure));
  assert.ok(failure.message.startsWith(key));
  assert.match(failure.message, pattern);
  return true;
};

test('an index is lines of JSON: claims, parts, how many', () => {
  const lines = written
    .toString()
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
  assert.deepEqual(lines, [{ backup: claims }, ...parts.map((part) => ({ part })), { end: { parts: 3 } }]);
});

test('it is read as it was written, however it is cut', async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 0, max: 8 }), fc.integer({ min: 1, max: 600 }), async (count, size) => {
      const some = Array.from({ length: count }, (_, part) => partOf(part));
      assert.deepEqual(await read(Buffer.concat([...writeIndex(claims, some)]), claims, size), some);
    }),
    { numRuns: 50 },
  );
});

test('parts come one by one: the first is there before the last was read', async () => {
  let pieces = 0;
  const counted = (async function* () {
    for await (const piece of inPieces(written, 50)) {
      pieces++;
      yield piece;
    }
  })();
  for await (const part of readIndex(counted, { key, claims })) {
    assert.equal(part.part, 0);
    break;
  }
  assert.ok(pieces < written.length / 50, `${pieces} pieces`);
});

const others: [string, Record<string, unknown>][] = [
  ['source', { ...claims, source: 'customers' }],
  ['parent', { ...claims, parent: '20261120T051345123Z-full' }],
  ['server', { ...claims, server: { ...claims.server, systemId: '7571234567890123456' } }],
  ['tablespaces', { ...claims, tablespaces: [] }],
  ['format', { ...claims, format: 'lifeboat/1' }],
  ['parent', { source: claims.source, server: claims.server, tablespaces: claims.tablespaces }],
];
for (const [name, expected] of others) {
  test(`a manifest with another ${name} than the index was written for is told by its name`, async () => {
    await assert.rejects(read(written, expected), damaged(new RegExp(`written for a manifest with another "${name}"`)));
  });
}

test('cut off at any byte, it is damaged', async () => {
  // without the very last line feed nothing is missing
  for (let length = 0; length < written.length - 1; length++) {
    await assert.rejects(read(written.subarray(0, length)), damaged(/./), `cut at ${length}`);
  }
});

test('each line that is missing is noticed', async () => {
  const lines = written.toString().trimEnd().split('\n');
  for (let missing = 0; missing < lines.length; missing++) {
    const rest = lines.filter((_, index) => index !== missing).join('\n');
    await assert.rejects(read(Buffer.from(rest)), damaged(/./), `without line ${missing}`);
  }
});

test('each line that is there twice is noticed', async () => {
  const lines = written.toString().trimEnd().split('\n');
  for (let twice = 0; twice < lines.length; twice++) {
    await assert.rejects(
      read(Buffer.from(lines.toSpliced(twice, 0, lines[twice]!).join('\n'))),
      damaged(/./),
      `line ${twice}`,
    );
  }
});

test('what follows the end is noticed', async () => {
  for (const extra of [{ part: partOf(3) }, { end: { parts: 3 } }, { end: { parts: 4 } }, {}, { note: 1 }]) {
    const more = Buffer.concat([written, Buffer.from(`${JSON.stringify(extra)}\n`)]);
    await assert.rejects(read(more), damaged(/./), JSON.stringify(extra));
  }
});

test('a line that is neither claims, part nor end is noticed', async () => {
  const lines = written.toString().split('\n');
  for (const strange of ['{}', '{"note":1}', 'null', '[]', '7', 'garbage', '']) {
    await assert.rejects(read(Buffer.from(lines.toSpliced(2, 1, strange).join('\n'))), damaged(/./), strange);
  }
});
