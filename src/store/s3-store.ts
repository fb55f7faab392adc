import { AbortMultipartUploadCommand, DeleteObjectCommand, HeadBucketCommand, type S3Client } from '@aws-sdk/client-s3';
import { InputInvalid, StoreRefused } from '#model/failure';
import { checkKey, checkPrefix, compareKeys, maxKeyBytes } from './key.ts';
import type {
  Body,
  GetOptions,
  ListOptions,
  ObjectStore,
  PutOptions,
  PutOutcome,
  StoredObject,
} from './object-store.ts';
import { complaintOf, onS3, s3Failure } from './s3-failure.ts';
import { getBody, type ReadPatience } from './s3-get.ts';
import { headObject } from './s3-head.ts';
import { listPages, listUploads, type S3Listing } from './s3-listing.ts';
import { putBody } from './s3-put.ts';
import { abortable, addressOf, type S3Target, type ServerTraits, subjectOf } from './s3-target.ts';

export interface S3StoreOptions {
  client: S3Client;
  bucket: string;
  /** the store's keys are below it; without a slash at either end; empty for the whole bucket */
  prefix?: string;
  /** for reading: how long no byte may come before a connection counts as broken, and the first pause after that */
  patience?: Partial<ReadPatience>;
}

/** A bucket of S3, or what speaks like it, as a store. Nothing is asked of it before the first call. */
export function createS3Store(options: S3StoreOptions): ObjectStore {
  return new S3Store(options);
}

class S3Store implements ObjectStore {
  readonly url: string;
  readonly #client: S3Client;
  readonly #bucket: string;
  /** empty, or ends in a slash */
  readonly #prefix: string;
  readonly #patience: ReadPatience;
  readonly #server: ServerTraits = { knowsTags: true };
  #bucketSeen = false;

  constructor({ client, bucket, prefix = '', patience = {} }: S3StoreOptions) {
    this.url = `s3://${bucket}${prefix === '' ? '' : `/${prefix}`}`;
    this.#client = client;
    this.#bucket = bucket;
    this.#prefix = prefix === '' ? '' : `${prefix}/`;
    this.#patience = { stallMs: 60_000, ...patience };
  }

  async put(key: string, body: Body, options: PutOptions = {}): Promise<PutOutcome> {
    return putBody(this.#target(key, options.signal), body, options);
  }

  async head(key: string, options: { signal?: AbortSignal } = {}): Promise<StoredObject | undefined> {
    const found = await headObject(this.#target(key, options.signal));
    if (found === undefined) await this.#checkBucket(options.signal);
    return found?.object;
  }

  async get(key: string, options: GetOptions = {}): Promise<{ object: StoredObject; body: AsyncIterable<Uint8Array> }> {
    return getBody(this.#target(key, options.signal), options.range, this.#patience);
  }

  async *list(prefix: string, options: ListOptions = {}): AsyncGenerator<StoredObject> {
    checkPrefix(prefix);
    for await (const page of listPages(this.#listing(prefix, options))) {
      for (const { fullKey, ...object } of page.objects) yield { key: fullKey.slice(this.#prefix.length), ...object };
    }
  }

  async *folders(prefix: string, options: ListOptions = {}): AsyncGenerator<string> {
    checkPrefix(prefix, 'at an element');
    for await (const page of listPages({ ...this.#listing(prefix, options), delimiter: '/' })) {
      for (const fullPrefix of page.prefixes) {
        const folder = fullPrefix.slice(this.#prefix.length);
        // servers differ in whether a folder that begins before `startAfter` and ends behind it belongs here
        if (compareKeys(folder, options.startAfter ?? '') > 0) yield folder.slice(prefix.length);
      }
    }
  }

  async delete(key: string, options: { signal?: AbortSignal } = {}): Promise<void> {
    const target = this.#target(key, options.signal);
    await onS3('delete', subjectOf(target), target.signal, () => {
      return this.#client.send(new DeleteObjectCommand(addressOf(target)), abortable(target));
    });
  }

  async abortStaleUploads(before: Date, options: { signal?: AbortSignal } = {}): Promise<number> {
    let aborted = 0;
    for await (const { fullKey, upload } of listUploads(this.#listing('', options))) {
      if (upload.Initiated === undefined || upload.Initiated >= before) continue;
      if (await this.#abortUpload(fullKey, upload.UploadId, options.signal)) aborted++;
    }
    return aborted;
  }

  #target(key: string, signal: AbortSignal | undefined): S3Target {
    checkKey(key);
    const fullKey = `${this.#prefix}${key}`;
    if (Buffer.byteLength(fullKey) > maxKeyBytes) {
      throw new InputInvalid('key', fullKey, `at most ${maxKeyBytes} bytes together with the bucket's prefix`);
    }
    return { client: this.#client, bucket: this.#bucket, fullKey, key, signal, server: this.#server };
  }

  #listing(prefix: string, options: ListOptions): S3Listing {
    return {
      client: this.#client,
      bucket: this.#bucket,
      prefix: `${this.#prefix}${prefix}`,
      signal: options.signal,
      ...(options.startAfter && { startAfter: `${this.#prefix}${options.startAfter}` }),
    };
  }

  /** A HEAD that answers 404 does not say whether the object or the whole bucket is missing, so ask once. */
  async #checkBucket(signal: AbortSignal | undefined): Promise<void> {
    if (this.#bucketSeen) return;
    try {
      const command = new HeadBucketCommand({ Bucket: this.#bucket });
      await this.#client.send(command, signal ? { abortSignal: signal } : {});
    } catch (error) {
      const { status } = complaintOf(error);
      if (status === 404) throw noSuchBucket(this.#bucket);
      // a bucket that may not be looked at is there
      if (status !== 403) throw s3Failure('head', `s3://${this.#bucket}`, error, signal);
    }
    this.#bucketSeen = true;
  }

  async #abortUpload(fullKey: string, uploadId: string | undefined, signal: AbortSignal | undefined): Promise<boolean> {
    const command = new AbortMultipartUploadCommand({ Bucket: this.#bucket, Key: fullKey, UploadId: uploadId });
    try {
      await this.#client.send(command, signal ? { abortSignal: signal } : {});
      return true;
    } catch (error) {
      // completed or abandoned since it was listed
      if (complaintOf(error).code === 'NoSuchUpload') return false;
      throw s3Failure('abort upload', `s3://${this.#bucket}/${fullKey}`, error, signal);
    }
  }
}

function noSuchBucket(bucket: string): StoreRefused {
  return new StoreRefused(`head s3://${bucket}: there is no such bucket`, {
    operation: 'head',
    subject: `s3://${bucket}`,
    hint: 'check the name of the bucket and the region; create it where it is really missing',
  });
}
