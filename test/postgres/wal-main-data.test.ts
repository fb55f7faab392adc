import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from '#harness/fast-check';
import { longestHeaders, mainDataLength } from '#postgres/wal-main-data';

interface Block {
  dataBytes: number;
  /** undefined: no image */
  image: { bytes: number; hole: boolean; compressed: boolean } | undefined;
  sameRelation: boolean;
}

const block: fc.Arbitrary<Block> = fc.record({
  dataBytes: fc.nat(300),
  image: fc.option(fc.record({ bytes: fc.nat(8192), hole: fc.boolean(), compressed: fc.boolean() }), {
    nil: undefined,
  }),
  sameRelation: fc.boolean(),
});

const record = fc.record({
  blocks: fc.array(block, { maxLength: 33 }),
  origin: fc.boolean(),
  topLevelXid: fc.boolean(),
  mainBytes: fc.option(fc.oneof(fc.nat(255), fc.nat(100_000)), { nil: undefined }),
});

/** The headers as XLogRecordAssemble() in xloginsert.c writes them, and how many bytes of data they announce. */
function headersOf({
  blocks,
  origin,
  topLevelXid,
  mainBytes,
}: typeof record extends fc.Arbitrary<infer T> ? T : never) {
  const parts: number[][] = blocks.map(({ dataBytes, image, sameRelation }, id) => {
    const flags = (image ? 0x10 : 0) | (dataBytes > 0 ? 0x20 : 0) | (sameRelation ? 0x80 : 0);
    const info = (image?.hole ? 0x01 : 0) | 0x02 | (image?.compressed ? 0x04 : 0);
    const imageHeader = image ? [image.bytes & 0xff, image.bytes >> 8, 9, 9, info] : [];
    const holeLength = image?.hole && image.compressed ? [9, 9] : [];
    const relation = sameRelation ? [] : new Array(12).fill(0xfe);
    return [id, flags, dataBytes & 0xff, dataBytes >> 8, ...imageHeader, ...holeLength, ...relation, 9, 9, 9, 9];
  });
  if (origin) parts.push([253, 9, 9]);
  if (topLevelXid) parts.push([252, 9, 9, 9, 9]);
  if (mainBytes !== undefined && mainBytes < 256) parts.push([255, mainBytes]);
  else if (mainBytes !== undefined) parts.push([254, mainBytes & 0xff, (mainBytes >> 8) & 0xff, mainBytes >> 16, 0]);
  const announced = blocks.reduce((sum, { dataBytes, image }) => sum + dataBytes + (image?.bytes ?? 0), mainBytes ?? 0);
  return { headers: Buffer.from(parts.flat()), announced };
}

test('the main data has the length that the headers before it leave', () => {
  fc.assert(
    fc.property(record, fc.nat(20), (made, before) => {
      const { headers, announced } = headersOf(made);
      assert(headers.length <= longestHeaders);
      fc.pre(made.mainBytes !== undefined || announced > 0 || headers.length === 0 || made.blocks.length > 0);
      const total = headers.length + announced;
      const bytes = Buffer.concat([Buffer.alloc(before), headers]);
      const found = mainDataLength(bytes, before, bytes.length, total);
      assert.equal(found, made.mainBytes ?? 0);
      if (headers.length === 0) return;
      const cut = Math.floor((before * headers.length) / 21);
      assert.equal(mainDataLength(headers.subarray(0, cut), 0, cut, total), undefined, `cut at ${cut}`);
    }),
    { numRuns: 500 },
  );
});

test('headers that announce more or less than the record has are malformed', () => {
  const { headers, announced } = headersOf({
    blocks: [{ dataBytes: 10, image: undefined, sameRelation: false }],
    origin: true,
    topLevelXid: true,
    mainBytes: 20,
  });
  for (const wrong of [-1, 1, 1000]) {
    assert.equal(mainDataLength(headers, 0, headers.length, headers.length + announced + wrong), undefined);
  }
});

test('blocks out of order, and ids that do not exist, are malformed', () => {
  const header = (id: number) => [id, 0x80, 0, 0, 9, 9, 9, 9];
  const walk = (...ids: number[]) => {
    const bytes = Buffer.from([...ids.flatMap(header), 255, 0]);
    return mainDataLength(bytes, 0, bytes.length, bytes.length);
  };
  assert.equal(walk(0, 3, 32), 0);
  for (const ids of [[0, 0], [3, 2], [33], [251]]) assert.equal(walk(...ids), undefined);
});

test('any bytes have a length or are malformed', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), fc.nat(200_000), (bytes, total) => {
      const found = mainDataLength(bytes, 0, bytes.length, total);
      assert(found === undefined || (found >= 0 && found <= total));
    }),
    { numRuns: 500 },
  );
});
