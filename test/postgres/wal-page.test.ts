import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from '#harness/fast-check';
import { WalBroken } from '#model/failure';
import { checkSegmentHeader, readPageHeader } from '#postgres/wal-page';

/** The first 40 bytes of segment 1 as each major version wrote them (15.18, 16.14, 17.10, 18.4), and its system. */
const firstPages = [
  { major: 15, bytes: '10d1020001000000000000010000000000000000000000008a405ccecddaff6a0000000100200000' },
  { major: 16, bytes: '13d10200010000000000000100000000000000000000000078dcc86a70ddff6a0000000100200000' },
  { major: 17, bytes: '16d1020001000000000000010000000000000000000000008e3c4a0771ddff6a0000000100200000' },
  { major: 18, bytes: '18d102000100000000000001000000000000000000000000a120855fcedaff6a0000000100200000' },
];

for (const { major, bytes } of firstPages) {
  test(`a segment of PostgreSQL ${major} is known by its first page`, () => {
    const head = Buffer.from(bytes, 'hex');
    const systemId = head.readBigUInt64LE(24).toString();
    const expect = { name: { timeline: 1, number: 1n }, systemId, segmentSize: 16 << 20 };
    assert.deepEqual(checkSegmentHeader(head, expect), {
      majorVersion: major,
      timeline: 1,
      address: 0x1000000n,
      continues: false,
      overwrites: false,
      remainingBytes: 0,
      headerBytes: 40,
      segment: { systemIdentifier: systemId, segmentSizeBytes: 16 << 20, pageSizeBytes: 8192 },
    });
  });
}

describe('the beginning of a segment is refused', () => {
  const head = Buffer.from(firstPages[3]!.bytes, 'hex');
  const changed = (at: number, bytes: number[]) => {
    const copy = Buffer.from(head);
    copy.set(bytes, at);
    return copy;
  };
  const name = { timeline: 1, number: 1n };
  const cases: [string, Buffer, Parameters<typeof checkSegmentHeader>[1], RegExp][] = [
    ['of another cluster', head, { name, systemId: '42' }, /belongs to system 7710121666982256801: expected 42$/],
    ['that was recycled', head, { name: { timeline: 1, number: 7n } }, /begins at 0\/1000000: expected 0\/7000000$/],
    [
      'of a newer timeline',
      changed(4, [2]),
      { name },
      /^wal segment 0{7}10{8}0{7}1 is of timeline 2: expected 1 or an older/,
    ],
    ['of timeline 0', changed(4, [0]), { name }, /timeline 0/],
    ['of another segment size', head, { name, segmentSize: 1 << 20 }, /segment size is 16777216: expected 1048576$/],
    ['of a segment size that cannot be', changed(32, [1]), {}, /segment size is 16777217: expected a power of two/],
    ['that is not WAL', Buffer.from('-- PostgreSQL database dump of last night'), {}, /magic number 2d2d: not WAL/],
    ['of a version that is not known', changed(0, [0x06]), {}, /magic number d106: not WAL of PostgreSQL 15, 16/],
    ['with flags that are not known', changed(2, [0x12]), {}, /unknown page flags 12$/],
    ['that is all zeros', Buffer.alloc(40), {}, /zeros: nothing was written here$/],
    ['that is another page', changed(2, [0]), {}, /begins with page 0\/1000000, which is not the first of a segment$/],
    ['cut in the page header', head.subarray(0, 23), {}, /truncated: 23 bytes of a page header of 24$/],
    ['cut in the segment header', head.subarray(0, 39), {}, /truncated: 39 bytes of a segment header of 40$/],
    ['that is empty', Buffer.alloc(0), {}, /truncated: 0 bytes/],
  ];
  for (const [what, bytes, expect, message] of cases) {
    test(what, () => {
      assert.throws(
        () => checkSegmentHeader(bytes, expect),
        (error: unknown) => error instanceof WalBroken && message.test(error.message),
      );
    });
  }
});

test('a segment may begin with a page of an older timeline, as after a promotion', () => {
  const head = Buffer.from(firstPages[0]!.bytes, 'hex');
  assert.equal(checkSegmentHeader(head, { name: { timeline: 3, number: 1n } }).timeline, 1);
});

test('any bytes are a page header or have a problem', () => {
  const start = fc.constantFrom(
    ...firstPages.map(({ bytes }) => Buffer.from(bytes, 'hex').subarray(0, 2)),
    Buffer.alloc(0),
  );
  fc.assert(
    fc.property(start, fc.uint8Array({ maxLength: 48 }), (magic, rest) => {
      const header = readPageHeader(Buffer.concat([magic, rest]));
      assert('problem' in header ? header.problem.length > 0 : header.majorVersion >= 15);
    }),
  );
});
