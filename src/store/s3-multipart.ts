import {
  AbortMultipartUploadCommand,
  type CompletedPart,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { InputInvalid } from '#model/failure';
import { onS3 } from './s3-failure.ts';
import { putIdField } from './s3-head.ts';
import { conditionHeaders, crc32Of } from './s3-headers.ts';
import type { SentPut } from './s3-outcome.ts';
import { maxPieces, type SpareBuffers } from './s3-pieces.ts';
import { withTags } from './s3-tags.ts';
import { abortable, addressOf, type S3Target, subjectOf } from './s3-target.ts';

/** So many pieces are on their way while the next one is filled: that bounds the memory. */
const piecesInFlight = 2;

/**
 * An object on its way in pieces: create, send, complete; or abandon, which has to follow whatever fails.
 * Nothing of it is visible until it is complete.
 */
export class MultipartUpload {
  readonly #target: S3Target;
  readonly #uploadId: string;
  readonly #parts: CompletedPart[] = [];
  #etag = '';

  private constructor(target: S3Target, uploadId: string) {
    this.#target = target;
    this.#uploadId = uploadId;
  }

  static async create(target: S3Target, { putId, tags }: SentPut): Promise<MultipartUpload> {
    const request = (tagging: { Tagging?: string }) => {
      const command = new CreateMultipartUploadCommand({
        ...addressOf(target),
        ...tagging,
        ChecksumAlgorithm: 'CRC32',
        Metadata: { [putIdField]: putId },
      });
      return target.client.send(command, abortable(target));
    };
    const answer = await onS3('begin upload', subjectOf(target), target.signal, () => withTags(target, tags, request));
    return new MultipartUpload(target, answer.UploadId ?? '');
  }

  /** of the completed object */
  get etag(): string {
    return this.#etag;
  }

  /**
   * Send all pieces. When one fails, `stop` ends everything: the other pieces, and the body that gives them.
   * Answers how many bytes they are.
   */
  async send(pieces: AsyncIterable<Buffer>, spare: SpareBuffers, stop: AbortController): Promise<number> {
    const inFlight = new Set<Promise<void>>();
    const failures: unknown[] = [];
    let sizeBytes = 0;
    try {
      for await (const piece of pieces) {
        sizeBytes += piece.length;
        while (inFlight.size >= piecesInFlight) await Promise.race(inFlight);
        const sending = this.#sendPiece(piece, stop.signal).then(
          () => {
            inFlight.delete(sending);
            // S3 has answered that it has all of it, so nobody reads this buffer any more
            spare.give(piece);
          },
          (failure: unknown) => {
            failures.push(failure);
            inFlight.delete(sending);
            stop.abort();
          },
        );
        inFlight.add(sending);
      }
    } catch (failure) {
      failures.push(failure);
      stop.abort();
    }
    await Promise.all(inFlight);
    // the first is the reason; the others only say that they were stopped
    if (failures.length > 0) throw failures[0];
    return sizeBytes;
  }

  async complete(sent: SentPut): Promise<void> {
    const command = new CompleteMultipartUploadCommand({
      ...addressOf(this.#target),
      ...conditionHeaders(sent.condition),
      UploadId: this.#uploadId,
      MpuObjectSize: sent.sizeBytes,
      MultipartUpload: { Parts: this.#parts },
    });
    const answer = await this.#target.client.send(command, abortable(this.#target));
    this.#etag = answer.ETag ?? '';
  }

  /** Also for an upload whose put was told to stop, so without its signal. */
  async abandon(): Promise<void> {
    const command = new AbortMultipartUploadCommand({ ...addressOf(this.#target), UploadId: this.#uploadId });
    try {
      await this.#target.client.send(command);
    } catch {
      // what is left is invisible, and abortStaleUploads removes it; why the put ended is what counts
    }
  }

  async #sendPiece(piece: Buffer, stop: AbortSignal): Promise<void> {
    const subject = subjectOf(this.#target);
    const number = this.#parts.length + 1;
    if (number > maxPieces) throw new InputInvalid('body', subject, 'an object of at most 5 TiB');
    const checksum = crc32Of(piece);
    const part: CompletedPart = { PartNumber: number, ChecksumCRC32: checksum };
    this.#parts.push(part);
    const command = new UploadPartCommand({
      ...addressOf(this.#target),
      UploadId: this.#uploadId,
      PartNumber: number,
      Body: piece,
      ContentLength: piece.length,
      ChecksumCRC32: checksum,
    });
    const signal = AbortSignal.any([stop, ...(this.#target.signal ? [this.#target.signal] : [])]);
    const answer = await onS3('put', `${subject} piece ${number}`, this.#target.signal, () => {
      return this.#target.client.send(command, { abortSignal: signal });
    });
    part.ETag = answer.ETag;
  }
}
