import { Readable } from 'node:stream';
import { GetObjectCommand, type GetObjectCommandOutput } from '@aws-sdk/client-s3';
import { ObjectMissing, StoreUnavailable } from '#model/failure';
import type { GetOptions, StoredObject } from './object-store.ts';
import { checkRange, spanOf } from './range.ts';
import { resumableRead } from './resumable-read.ts';
import { archivedFailure, isArchived } from './s3-archived.ts';
import { complaintOf, s3Failure } from './s3-failure.ts';
import { headObject } from './s3-head.ts';
import { abortable, addressOf, type S3Target, subjectOf } from './s3-target.ts';

export interface ReadPatience {
  stallMs: number;
  pauseMs?: number | undefined;
}

/** Read an object or a range of it, over as many connections as it takes, always the same generation. */
export async function getBody(
  target: S3Target,
  range: GetOptions['range'],
  patience: ReadPatience,
): Promise<{ object: StoredObject; body: AsyncIterable<Uint8Array> }> {
  checkRange(range);
  const first = await openFirst(target, range);
  if (first === undefined) return describeBeyond(target, range);
  const object = describe(target, first);
  const span = spanOf(range, object.size, target.key);
  const body = resumableRead({
    ...patience,
    subject: subjectOf(target),
    span,
    first: streamOf(first),
    reopen: async (start) => streamOf(await reopen(target, first, start, span.end)),
    failureOf: (error) => s3Failure('get', subjectOf(target), error, target.signal),
    crc32: wholeChecksum(first),
    signal: target.signal,
  });
  return { object, body };
}

/** undefined when the range starts at the end or beyond it */
async function openFirst(target: S3Target, range: GetOptions['range']): Promise<GetObjectCommandOutput | undefined> {
  try {
    const command = new GetObjectCommand({ ...addressOf(target), ...(range && { Range: rangeHeader(range) }) });
    askForChecksum(command);
    return await target.client.send(command, abortable(target));
  } catch (error) {
    const { code, status } = complaintOf(error);
    if (status === 416) return undefined;
    if (code === 'NoSuchKey') throw missing(target);
    if (isArchived(error)) throw await archivedFailure(target);
    throw s3Failure('get', subjectOf(target), error, target.signal);
  }
}

/**
 * The option ChecksumMode would ask for the checksum, too, but have the SDK check it, and that cannot follow a read
 * over several connections; resumable-read.ts can.
 */
function askForChecksum(command: GetObjectCommand): void {
  const withHeader = (request: unknown) => {
    (request as { headers: Record<string, string> }).headers['x-amz-checksum-mode'] = 'ENABLED';
  };
  command.middlewareStack.add(
    (next) => (args) => {
      withHeader(args.request);
      return next(args);
    },
    { step: 'build' },
  );
}

function rangeHeader(range: { start: number; length?: number }): string {
  return `bytes=${range.start}-${range.length === undefined ? '' : range.start + range.length - 1}`;
}

function missing(target: S3Target): ObjectMissing {
  const subject = subjectOf(target);
  return new ObjectMissing(`get ${subject}: there is no such object`, { operation: 'get', subject });
}

/** S3 has no range for an empty object: what is asked for is nothing, or wrong. */
async function describeBeyond(
  target: S3Target,
  range: GetOptions['range'],
): Promise<{ object: StoredObject; body: AsyncIterable<Uint8Array> }> {
  const found = await headObject(target);
  if (found === undefined) throw missing(target);
  spanOf(range, found.object.size, target.key);
  return { object: found.object, body: Readable.from([]) };
}

function describe(target: S3Target, answer: GetObjectCommandOutput): StoredObject {
  return {
    key: target.key,
    size: totalBytes(target, answer),
    etag: answer.ETag ?? '',
    lastModified: answer.LastModified ?? new Date(0),
  };
}

/** The whole object's size, also where the answer is a part of it. */
function totalBytes(target: S3Target, answer: GetObjectCommandOutput): number {
  const total = answer.ContentRange === undefined ? answer.ContentLength : Number(answer.ContentRange.split('/')[1]);
  if (total !== undefined && Number.isSafeInteger(total)) return total;
  throw new StoreUnavailable(`get ${subjectOf(target)}: the answer does not say how large the object is`, {
    operation: 'get',
    subject: subjectOf(target),
  });
}

/** The CRC-32 of all bytes; undefined where the answer is a range, or where S3 has one for each piece alone. */
function wholeChecksum(answer: GetObjectCommandOutput): number | undefined {
  const checksum = answer.ChecksumCRC32;
  if (checksum === undefined || checksum.includes('-') || answer.ContentRange !== undefined) return undefined;
  return answer.ChecksumType === 'COMPOSITE' ? undefined : Buffer.from(checksum, 'base64').readUInt32BE();
}

async function reopen(
  target: S3Target,
  first: GetObjectCommandOutput,
  start: number,
  end: number,
): Promise<GetObjectCommandOutput> {
  const command = new GetObjectCommand({
    ...addressOf(target),
    Range: `bytes=${start}-${end - 1}`,
    // a bucket with versions can still give the old generation; one without can only say that it is gone
    ...(first.VersionId === undefined ? { IfMatch: first.ETag } : { VersionId: first.VersionId }),
  });
  try {
    return await target.client.send(command, abortable(target));
  } catch (error) {
    if (complaintOf(error).status === 412 || complaintOf(error).code === 'NoSuchKey') throw replaced(target, start);
    if (isArchived(error)) throw await archivedFailure(target);
    throw s3Failure('get', subjectOf(target), error, target.signal);
  }
}

function replaced(target: S3Target, start: number): ObjectMissing {
  const subject = subjectOf(target);
  return new ObjectMissing(
    `get ${subject}: the connection broke at byte ${start}, and meanwhile the object was replaced or deleted`,
    { operation: 'get', subject, hint: 'read it again from its beginning' },
  );
}

function streamOf(answer: GetObjectCommandOutput): Readable {
  if (answer.Body instanceof Readable) return answer.Body;
  throw new TypeError('the S3 client gives no Node streams: it has to use an HTTP handler for Node');
}
