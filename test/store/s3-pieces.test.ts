import assert from 'node:assert/strict';
import { test } from 'node:test';
import { maxObjectBytes, maxPieces, pieceBytes, piecesOf } from '#store/s3-pieces';

const mebibyte = 1024 * 1024;

test('10,000 pieces hold 5 TiB, with no hint, with a right one and with a wrong one', () => {
  for (const hint of [undefined, 0, 1, 100 * mebibyte, 1024 ** 4, maxObjectBytes, 2 * maxObjectBytes]) {
    let sum = 0;
    for (let number = 1; number <= maxPieces; number++) sum += pieceBytes(number, hint);
    assert.ok(sum >= maxObjectBytes, `hint ${hint}: ${sum}`);
  }
});

test('no piece is smaller than S3 allows or larger than 5 GiB', () => {
  for (const hint of [undefined, maxObjectBytes]) {
    for (let number = 1; number <= maxPieces; number++) {
      const size = pieceBytes(number, hint);
      assert.ok(size >= 5 * mebibyte && size <= 5 * 1024 * mebibyte, `piece ${number}: ${size}`);
    }
  }
});

test('the three pieces in memory stay below 48 MiB for the first 5 GiB', () => {
  let sum = 0;
  for (let number = 1; sum < 5 * 1024 * mebibyte; number++) {
    sum += pieceBytes(number);
    assert.ok(3 * pieceBytes(number) <= 48 * mebibyte, `piece ${number}`);
  }
});

test('pieces are cut exactly, whatever the chunks are', async () => {
  for (const chunkBytes of [1_000_003, 8 * mebibyte, 20 * mebibyte]) {
    const sizes: number[] = [];
    for await (const piece of piecesOf(chunksOf(20 * mebibyte, chunkBytes))) sizes.push(piece.length);
    assert.deepEqual(sizes, [8 * mebibyte, 8 * mebibyte, 4 * mebibyte], `chunks of ${chunkBytes}`);
  }
});

async function* chunksOf(totalBytes: number, chunkBytes: number): AsyncGenerator<Uint8Array> {
  for (let given = 0; given < totalBytes; given += chunkBytes)
    yield Buffer.alloc(Math.min(chunkBytes, totalBytes - given));
}
