import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, test } from 'node:test';
import fc from '#harness/fast-check';
import { InputInvalid, ObjectDamaged } from '#model/failure';
import type { PartRecord } from '#pipeline/part-record';
import { TarReader } from '#pipeline/tar-reader';
import type { OpenBackup } from '#recovery/open-backup';
import { type PartJob, partJobs, restorePart } from '#recovery/restore-part';
import { heldBack } from '#recovery/write-archive';
import { type TarMember, tarArchive } from '../pipeline/tar-archive.ts';
import { blockSize, fileOf, incrementalContent, letters } from './incremental-content.ts';

const folders: string[] = [];
after(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

/** A backup of one archive, cut at these places; its parts' bytes are at hand. */
function backupOf(archive: string, bytes: Buffer, cuts: readonly number[]) {
  const parts: PartRecord[] = [];
  const content = new Map<number, Buffer>();
  const starts = [0, ...cuts.filter((cut) => cut > 0 && cut < bytes.length)];
  const tar = new TarReader({
    onEntry: ({ path, type, size }, position) =>
      parts.at(-1)!.files.push([type === 'directory' ? `${path}/` : path, position, size]),
  });
  for (const [part, rawOffset] of starts.entries()) {
    const piece = bytes.subarray(rawOffset, starts[part + 1]);
    const start = structuredClone(tar.state());
    const rest = { storedBytes: 0, sha256: '', frames: [], files: [] };
    parts.push({ archive, part, name: `${archive}.${part}`, rawOffset, rawBytes: piece.length, start, ...rest });
    content.set(part, piece);
    tar.feed(piece);
  }
  const read: number[] = [];
  const backup = {
    async *partBlocks({ part }: PartRecord) {
      read.push(part);
      const piece = content.get(part)!;
      for (let at = 0; at < piece.length; at += 3000) yield piece.subarray(at, at + 3000);
    },
  } as unknown as OpenBackup;
  return { parts, backup, read };
}

const jobsOf = async (parts: readonly PartRecord[]): Promise<PartJob[]> =>
  Array.fromAsync(
    partJobs(
      (async function* () {
        yield* parts;
      })(),
    ),
  );

/** A directory with these files of the backups before. */
function cluster(files: Record<string, Buffer> = {}) {
  const dataDir = mkdtempSync(join(tmpdir(), 'lifeboat-part-'));
  folders.push(dataDir);
  for (const [name, bytes] of Object.entries(files)) {
    mkdirSync(dirname(join(dataDir, name)), { recursive: true });
    writeFileSync(join(dataDir, name), bytes);
  }
  return { dataDir, read: (name: string) => readFileSync(join(dataDir, name)) };
}

const restoreJob = (
  backup: OpenBackup,
  job: PartJob,
  dataDir: string,
  onBytes: (bytes: number) => void = () => undefined,
) =>
  restorePart(
    backup,
    job,
    { layout: { dataDir, tablespaces: new Map() }, archive: job.part.archive, blockSize },
    onBytes,
  );

const incremental = (name: string, blocks: Record<number, number>, truncation: number): TarMember => ({
  path: `base/5/INCREMENTAL.${name}`,
  content: incrementalContent(blocks, truncation),
});

const members = [
  { path: 'backup_label', content: Buffer.from('START WAL LOCATION') },
  { path: 'base/5/1259', content: fileOf('xyz') },
  incremental('2619', { 0: 2, 1: 2, 4: 3, 6: 4 }, 6),
  { path: 'base/5/1260', content: Buffer.from('small') },
  incremental('2620', {}, 1),
  { path: 'base/5/empty' },
  incremental('2621', { 2: 5 }, 3),
];
const archive = tarArchive(members);
const before = { 'base/5/2619': fileOf('aaaaaaaa'), 'base/5/2620': fileOf('aaa'), 'base/5/2621': fileOf('aaa') };
const restored = { '2619': 'bbaacad', '2620': 'a', '2621': 'aae', '1259': 'xyz' };

async function checkCuts(
  cuts: readonly number[],
  order: (jobs: PartJob[]) => PartJob[] = (jobs) => jobs,
): Promise<void> {
  const { parts, backup } = backupOf('base', archive, cuts);
  const { dataDir, read } = cluster(before);
  for (const job of order(await jobsOf(parts))) await restoreJob(backup, job, dataDir);
  for (const [name, expected] of Object.entries(restored)) {
    assert.equal(letters(read(`base/5/${name}`)), expected, `${name}, cut at ${cuts}`);
  }
  assert.equal(read('backup_label').toString(), 'START WAL LOCATION');
  assert.equal(read('base/5/1260').toString(), 'small');
  assert.equal(read('base/5/empty').length, 0);
}

test('cut anywhere in two, an archive with INCREMENTAL files is restored in either order', async () => {
  for (let cut = 512; cut < archive.length; cut += 509) {
    await checkCuts([cut]);
    await checkCuts([cut], (jobs) => jobs.toReversed());
  }
});

test('cut into many parts, jobs may be done in any order', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.uniqueArray(fc.integer({ min: 1, max: archive.length - 1 }), { minLength: 1, maxLength: 12 }),
      fc.infiniteStream(fc.nat()),
      async (cuts, random) => {
        const sorted = cuts.toSorted((a, b) => a - b);
        await checkCuts(sorted, (jobs) => jobs.toSorted(() => (random.next().value % 2 ? 1 : -1)));
      },
    ),
    { numRuns: 40 },
  );
});

test('parts without INCREMENTAL files are a job each', async () => {
  const plain = tarArchive([{ path: 'base/5/1', content: Buffer.alloc(30_000) }, { path: 'base/5/2' }]);
  const { parts } = backupOf('base', plain, [1000, 10_000, 20_000]);
  const jobs = await jobsOf(parts);
  assert.deepEqual(
    jobs.map(({ part, continuation }) => [part.part, continuation.length]),
    [
      [0, 0],
      [1, 0],
      [2, 0],
      [3, 0],
    ],
  );
});

const long = tarArchive([
  incremental('1', Object.fromEntries(Array.from({ length: 10 }, (_, n) => [n, 7])), 10),
  { path: 'base/5/2', content: Buffer.from('two') },
]);
const longFile = 512 + 11 * blockSize;

test('a part wholly inside an INCREMENTAL file belongs to the job in which that began, and is none itself', async () => {
  const { parts } = backupOf('base', long, [20_000, 40_000, 60_000]);
  const jobs = await jobsOf(parts);
  assert.deepEqual(
    jobs.map(({ part, continuation }) => [part.part, continuation.map((next) => next.part)]),
    [
      [0, [1, 2, 3]],
      [3, []],
    ],
  );
});

test('a part that begins where an INCREMENTAL file ends goes on with nothing', async () => {
  const { parts } = backupOf('base', long, [20_000, longFile]);
  const jobs = await jobsOf(parts);
  assert.deepEqual(
    jobs.map(({ part, continuation }) => [part.part, continuation.map((next) => next.part)]),
    [
      [0, [1]],
      [2, []],
    ],
  );
});

test('of a continuation no more parts are read than the file needs', async () => {
  const { parts, backup, read } = backupOf('base', long, [20_000, 40_000, 60_000]);
  const { dataDir } = cluster({ 'base/5/1': fileOf('aaaaaaaaaa') });
  const [first] = await jobsOf(parts);
  await restoreJob(backup, first!, dataDir);
  assert.deepEqual(read, [0, 1, 2, 3]);
  assert.equal(letters(readFileSync(join(dataDir, 'base/5/1'))), 'gggggggggg');
});

test('parts of the next archive are not the continuation of the one before', async () => {
  const one = backupOf('16385', long, [20_000]);
  const two = backupOf('base', long, [20_000]);
  const jobs = await jobsOf([...one.parts, ...two.parts]);
  assert.deepEqual(
    jobs.map(({ part, continuation }) => [part.archive, part.part, continuation.map((next) => next.name)]),
    [
      ['16385', 0, ['16385.1']],
      ['16385', 1, []],
      ['base', 0, ['base.1']],
      ['base', 1, []],
    ],
  );
});

test('a part that claims to go on with a file of another archive is a job of its own', async () => {
  const one = backupOf('16385', long, [20_000]);
  const stray = { ...one.parts[1]!, archive: 'base', part: 0 };
  const jobs = await jobsOf([one.parts[0]!, stray]);
  assert.deepEqual(
    jobs.map(({ part, continuation }) => [part.archive, continuation.length]),
    [
      ['16385', 0],
      ['base', 0],
    ],
  );
});

test('no parts are no jobs', async () => {
  assert.deepEqual(await jobsOf([]), []);
});

test('every raw byte of the own part is told, those of a continuation to its own job', async () => {
  const { parts, backup } = backupOf('base', long, [20_000, 40_000]);
  const { dataDir } = cluster({ 'base/5/1': fileOf('aaaaaaaaaa') });
  let told = 0;
  const [first] = await jobsOf(parts);
  await restoreJob(backup, first!, dataDir, (bytes) => {
    told += bytes;
  });
  assert.equal(told, 20_000);
});

test('an INCREMENTAL file with fewer blocks than it promises is told as damage', async () => {
  const content = incrementalContent({ 0: 1 }, 4, { 0: 1, 1: 2, 2: 3 });
  const { parts, backup } = backupOf('base', tarArchive([{ path: 'base/5/INCREMENTAL.1', content }]), []);
  const { dataDir } = cluster({ 'base/5/1': fileOf('aaaa') });
  await assert.rejects(restoreJob(backup, (await jobsOf(parts))[0]!, dataDir), (failure: unknown) => {
    assert.ok(failure instanceof ObjectDamaged, String(failure));
    assert.match(failure.message, /^base\/5\/INCREMENTAL\.1 holds 8192 bytes of blocks, its header promises 24576$/);
    return true;
  });
});

test('a damaged part leaves no file open', async () => {
  const { parts, backup } = backupOf('base', archive, []);
  const { dataDir } = cluster(before);
  const failure = new Error('the store is gone');
  const breaking = {
    async *partBlocks(part: PartRecord) {
      for await (const block of backup.partBlocks(part)) {
        yield block;
        if (Math.random() < 0.2) break;
      }
      throw failure;
    },
  } as unknown as OpenBackup;
  const descriptors = () => readdirSync('/proc/self/fd').length;
  const atFirst = descriptors();
  for (let n = 0; n < 20; n++) {
    await assert.rejects(
      restoreJob(breaking, { part: parts[0]!, continuation: [] }, dataDir),
      (thrown) => thrown === failure,
    );
  }
  assert.equal(descriptors(), atFirst);
});

test('pg_control is held back under another name, so that no server starts on half a cluster', async () => {
  const { parts, backup } = backupOf(
    'base',
    tarArchive([{ path: heldBack.path, content: Buffer.from('control') }]),
    [],
  );
  const { dataDir, read } = cluster();
  await restoreJob(backup, { part: parts[0]!, continuation: [] }, dataDir);
  assert.equal(read(heldBack.name).toString(), 'control');
  assert.throws(() => read(heldBack.path));
});

const hostile: TarMember[] = [
  { path: '../escaped', content: Buffer.from('x') },
  { path: '/tmp/lifeboat-escaped', content: Buffer.from('x') },
  { path: 'base/../../escaped', type: '5' },
  { path: 'link', type: '2', target: '/etc' },
  { path: 'pg_tblspc/16385', type: '2', target: '/etc' },
];
for (const member of hostile) {
  test(`a member ${member.path}${member.target ? ` → ${member.target}` : ''} is refused`, async () => {
    const { parts, backup } = backupOf('base', tarArchive([member]), []);
    const { dataDir } = cluster();
    await assert.rejects(restoreJob(backup, { part: parts[0]!, continuation: [] }, dataDir), InputInvalid);
  });
}
