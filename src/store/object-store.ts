/**
 * The contract of a store: what Lifeboat needs of a bucket, honoured alike by a directory and by S3.
 * test/store/contract.ts is its executable form; every implementation runs it.
 *
 * - a key is 1 to 1,024 bytes of UTF-8 and nothing more: `a` and `a/b` coexist, `..` means nothing
 * - a put is atomic: body, metadata and etag become visible together, and not before all bytes are stored
 * - `condition` is decided by the store across processes and machines
 * - a reader keeps the generation that it opened
 * - list is in byte order of the keys
 *
 * Failures: StoreUnavailable (retry), StoreRefused (operator), ObjectMissing, ObjectDamaged, Aborted, InputInvalid (key).
 */
export interface ObjectStore {
  /** for messages: `/srv/bucket` or `s3://bucket/prefix`; never carries credentials */
  readonly url: string;

  put(key: string, body: Body, options?: PutOptions): Promise<PutOutcome>;

  /** undefined when there is no such object */
  head(key: string, options?: { signal?: AbortSignal }): Promise<StoredObject | undefined>;

  /**
   * The object's bytes, or a range of them, cut at the end of the object. Read the body to its end, or leave its loop:
   * a body that is never begun holds a file or a connection open.
   * @throws ObjectMissing; InputInvalid when the range starts at the end or beyond it (0 of an empty object is fine)
   */
  get(key: string, options?: GetOptions): Promise<{ object: StoredObject; body: AsyncIterable<Uint8Array> }>;

  /** Objects whose key starts with `prefix`, in byte order, after `startAfter` (exclusive) where given. */
  list(prefix: string, options?: ListOptions): AsyncIterable<StoredObject>;

  /**
   * The distinct next path elements below `prefix` (which ends in `/` or is empty), in byte order, each with its `/`:
   * `b/` for `a/b/c` and the prefix `a/`. `startAfter` is compared with the prefix and the element together.
   */
  folders(prefix: string, options?: ListOptions): AsyncIterable<string>;

  /** Idempotent: deleting what is not there succeeds. */
  delete(key: string, options?: { signal?: AbortSignal }): Promise<void>;

  /**
   * Remove leftovers of puts that never completed, begun before `before`. Answers how many. A put that is older than
   * that and still at work fails, so leave it more time than any put takes.
   */
  abortStaleUploads(before: Date, options?: { signal?: AbortSignal }): Promise<number>;
}

/** Bytes at once or as they come. A stream's chunks may not be kept by the store after it asks for the next one. */
export type Body = Uint8Array | AsyncIterable<Uint8Array>;

export interface PutOptions {
  /** `absent`: only if there is no such object yet; `{ etag }`: only if it is still this generation */
  condition?: 'absent' | { etag: string };
  /** expected size when it is known before; lets the store choose its piece size */
  sizeHint?: number;
  /** what the bucket's own rules may go by (#model/storage-tier); a store without such rules takes them and keeps nothing */
  tags?: Readonly<Record<string, string>>;
  signal?: AbortSignal;
}

/** A condition that does not hold is an expected outcome, not a failure. */
export type PutOutcome = { stored: true; object: StoredObject } | { stored: false };

export interface GetOptions {
  /** first byte, and how many (at least 1); to the end where `length` is not given */
  range?: { start: number; length?: number };
  signal?: AbortSignal;
}

export interface ListOptions {
  startAfter?: string;
  signal?: AbortSignal;
}

export interface StoredObject {
  key: string;
  size: number;
  /** names this generation of the object; opaque. Generations with the same bytes may have the same one (S3) */
  etag: string;
  lastModified: Date;
  /** the class (`GLACIER`) of an object that has to be thawed before it can be read; nothing in a directory ever has */
  archived?: string;
}
