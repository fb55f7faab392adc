import { createHash } from 'node:crypto';
import { PassThrough } from 'node:stream';
import type { PartRecord } from '#pipeline/part-record';
import type { FrameSealer } from '#pipeline/seal-frame';

/** A part that is being written: what is sealed goes into `body`, which the store's put reads. */
export class OpenPart {
  readonly record: PartRecord;
  readonly body = new PassThrough({ highWaterMark: 8 << 20 });
  /** all of it was handed to the body */
  ended = false;
  readonly #sealer: FrameSealer;
  readonly #hash = createHash('sha256');

  constructor(record: PartRecord, sealer: FrameSealer) {
    this.record = record;
    this.#sealer = sealer;
    this.body.on('error', () => undefined); // whoever writes to it and the store's put both notice a failed body
    this.#emit(sealer.header);
  }

  /** One compressed block. False when the body is full (see drained). */
  seal(pieces: Buffer[], rawBytes: number, last: boolean): boolean {
    const stored = this.#sealer.seal(pieces, rawBytes, last);
    let room = true;
    for (const piece of stored) room = this.#emit(piece);
    this.record.rawBytes += rawBytes;
    this.record.frames.push([stored.slice(1).reduce((sum, piece) => sum + piece.length, 0), rawBytes]);
    if (last) {
      this.record.sha256 = this.#hash.digest('hex');
      this.body.end();
      this.ended = true;
    }
    return room;
  }

  /** Settles when the body takes more, or never will (then its put has failed, and says why). */
  drained(): Promise<void> {
    const { body } = this;
    if (body.destroyed) return Promise.resolve();
    return new Promise((resolve) => {
      const done = () => {
        body.off('drain', done).off('close', done);
        resolve();
      };
      body.on('drain', done).on('close', done);
    });
  }

  #emit(bytes: Buffer): boolean {
    this.#hash.update(bytes);
    this.record.storedBytes += bytes.length;
    return this.body.write(bytes);
  }
}
