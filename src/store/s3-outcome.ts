import { setTimeout as sleep } from 'node:timers/promises';
import { ObjectDamaged, StoreRefused, StoreUnavailable } from '#model/failure';
import { throwIfAborted } from './body.ts';
import type { PutOptions, StoredObject } from './object-store.ts';
import { complaintOf, s3Failure } from './s3-failure.ts';
import { type HeadAnswer, headObject } from './s3-head.ts';
import { type S3Target, subjectOf } from './s3-target.ts';

/** What a put sends, by which its object is recognised. */
export interface SentPut {
  putId: string;
  condition: PutOptions['condition'];
  tags: PutOptions['tags'];
  sizeBytes: number;
}

/**
 * Make the request that makes an object visible, and find out what became of it.
 *
 * A connection may break after S3 stored the object and before its answer arrived. The SDK asks again then, and S3
 * truthfully says that the condition does not hold any more, because of our own first request. So a refusal is
 * believed only when the object there does not carry this put's id.
 */
export async function decide(
  target: S3Target,
  sent: SentPut,
  request: () => Promise<unknown>,
): Promise<'stored' | 'condition failed'> {
  for (let attempt = 1; ; attempt++) {
    try {
      await request();
      return 'stored';
    } catch (error) {
      const refused = isConditionFailed(error, sent);
      if ((refused || mayBeStored(error, sent)) && (await isOurs(target, sent, refused))) return 'stored';
      if (refused) return 'condition failed';
      const failure = s3Failure('put', subjectOf(target), error, target.signal);
      if (!isConflict(error) || attempt === maxAttempts) throw failure;
    }
    throwIfAborted(target.signal, 'put', subjectOf(target));
    await sleep(conflictPauseMs * 2 ** attempt * (0.5 + Math.random()));
  }
}

/**
 * Read back what S3 knows of the object that it said it stored.
 * @throws StoreUnavailable when it is not there; ObjectDamaged when it has another size
 */
export async function confirm(target: S3Target, sent: SentPut, etag: string): Promise<StoredObject> {
  const object = { key: target.key, size: sent.sizeBytes, etag, lastModified: new Date() };
  for (let attempt = 1; ; attempt++) {
    const found = await headOrForbidden(target);
    // a writer may be allowed to write alone; then S3's word and its check of our checksum have to do
    if (found === 'forbidden') return object;
    if (found?.putId === sent.putId) return checkSize(target, sent, found.object);
    // it was stored under a condition, and somebody who saw it has replaced it
    if (found !== undefined && wasReplaced(found, sent)) return object;
    if (attempt === maxAttempts) throw notThere(target, found);
    await sleep(confirmPauseMs * 2 ** attempt);
  }
}

const maxAttempts = 5;
const conflictPauseMs = 50;
const confirmPauseMs = 10;

function isConditionFailed(error: unknown, { condition }: SentPut): boolean {
  const { code, status } = complaintOf(error);
  if (condition === undefined) return false;
  return status === 412 || (status === 404 && condition !== 'absent' && code === 'NoSuchKey');
}

/** An upload that is gone may have been completed; without an answer, and after 5xx, anything may be true. */
function mayBeStored(error: unknown, { condition }: SentPut): boolean {
  const { code, status } = complaintOf(error);
  const unclear = status === undefined || status < 300 || status >= 500;
  return code === 'NoSuchUpload' || (condition !== undefined && unclear);
}

function isConflict(error: unknown): boolean {
  return complaintOf(error).status === 409;
}

async function isOurs(target: S3Target, sent: SentPut, refused: boolean): Promise<boolean> {
  try {
    const found = await headOrForbidden(target);
    return found !== 'forbidden' && found?.putId === sent.putId;
  } catch (failure) {
    // the put has failed already: its own failure says more than that of this question
    if (!refused) return false;
    throw failure;
  }
}

async function headOrForbidden(target: S3Target): Promise<HeadAnswer | undefined | 'forbidden'> {
  try {
    return await headObject(target);
  } catch (failure) {
    if (failure instanceof StoreRefused) return 'forbidden';
    throw failure;
  }
}

function wasReplaced(found: HeadAnswer, { condition }: SentPut): boolean {
  return condition === 'absent' || (condition !== undefined && found.object.etag !== condition.etag);
}

function checkSize(target: S3Target, sent: SentPut, object: StoredObject): StoredObject {
  if (object.size === sent.sizeBytes) return object;
  const subject = subjectOf(target);
  throw new ObjectDamaged(`put ${subject}: ${object.size} bytes are stored, expected ${sent.sizeBytes}`, {
    operation: 'put',
    subject,
  });
}

function notThere(target: S3Target, found: HeadAnswer | undefined): StoreUnavailable {
  const subject = subjectOf(target);
  const instead = found === undefined ? 'there is nothing' : 'another object is there';
  return new StoreUnavailable(`put ${subject}: the store said that it is stored, but ${instead}`, {
    operation: 'put',
    subject,
    hint: 'this store cannot be relied on: it does not show at once what was stored',
  });
}
