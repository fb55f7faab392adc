import { randomUUID } from 'node:crypto';
import { PutObjectCommand } from '@aws-sdk/client-s3';
import { chunksOf } from './body.ts';
import type { Body, PutOptions, PutOutcome } from './object-store.ts';
import { putIdField } from './s3-head.ts';
import { conditionHeaders, crc32Of } from './s3-headers.ts';
import { MultipartUpload } from './s3-multipart.ts';
import { confirm, decide, type SentPut } from './s3-outcome.ts';
import { pieceBytes, piecesOf, SpareBuffers } from './s3-pieces.ts';
import { withTags } from './s3-tags.ts';
import { abortable, addressOf, type S3Target } from './s3-target.ts';

/** Store a body: in one request where it fits into one piece, in several pieces otherwise. */
export async function putBody(target: S3Target, body: Body, options: PutOptions): Promise<PutOutcome> {
  const { condition, tags } = options;
  const sent: SentPut = { putId: randomUUID(), condition, tags, sizeBytes: 0 };
  if (body instanceof Uint8Array && body.length < pieceBytes(1)) return putAtOnce(target, sent, body);
  const spare = new SpareBuffers();
  const stop = new AbortController();
  const signal = AbortSignal.any([stop.signal, ...(target.signal ? [target.signal] : [])]);
  const pieces = piecesOf(chunksOf(body, target.key, signal), options.sizeHint, spare);
  try {
    const first = await pieces.next();
    if (first.done) return await putAtOnce(target, sent, new Uint8Array());
    if (first.value.length < pieceBytes(1, options.sizeHint)) return await putAtOnce(target, sent, first.value);
    return await putInPieces(target, sent, startingWith(first.value, pieces), spare, stop);
  } finally {
    // where the put ended early, this lets the source go
    await pieces.return(undefined);
  }
}

async function putAtOnce(target: S3Target, sent: SentPut, bytes: Uint8Array): Promise<PutOutcome> {
  sent.sizeBytes = bytes.length;
  let etag = '';
  const request = async (tagging: { Tagging?: string }) => {
    const command = new PutObjectCommand({
      ...addressOf(target),
      ...conditionHeaders(sent.condition),
      ...tagging,
      Body: bytes,
      ContentLength: bytes.length,
      ChecksumCRC32: crc32Of(bytes),
      Metadata: { [putIdField]: sent.putId },
    });
    const answer = await target.client.send(command, abortable(target));
    etag = answer.ETag ?? '';
  };
  const outcome = await decide(target, sent, () => withTags(target, sent.tags, request));
  if (outcome === 'condition failed') return { stored: false };
  return { stored: true, object: await confirm(target, sent, etag) };
}

async function putInPieces(
  target: S3Target,
  sent: SentPut,
  pieces: AsyncIterable<Buffer>,
  spare: SpareBuffers,
  stop: AbortController,
): Promise<PutOutcome> {
  const upload = await MultipartUpload.create(target, sent);
  try {
    sent.sizeBytes = await upload.send(pieces, spare, stop);
    const outcome = await decide(target, sent, () => upload.complete(sent));
    if (outcome === 'stored') return { stored: true, object: await confirm(target, sent, upload.etag) };
  } catch (failure) {
    await upload.abandon();
    throw failure;
  }
  await upload.abandon();
  return { stored: false };
}

async function* startingWith<T>(first: T, rest: AsyncIterable<T>): AsyncGenerator<T> {
  yield first;
  yield* rest;
}
