import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import fc from '#harness/fast-check';
import { InputInvalid } from '#model/failure';
import { type TarEntry, TarReader, type TarState } from '#pipeline/tar-reader';
import { tarArchive, tarHeader, withChecksum } from './tar-archive.ts';

const folder = mkdtempSync(join(tmpdir(), 'lifeboat-tar-'));
after(() => rmSync(folder, { recursive: true, force: true }));

interface Seen {
  entry: TarEntry;
  position: number;
  content: string;
  ended: boolean;
}

/** Everything that readers tell, the content of a file put together by its offsets. */
class Witness {
  readonly seen: Seen[] = [];
  readonly #base: number;
  constructor(base = 0) {
    this.#base = base;
  }
  onEntry(entry: TarEntry, position: number): void {
    this.seen.push({ entry, position: position + this.#base, content: '', ended: entry.type !== 'file' });
  }
  onContent(entry: TarEntry, offset: number, bytes: Buffer): void {
    const file = this.#of(entry);
    assert.equal(offset, file.content.length, `${entry.path}: content comes in order`);
    file.content += bytes.toString('latin1');
  }
  onEnd(entry: TarEntry): void {
    this.#of(entry).ended = true;
  }
  #of(entry: TarEntry): Seen {
    const last = this.seen.at(-1)!;
    assert.deepEqual(entry, last.entry);
    return last;
  }
}

function readAll(bytes: Buffer): Seen[] {
  const witness = new Witness();
  new TarReader(witness).feed(bytes);
  return witness.seen;
}

const letters = (length: number) =>
  Buffer.from('abcdefghijklmnopqrstuvwxyz'.repeat(Math.ceil(length / 26)).slice(0, length));

const archive = tarArchive([
  { path: 'backup_label', content: letters(226) },
  { path: 'base', type: '5', mode: 0o700 },
  { path: 'empty' },
  { path: 'pg_tblspc/16385', type: '2', mode: 0o777, target: '/srv/fast' },
  { path: 'base/1/1259', content: letters(512) },
  { path: 'base/1/1260', content: letters(513) },
]);
const whole = readAll(archive);

test('an archive is told member by member: what, where, and all of its content', () => {
  const brief = whole.map(({ entry, position, content, ended }) => [
    entry.path,
    entry.type,
    position,
    content.length,
    ended,
  ]);
  assert.deepEqual(brief, [
    ['backup_label', 'file', 0, 226, true],
    ['base', 'directory', 1024, 0, true],
    ['empty', 'file', 1536, 0, true],
    ['pg_tblspc/16385', 'link', 2048, 0, true],
    ['base/1/1259', 'file', 2560, 512, true],
    ['base/1/1260', 'file', 3584, 513, true],
  ]);
  assert.equal(whole[3]!.entry.target, '/srv/fast');
  assert.equal(whole[1]!.entry.mode, 0o700);
  assert.equal(whole[5]!.content, letters(513).toString());
});

test('cut in two at every byte, it is the same archive', () => {
  for (let cut = 0; cut <= archive.length; cut++) {
    const witness = new Witness();
    const reader = new TarReader(witness);
    reader.feed(archive.subarray(0, cut));
    reader.feed(archive.subarray(cut));
    assert.deepEqual(witness.seen, whole, `cut at ${cut}`);
  }
});

test('fed byte by byte, it is the same archive', () => {
  const witness = new Witness();
  const reader = new TarReader(witness);
  for (const byte of archive) reader.feed(Buffer.of(byte));
  assert.deepEqual(witness.seen, whole);
});

/** What a second reader tells that begins at `cut` with the state of the first, after it went through JSON. */
function resumeAt(cut: number): { state: TarState; joined: Seen[] } {
  const before = new Witness();
  const first = new TarReader(before);
  first.feed(archive.subarray(0, cut));
  const state = JSON.parse(JSON.stringify(first.state())) as TarState;
  const last = before.seen.at(-1);
  const after = new Witness(cut);
  if (state.entry) {
    const { offset, ...entry } = state.entry;
    after.seen.push({ ...before.seen.pop()!, entry });
    assert.equal(offset, last!.content.length);
  }
  new TarReader(after, state).feed(archive.subarray(cut));
  return { state, joined: [...before.seen, ...after.seen] };
}

test('resumed from the state at every byte, it is the same archive', () => {
  const kinds = new Set<string>();
  for (let cut = 0; cut <= archive.length; cut++) {
    const { state, joined } = resumeAt(cut);
    assert.deepEqual(joined, whole, `resumed at ${cut}`);
    kinds.add(Object.keys(state).join());
  }
  assert.deepEqual([...kinds].sort(), ['', 'entry', 'header', 'padding'], 'every kind of state was met');
});

test('a state says how far into a member one is', () => {
  assert.deepEqual(resumeAt(512 + 26).state, { entry: { ...whole[0]!.entry, offset: 26 } });
  assert.deepEqual(resumeAt(512 + 226).state, { padding: 286 });
  assert.deepEqual(resumeAt(1024 + 3).state, { header: Buffer.from('bas').toString('base64') });
  assert.deepEqual(resumeAt(1024).state, {});
  assert.deepEqual(resumeAt(archive.length).state, {});
});

test('a header is found although its state was handed on twice before it was whole', () => {
  const seen: string[] = [];
  const visitor = { onEntry: ({ path }: TarEntry) => seen.push(path) };
  let state: TarState = {};
  for (const [from, to] of [
    [0, 100],
    [100, 300],
    [300, 512],
  ] as const) {
    const reader = new TarReader(visitor, state);
    reader.feed(archive.subarray(from, to));
    state = reader.state();
  }
  assert.deepEqual(seen, ['backup_label']);
  assert.equal(state.entry?.offset, 0);
});

test('archives of the tar program are read, however they are cut', () => {
  const source = join(folder, 'source');
  mkdirSync(join(source, 'base', '5'), { recursive: true });
  const files = {
    PG_VERSION: '18\n',
    'base/5/2619': letters(20_000).toString(),
    'base/5/empty': '',
    'ein Ümlaut': 'ü',
  };
  for (const [name, content] of Object.entries(files)) writeFileSync(join(source, name), content);
  const deep = `${'long/'.repeat(25)}file`; // more than 100 bytes: in two fields of the header
  mkdirSync(join(source, 'long/'.repeat(25)), { recursive: true });
  writeFileSync(join(source, deep), 'deep');
  symlinkSync('/srv/fast', join(source, 'link'));
  const made = execFileSync('tar', ['--format=ustar', '--sort=name', '-C', source, '-cf', '-', '.']);
  const members = readAll(made);
  const byPath = new Map(members.map((member) => [member.entry.path, member]));
  for (const [name, content] of Object.entries({ ...files, [deep]: 'deep' })) {
    assert.equal(Buffer.from(byPath.get(name)!.content, 'latin1').toString(), content, name);
    assert.ok(byPath.get(name)!.ended);
  }
  assert.equal(byPath.get('link')!.entry.target, '/srv/fast');
  assert.equal(byPath.get('base/5')!.entry.type, 'directory');
  assert.equal(members.length, Object.keys(files).length + 1 + 25 + 3 + 1);
  fc.assert(
    fc.property(fc.array(fc.nat({ max: 4000 }), { minLength: 1, maxLength: 5 }), (sizes) => {
      const witness = new Witness();
      const reader = new TarReader(witness);
      for (let at = 0, turn = 0; at < made.length; turn++) {
        const size = sizes[turn % sizes.length]! + 1;
        reader.feed(made.subarray(at, at + size));
        at += size;
      }
      assert.deepEqual(witness.seen, members);
    }),
    { numRuns: 30 },
  );
});

test('the tar program reads what the tests write', () => {
  const listing = execFileSync('tar', ['-tf', '-'], { input: archive, encoding: 'utf8' });
  assert.deepEqual(
    listing.trim().split('\n'),
    whole.map(({ entry }) => entry.path),
  );
});

test('sizes of 8 GiB and more are in base 256', () => {
  for (const size of [8n ** 11n - 1n, 8n ** 11n, 8n ** 11n + 1n, 1n << 45n]) {
    const entries: TarEntry[] = [];
    new TarReader({ onEntry: (entry) => entries.push(entry) }).feed(tarHeader({ path: 'huge', size }));
    assert.equal(entries[0]!.size, Number(size));
  }
});

test('a position far into a huge member is kept in the state', () => {
  const reader = new TarReader(
    { onEntry: () => undefined },
    { entry: { ...whole[0]!.entry, size: 2 ** 40, offset: 2 ** 39 } },
  );
  reader.feed(Buffer.alloc(1000));
  assert.equal(reader.state().entry?.offset, 2 ** 39 + 1000);
});

const member = { path: 'base/1/1259', content: letters(10) };
const broken: [string, Buffer][] = [
  [
    'a checksum that is not its own',
    (() => {
      const h = tarHeader(member);
      h[3]! ^= 1;
      return h;
    })(),
  ],
  [
    'a checksum that is no number',
    (() => {
      const h = tarHeader(member);
      h.write('hello!', 148);
      return h;
    })(),
  ],
  [
    'a size that is no number',
    withChecksum(
      (() => {
        const h = tarHeader(member);
        h.write('9z', 124);
        return h;
      })(),
    ),
  ],
  ['a size beyond what can be counted', tarHeader({ ...member, size: 1n << 60n })],
  ['a hard link', tarHeader({ ...member, type: '1' })],
  ['a long name of GNU tar', tarHeader({ ...member, type: 'L' })],
  ['a pax extension', tarHeader({ ...member, type: 'x' })],
];
for (const [what, header] of broken) {
  test(`a header with ${what} is refused`, () => {
    assert.throws(
      () => readAll(header),
      (failure: unknown) => failure instanceof InputInvalid && failure.field === 'tar header',
    );
  });
}

test('a flip of any bit in a header is noticed, unless it says the same as before', () => {
  const header = tarHeader(member);
  let noticed = 0;
  for (let bit = 0; bit < header.length * 8; bit++) {
    const flipped = Buffer.from(header);
    flipped[bit >> 3]! ^= 1 << (bit & 7);
    try {
      // the checksum's own field may end in other blanks
      assert.deepEqual(readAll(flipped)[0]?.entry, readAll(header)[0]?.entry, `bit ${bit}`);
    } catch (failure) {
      assert.ok(failure instanceof InputInvalid, String(failure));
      noticed++;
    }
  }
  assert.ok(noticed > 504 * 8 - 1, `${noticed} noticed`);
});
