/**
 * The checksum of a data page, as PostgreSQL computes it: 32 FNV-1a sums side by side over the page with its checksum
 * field as zero, folded together with the block number.
 * Source: src/include/storage/checksum_impl.h
 */
function pageChecksum(page: Uint32Array, blockNumber: number): number {
  const sums = new Uint32Array(baseOffsets);
  for (let at = 0; at < page.length; at += lanes) {
    for (let lane = 0; lane < lanes; lane++) {
      const index = at + lane;
      // pd_checksum is the lower half of the third word
      const word = index === 2 ? page[2]! & 0xffff_0000 : page[index]!;
      sums[lane] = mix(sums[lane]!, word);
    }
  }
  for (let round = 0; round < 2; round++) for (let lane = 0; lane < lanes; lane++) sums[lane] = mix(sums[lane]!, 0);
  let folded = 0;
  for (const sum of sums) folded ^= sum;
  folded = (folded ^ blockNumber) >>> 0;
  return (folded % 65_535) + 1;
}

const lanes = 32;
const prime = 16_777_619;

function mix(sum: number, word: number): number {
  const mixed = sum ^ word;
  return Math.imul(mixed, prime) ^ (mixed >>> 17);
}

const baseOffsets = Uint32Array.of(
  0x5b1f36e9,
  0xb8525960,
  0x02ab50aa,
  0x1de66d2a,
  0x79ff467a,
  0x9bb9f8a3,
  0x217e7cd2,
  0x83e13d2c,
  0xf8d4474f,
  0xe39eb970,
  0x42c6ae16,
  0x993216fa,
  0x7b093b5d,
  0x98daff3c,
  0xf718902a,
  0x0b1c9cdb,
  0xe58f764b,
  0x187636bc,
  0x5d7b3bb1,
  0xe73de7de,
  0x92bec979,
  0xcca6c0b2,
  0x304a0979,
  0x85aa43d4,
  0x783125bb,
  0x6ca8eaa2,
  0xe407eac6,
  0x4b5cfc3e,
  0x9fbf8c76,
  0x15ca20be,
  0xf2ca9fd3,
  0x959bd756,
);

/**
 * How a page looks: right, wrong, or not yet used: then all of it is zeros, as PostgreSQL wants it, too
 * (PageIsVerified in src/backend/storage/page/bufpage.c).
 */
export function judgePage(page: Uint32Array, blockNumber: number): 'right' | 'wrong' | 'unused' {
  // pd_upper is zero until the page is initialized
  if (page[3]! >>> 16 === 0) return page.every((word) => word === 0) ? 'unused' : 'wrong';
  return (page[2]! & 0xffff) === pageChecksum(page, blockNumber) ? 'right' : 'wrong';
}
