import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import fc from '#harness/fast-check';
import { BackupIncomplete, StoreUnavailable } from '#model/failure';
import type { DataKey } from '#pipeline/data-key';
import type { PartRecord } from '#pipeline/part-record';
import { TarReader } from '#pipeline/tar-reader';
import { PartWriter, type PartWriterOptions, partName } from '#pipeline/write-parts';
import { dataKey, framesOf, headerOf, open } from './stored-object.ts';
import { tarArchive, tarHeader } from './tar-archive.ts';

const kibi = 1024;

/** A store in memory, and a writer to it. */
function scene(options: Partial<PartWriterOptions> & { how?: DataKey } = {}) {
  const { how, ...given } = options;
  const objects = new Map<string, Buffer>();
  const records: PartRecord[] = [];
  let serial = 0;
  const writer = new PartWriter({
    blockBytes: 4 * kibi,
    partBytes: 16 * kibi,
    lanes: 2,
    level: 3,
    dataKey: how,
    header: (archive, part) => headerOf(how, { archive, part, serial: serial++ }),
    async store(name, body) {
      const bytes = Buffer.concat(await Array.fromAsync(body));
      objects.set(name, bytes);
      return bytes.length;
    },
    onPart: (part) => records.push(part),
    signal: new AbortController().signal,
    ...given,
  });
  return { writer, objects, records };
}

/** As a source writes: piece by piece, waiting where it is told to. */
async function writeAll(writer: PartWriter, bytes: Buffer, sizes: readonly number[]): Promise<void> {
  for (let at = 0, turn = 0; at < bytes.length; turn++) {
    const size = sizes[turn % sizes.length]!;
    await writer.write(bytes.subarray(at, at + size));
    at += size;
  }
}

const byPart = (a: PartRecord, b: PartRecord) =>
  a.archive === b.archive ? a.part - b.part : a.archive < b.archive ? -1 : 1;

/** A cluster's archive: folders, many small files, some that span parts. */
function clusterArchive(seed: number): Buffer {
  const sizes = [0, 1, 511, 512, 513, 8192, 30_000, 70_000, 3, 0, 16_384 + seed, 100];
  const files = sizes.map((size, number) => ({
    path: `base/${seed}/${16384 + number}`,
    content: number % 2 ? randomBytes(size) : Buffer.alloc(size, `row ${number} `),
  }));
  return tarArchive([
    { path: 'backup_label', content: Buffer.from('START') },
    { path: `base/${seed}`, type: '5' },
    ...files,
  ]);
}

/** Files as [path, content], told by a reader. */
class Collector {
  readonly files = new Map<string, Buffer[]>();
  onEntry({ path }: { path: string }): void {
    this.files.set(path, []);
  }
  onContent({ path }: { path: string }, _offset: number, bytes: Buffer): void {
    if (!this.files.has(path)) this.files.set(path, []);
    this.files.get(path)!.push(Buffer.from(bytes));
  }
}

function filesOf(archive: Buffer): Map<string, string> {
  const collector = new Collector();
  new TarReader(collector).feed(archive);
  return new Map([...collector.files].map(([path, pieces]) => [path, Buffer.concat(pieces).toString('hex')]));
}

for (const [what, how] of [
  ['encrypted', dataKey],
  ['not encrypted', undefined],
] as const) {
  test(`${what}: archives written in pieces of any size come back from their parts`, async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 1, max: 20_000 }), { minLength: 1, maxLength: 6 }),
        fc.integer({ min: 1, max: 4 }),
        fc.integer({ min: 1, max: 9 }),
        async (sizes, lanes, blocksPerPart) => {
          const partBytes = blocksPerPart * 4 * kibi;
          const { writer, objects, records } = scene({ ...(how ? { how } : {}), lanes, partBytes });
          const archives = new Map([
            ['16385', clusterArchive(1)],
            ['base', clusterArchive(2)],
          ]);
          for (const [name, bytes] of archives) {
            writer.begin(name);
            await writeAll(writer, bytes, sizes);
          }
          await writer.finish();
          records.sort(byPart);
          for (const [name, bytes] of archives) {
            const own = records.filter((record) => record.archive === name);
            assert.equal(own.length, Math.ceil(bytes.length / partBytes));
            await checkParts(name, bytes, own, objects, how);
          }
        },
      ),
      { numRuns: 12 },
    );
  });
}

async function checkParts(
  archive: string,
  bytes: Buffer,
  records: readonly PartRecord[],
  objects: ReadonlyMap<string, Buffer>,
  how: DataKey | undefined,
): Promise<void> {
  let rawOffset = 0;
  for (const [number, record] of records.entries()) {
    const stored = objects.get(partName(archive, number))!;
    assert.equal(record.name, partName(archive, number));
    assert.equal(record.rawOffset, rawOffset);
    assert.equal(record.storedBytes, stored.length);
    assert.equal(record.sha256, createHash('sha256').update(stored).digest('hex'));
    const frames = framesOf(stored).map((frame) => [frame.readUInt32LE(8), frame.readUInt32LE(12)]);
    assert.deepEqual(record.frames, frames);
    const opened = await open(stored, how);
    assert.equal(opened.bytes.length, record.rawBytes);
    assert.ok(opened.bytes.equals(bytes.subarray(rawOffset, rawOffset + record.rawBytes)));
    rawOffset += record.rawBytes;
  }
  assert.equal(rawOffset, bytes.length);
}

test('each part can be read alone, in any order, from the state that its record holds', async () => {
  const { writer, objects, records } = scene({ blockBytes: 500, partBytes: 1000 });
  const archive = clusterArchive(3);
  writer.begin('base');
  await writeAll(writer, archive, [1000]);
  await writer.finish();
  const kinds = new Set(records.map(({ start }) => Object.keys(start).join()));
  assert.deepEqual([...kinds].sort(), ['', 'entry', 'header', 'padding'], 'parts begin in every state');
  const files = new Map<string, Buffer>();
  const started: string[] = [];
  for (const record of records.toSorted(() => Math.random() - 0.5)) {
    const told: [string, number, number][] = [];
    const reader = new TarReader(
      {
        onEntry({ path, size, type }) {
          told.push([type === 'directory' ? `${path}/` : path, 0, size]);
          started.push(path);
        },
        onContent({ path, size }, offset, bytes) {
          if (!files.has(path)) files.set(path, Buffer.alloc(size));
          bytes.copy(files.get(path)!, offset);
        },
      },
      JSON.parse(JSON.stringify(record.start)),
    );
    reader.feed((await open(objects.get(record.name)!, undefined)).bytes);
    assert.deepEqual(
      told.map(([path, , size]) => [path, size]),
      record.files.map(([path, , size]) => [path, size]),
    );
  }
  const expected = filesOf(archive);
  assert.equal(new Set(started).size, started.length, 'every member begins once');
  assert.equal(started.length, expected.size);
  for (const [path, bytes] of files) assert.equal(bytes.toString('hex'), expected.get(path), path);
});

test('the index of files says where each header lies in the archive', async () => {
  const { writer, records } = scene({ partBytes: 4 * kibi });
  const archive = clusterArchive(4);
  writer.begin('base');
  await writeAll(writer, archive, [777]);
  await writer.finish();
  const files = records.sort(byPart).flatMap((record) => record.files);
  assert.equal(files[1]![0], 'base/4/', "a folder's path ends in a slash");
  for (const [path, offset, size] of files) {
    const entries: unknown[] = [];
    const onEntry = (entry: { path: string; size: number }) => entries.push([entry.path, entry.size]);
    new TarReader({ onEntry }).feed(archive.subarray(offset, offset + 512));
    assert.deepEqual(entries, [[path.replace(/\/$/, ''), size]]);
  }
});

test('an archive that ends exactly with a part has no empty part after it', async () => {
  for (const [bytes, expected] of [
    [16, [16]],
    [20, [16, 4]],
    [32, [16, 16]],
  ] as const) {
    const { writer, records, objects } = scene();
    writer.begin('base');
    await writer.write(Buffer.alloc(bytes * kibi));
    await writer.finish();
    assert.deepEqual(
      records.sort(byPart).map((record) => record.rawBytes / kibi),
      expected,
    );
    for (const { name, rawBytes } of records) {
      assert.equal((await open(objects.get(name)!, undefined)).bytes.length, rawBytes);
    }
  }
});

test('an archive of nothing has no part', async () => {
  const { writer, records } = scene();
  writer.begin('16385');
  writer.begin('base');
  await writer.write(Buffer.alloc(512));
  await writer.finish();
  assert.deepEqual(
    records.map(({ name }) => name),
    ['base.tar.000000'],
  );
});

/** Writes until it is told to wait for longer than `patienceMs`; answers how much was taken. */
async function writeUntilHeld(
  writer: PartWriter,
  piece: () => Buffer,
  limitBytes: number,
  patienceMs = 150,
): Promise<number> {
  writer.begin('base');
  await writer.write(hugeFile);
  for (let taken = 0; taken < limitBytes; ) {
    const bytes = piece();
    const busy = writer.write(bytes);
    taken += bytes.length;
    if (busy === undefined) continue;
    busy.catch(() => undefined); // the test abandons the writer
    if ((await Promise.race([busy.then(() => 'room'), sleep(patienceMs, 'held')])) === 'held') return taken;
  }
  return limitBytes;
}

const mebi = kibi * kibi;
const hugeFile = tarHeader({ path: 'base/5/16384', size: 1n << 40n });

for (const lanes of [1, 2, 4]) {
  test(`a store that stops reading holds the writer within ${lanes + 2} blocks and what its body buffers`, async () => {
    const stop = new AbortController();
    const { writer } = scene({
      lanes,
      blockBytes: mebi,
      partBytes: 1024 * mebi,
      level: 1,
      store: () => new Promise((_, reject) => stop.signal.addEventListener('abort', () => reject(stop.signal.reason))),
    });
    const piece = randomBytes(mebi);
    const taken = await writeUntilHeld(writer, () => piece, 100 * mebi);
    const buffered = 16 * mebi; // 8 at each end of the part's body
    assert.ok(taken >= buffered, `${taken} bytes taken`);
    assert.ok(taken <= buffered + (lanes + 3) * mebi, `${taken / mebi} MiB taken`);
    stop.abort(new Error('enough'));
    await writer.abandon(stop.signal.reason);
  });
}

test('parts that the store has read but not answered for hold the writer, too', async () => {
  const stop = new AbortController();
  const started: string[] = [];
  const { writer } = scene({
    async store(name, body) {
      started.push(name);
      for await (const _ of body);
      return new Promise((_, reject) => stop.signal.addEventListener('abort', () => reject(stop.signal.reason)));
    },
  });
  const taken = await writeUntilHeld(writer, () => Buffer.alloc(4 * kibi), 4 * mebi);
  assert.ok(started.length < 10, `${started.length} parts are under way, ${taken} bytes taken`);
  stop.abort(new Error('enough'));
  await writer.abandon(stop.signal.reason);
});

test('a slow store slows the writer down, and loses nothing', async () => {
  const { writer, records, objects } = scene({
    partBytes: 64 * kibi,
    async store(name, body) {
      const chunks: Uint8Array[] = [];
      for await (const chunk of body) {
        chunks.push(Buffer.from(chunk));
        await sleep(1);
      }
      await sleep(20);
      objects.set(name, Buffer.concat(chunks));
      return objects.get(name)!.length;
    },
  });
  const archive = Buffer.concat([clusterArchive(5).subarray(0, -1024), clusterArchive(6)]);
  writer.begin('base');
  await writeAll(writer, archive, [333, 9000]);
  await writer.finish();
  await checkParts('base', archive, records.sort(byPart), objects, undefined);
});

test('many tiny writes that come while it has no room are all let go', async () => {
  const { writer, records } = scene({ lanes: 1, blockBytes: kibi, partBytes: 8 * kibi });
  writer.begin('base');
  const waiting: Promise<void>[] = [];
  for (let n = 0; n < 5000; n++) {
    const busy = writer.write(Buffer.alloc(11));
    if (busy) waiting.push(busy);
  }
  assert.ok(waiting.length > 1000, `${waiting.length} had to wait`);
  await Promise.all(waiting);
  await writer.finish();
  assert.equal(
    records.reduce((sum, { rawBytes }) => sum + rawBytes, 0),
    55_000,
  );
});

const unavailable = () => new StoreUnavailable('no answer', { operation: 'put', subject: 'x' });

test("a store's failure is told at the next write, not after the whole archive was read", async () => {
  const failure = unavailable();
  const { writer } = scene({ store: () => Promise.reject(failure) });
  writer.begin('base');
  let written = 0;
  await assert.rejects(
    async () => {
      for (; written < 1000; written++) {
        await writer.write(Buffer.alloc(100));
        await sleep(1);
      }
    },
    (thrown) => thrown === failure,
  );
  assert.ok(written < 100, `${written} writes went well`);
  await writer.abandon(failure);
});

test("a store's failure in the last part is told by finish", async () => {
  const failure = unavailable();
  const { writer, records } = scene({
    async store(name, body) {
      const size = Buffer.concat(await Array.fromAsync(body)).length;
      if (name === partName('base', 2)) throw failure;
      return size;
    },
  });
  writer.begin('base');
  await writer.write(Buffer.alloc(40 * kibi));
  await assert.rejects(writer.finish(), (thrown) => thrown === failure);
  await writer.abandon(failure);
  assert.ok(records.length <= 2);
});

test('a store that fails while it reads ends the write', async () => {
  const failure = unavailable();
  const { writer } = scene({
    blockBytes: mebi,
    partBytes: 1024 * mebi,
    level: 1,
    async store(_name, body) {
      let chunks = 0;
      for await (const _ of body) if (++chunks === 3) throw failure;
      return 0;
    },
  });
  writer.begin('base');
  await writer.write(hugeFile);
  const piece = randomBytes(mebi);
  await assert.rejects(
    async () => {
      for (let n = 0; n < 50; n++) await writer.write(piece);
    },
    (thrown) => thrown === failure,
  );
  await writer.abandon(failure);
});

for (const [what, lie] of [
  ['less', -1],
  ['more', 1],
] as const) {
  test(`a store that says it holds ${what} than was sent is not believed`, async () => {
    const { writer, records } = scene({
      async store(_name, body) {
        return Buffer.concat(await Array.fromAsync(body)).length + lie;
      },
    });
    writer.begin('base');
    await writer.write(Buffer.alloc(1000));
    await assert.rejects(writer.finish(), (thrown: unknown) => {
      assert.ok(thrown instanceof BackupIncomplete);
      assert.match(thrown.message, /^base\.tar\.000000: the store says it holds \d+ bytes, \d+ were sent$/);
      return true;
    });
    assert.deepEqual(records, [], 'a part that is not stored is not told');
    await writer.abandon(undefined);
  });
}

test('a store that answers before it has read everything is not believed', async () => {
  const { writer } = scene({
    async store(_name, body) {
      for await (const _ of body) break;
      return 0;
    },
  });
  writer.begin('base');
  await writer.write(Buffer.alloc(1000));
  await assert.rejects(writer.finish(), BackupIncomplete);
  await writer.abandon(undefined);
});

test('abandoning ends the bodies that the store still reads, and no part is told', async () => {
  const ends: unknown[] = [];
  const { writer, records } = scene({
    async store(_name, body) {
      try {
        return Buffer.concat(await Array.fromAsync(body)).length;
      } catch (failure) {
        ends.push(failure);
        throw failure;
      }
    },
  });
  writer.begin('base');
  await writer.write(Buffer.alloc(6 * kibi));
  const reason = new Error('the server is gone');
  await writer.abandon(reason);
  assert.deepEqual(ends, [reason]);
  assert.deepEqual(records, []);
});

test('abandoning settles although a part before the failed one was not complete', async () => {
  const failure = unavailable();
  const { writer } = scene({
    async store(name, body) {
      if (name === partName('base', 1)) throw failure;
      return Buffer.concat(await Array.fromAsync(body)).length;
    },
  });
  writer.begin('base');
  writer.write(Buffer.alloc(20 * kibi))?.catch(() => undefined); // part 0 is being compressed when part 1 fails
  await sleep(50);
  assert.equal(
    await Promise.race([writer.abandon(failure).then(() => 'settled'), sleep(2000, 'hangs', { ref: false })]),
    'settled',
  );
});

test('nothing is left unhandled by a failure', async () => {
  const unhandled: unknown[] = [];
  const note = (reason: unknown) => unhandled.push(reason);
  process.on('unhandledRejection', note);
  const failure = unavailable();
  const { writer } = scene({ store: () => Promise.reject(failure) });
  writer.begin('base');
  await writer.write(Buffer.alloc(100 * kibi))?.catch(() => undefined);
  await assert.rejects(writer.finish());
  await writer.abandon(failure);
  await sleep(20);
  process.off('unhandledRejection', note);
  assert.deepEqual(unhandled, []);
});

test('parts are named so that their names sort as they follow each other', () => {
  assert.equal(partName('base', 7), 'base.tar.000007');
  assert.ok(partName('base', 99) < partName('base', 100));
});

test('what is no tar is cut, and put together again, byte for byte, under names of its own', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.uint8Array({ maxLength: 40 * kibi }), { maxLength: 3 }),
      fc.array(fc.integer({ min: 1, max: 9000 }), { minLength: 1, maxLength: 4 }),
      async (contents, sizes) => {
        const { writer, objects, records } = scene({ format: 'bytes', name: (place, part) => `${place}-${part}` });
        const archives = contents.map((content) => Buffer.from(content));
        for (const [place, archive] of archives.entries()) {
          writer.begin(String(place));
          await writeAll(writer, archive, sizes);
        }
        await writer.finish();
        for (const [place, archive] of archives.entries()) {
          const parts = records.filter((record) => record.archive === String(place)).sort(byPart);
          assert.deepEqual(
            parts.map(({ name }) => name),
            parts.map((_, part) => `${place}-${part}`),
          );
          const raw = await Promise.all(parts.map(({ name }) => open(objects.get(name)!, undefined)));
          assert.ok(Buffer.concat(raw.map(({ bytes }) => bytes)).equals(archive));
        }
      },
    ),
    { numRuns: 30 },
  );
});
