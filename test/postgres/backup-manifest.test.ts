import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, test } from 'node:test';
import fc from '#harness/fast-check';
import { Failure, ObjectDamaged } from '#model/failure';
import { readBackupManifest } from '#postgres/backup-manifest';
import type { ManifestFile } from '#postgres/backup-manifest-entries';

const label =
  '{ "Path": "backup_label", "Size": 227, "Last-Modified": "2026-11-20 05:29:50 GMT", ' +
  '"Checksum-Algorithm": "CRC32C", "Checksum": "0badc0de" }';
const encodedPath = '{ "Encoded-Path": "6361666520e9", "Size": 0, "Last-Modified": "2026-11-20 05:29:50 GMT" }';
const range = '{ "Timeline": 1, "Start-LSN": "0/2000028", "End-LSN": "0/2000120" }';

interface Content {
  head?: string;
  files?: string[];
  ranges?: string[];
  end?: string;
}

/** As PostgreSQL writes it, with the right checksum unless `end` is given. */
function manifest({ head = version2, files = [label, encodedPath], ranges = [range], end }: Content = {}): string {
  const list = files.map((file, index) => `${index > 0 ? ',' : ''}\n${file}`).join('');
  const text = `${head}"Files": [${list}\n],\n"WAL-Ranges": [\n${ranges.join(',\n')}\n],\n`;
  return text + (end ?? `"Manifest-Checksum": "${createHash('sha256').update(text).digest('hex')}"}\n`);
}

const version1 = '{ "PostgreSQL-Backup-Manifest-Version": 1,\n';
const version2 = '{ "PostgreSQL-Backup-Manifest-Version": 2,\n"System-Identifier": 7710121666982256801,\n';

async function read(text: string | Buffer, cut = 50) {
  const bytes = Buffer.from(text as string);
  const reused = Buffer.alloc(cut);
  async function* pieces() {
    for (let at = 0; at < bytes.length; at += cut) {
      const length = bytes.copy(reused, 0, at, at + cut); // as sources that reuse their buffer do
      yield reused.subarray(0, length);
    }
  }
  const files: ManifestFile[] = [];
  return { ...(await readBackupManifest(pieces(), (file) => files.push(file))), files };
}

test('a manifest is read, in pieces of any size', async () => {
  const text = manifest();
  for (const cut of [1, 7, 50, 100_000]) {
    const { checksum, ...content } = await read(text, cut);
    assert.match(checksum, /^[0-9a-f]{64}$/);
    assert.deepEqual(content, {
      version: 2,
      systemIdentifier: '7710121666982256801',
      fileCount: 2,
      totalBytes: 227,
      walRanges: [{ timeline: 1, start: 0x2000028n, end: 0x2000120n }],
      files: [
        {
          path: 'backup_label',
          pathBytes: undefined,
          sizeBytes: 227,
          lastModified: new Date('2026-11-20T05:29:50Z'),
          checksum: { algorithm: 'CRC32C', hex: '0badc0de' },
        },
        {
          path: 'cafe \ufffd',
          pathBytes: Buffer.from('cafe \xe9', 'latin1'),
          sizeBytes: 0,
          lastModified: new Date('2026-11-20T05:29:50Z'),
          checksum: undefined,
        },
      ],
    });
  }
});

test('a manifest of PostgreSQL 15 and 16 has no system identifier', async () => {
  const { version, systemIdentifier } = await read(manifest({ head: version1 }));
  assert.deepEqual([version, systemIdentifier], [1, undefined]);
});

test('a manifest without files is one', async () => {
  assert.equal((await read(manifest({ files: [] }))).fileCount, 0);
});

test('several timelines have a range each', async () => {
  const older = '{ "Timeline": 1, "Start-LSN": "0/1000028", "End-LSN": "0/2000028" }';
  const { walRanges } = await read(manifest({ ranges: [range.replace('1,', '2,'), older] }));
  assert.deepEqual(
    walRanges.map(({ timeline }) => timeline),
    [2, 1],
  );
});

test('a path that was encoded without need is read as it is', async () => {
  const file = encodedPath.replace('6361666520e9', Buffer.from('ü').toString('hex'));
  const { files } = await read(manifest({ files: [file] }));
  assert.deepEqual([files[0]!.path, files[0]!.pathBytes], ['ü', undefined]);
});

describe('a manifest is refused', () => {
  const path = (text: string) => manifest({ files: [label.replace('backup_label', text)] });
  const cases: [string, string, RegExp][] = [
    ['that is empty', '', /line 0: the last: expected the checksum/],
    [
      'of an unknown version',
      manifest({ head: version1.replace('1', '3') }),
      /line 1: expected the version, found "\{ "P/,
    ],
    [
      'with a system identifier that is none',
      manifest({ head: version2.replace('77', '-7') }),
      /line 2: expected the system/,
    ],
    [
      'whose content was changed',
      manifest().replace('227', '228'),
      /SHA-256 is [0-9a-f]{64}: expected [0-9a-f]{64} as written/,
    ],
    ['without its checksum', manifest({ end: '' }), /line 9: the last: expected the checksum and a newline$/],
    [
      'whose checksum is no checksum',
      manifest({ end: '"Manifest-Checksum": "00"}\n' }),
      /line 10: expected the checksum/,
    ],
    ['that was cut in its last line', manifest().trimEnd(), /the last: expected the checksum and a newline$/],
    ['that goes on', `${manifest()}\n`, /line 11: expected nothing after the checksum$/],
    ['with a line that is no JSON', manifest({ files: ['{ "Path": '] }), /line 4: expected a file as a JSON object$/],
    ['with a list for a file', manifest({ files: ['[]'] }), /line 4: expected an object$/],
    ['without a comma between files', manifest().replace(' },\n', ' }\n'), /line 5: no comma before it$/],
    ['with a comma after the last file', manifest().replace(' }\n],\n"W', ' },\n],\n"W'), /line 6: a comma before it$/],
    [
      'with a field that nobody knows',
      manifest({ files: [label.replace(' }', ', "Mood": 1 }')] }),
      /unknown field Mood$/,
    ],
    ['with a size that is none', manifest({ files: [label.replace('227', '-1')] }), /size -1: expected bytes$/],
    [
      'with a size that is not exact',
      manifest({ files: [label.replace('227', '9007199254740993')] }),
      /size 900719925474099/,
    ],
    [
      'with a time that is none',
      manifest({ files: [label.replace('GMT', 'CET')] }),
      /last modified .*: expected a time in GMT$/,
    ],
    [
      'with half a checksum',
      manifest({ files: [label.replace('0badc0de', '0bad')] }),
      /checksum CRC32C 0bad: expected one$/,
    ],
    ['with an unknown algorithm', manifest({ files: [label.replace('CRC32C', 'toString')] }), /checksum toString/],
    ['with a path that leaves the folder', path('base/../../etc/passwd'), /expected a path below the data folder$/],
    ['with an absolute path', path('/etc/passwd'), /expected a path below/],
    ['with an empty path', path(''), /expected a path below/],
    ['with two paths', manifest({ files: [label.replace('{ ', '{ "Encoded-Path": "61", ')] }), /expected a path below/],
    [
      'with a WAL range that ends before it begins',
      manifest({ ranges: [range.replace('2000120', '1')] }),
      /WAL range of/,
    ],
    ['with a WAL range without numbers', manifest({ ranges: [range.replace('0/2000028', 'x')] }), /WAL range of/],
    ['with a line that does not end', version2 + 'x'.repeat(20_000), /line 2: the next has more than 16384 bytes$/],
    [
      'with a line that is too long',
      `${version2}${'x'.repeat(20_000)}\n`,
      /line 2: the next has more than 16384 bytes$/,
    ],
  ];
  for (const [what, text, message] of cases) {
    test(what, async () => {
      for (const cut of [50, 100_000]) {
        await assert.rejects(read(text, cut), (error: unknown) => {
          assert(error instanceof ObjectDamaged);
          assert.match(error.message, message);
          return true;
        });
      }
    });
  }

  test('when any byte of it was changed', async () => {
    const whole = Buffer.from(manifest());
    await fc.assert(
      fc.asyncProperty(fc.nat(whole.length - 1), fc.integer({ min: 1, max: 255 }), async (at, change) => {
        const changed = Buffer.from(whole);
        changed[at] = changed[at]! ^ change;
        await assert.rejects(read(changed), Failure);
      }),
    );
  });
});
