import { createHash, randomUUID } from 'node:crypto';
import { crc32Of, type Payload } from './strict-s3-payload.ts';
import { S3Refusal } from './strict-s3-refusal.ts';

/** What a put says of its object besides the bytes. */
export interface Described {
  metadata: Map<string, string>;
  tags: Map<string, string>;
}

export interface StoredBytes extends Described {
  bytes: Buffer;
  /** with its quotes */
  etag: string;
  crc32: string | undefined;
  lastModified: Date;
  /** undefined: STANDARD, which S3 does not tell either */
  archive?: Archive;
}

/** A class that cannot be read. `thawed`: a copy can be; `thawing`: S3 is at it */
export interface Archive {
  storageClass: 'GLACIER' | 'DEEP_ARCHIVE';
  state: 'archived' | 'thawing' | 'thawed';
}

export interface OpenUpload {
  uploadId: string;
  key: string;
  initiated: Date;
  described: Described;
  parts: Map<number, { bytes: Buffer; etag: string; crc32: string }>;
}

export interface Conditions {
  ifMatch?: string | undefined;
  ifNoneMatch?: string | undefined;
}

export interface NamedPart {
  number: number;
  etag: string;
  crc32: string | undefined;
}

const smallestPartBytes = 5 * 1024 * 1024;

/** What lies in a bucket, and S3's rules for changing it. */
export class StrictBucket {
  readonly objects = new Map<string, StoredBytes>();
  /** the generation before, for a server that serves it by mistake */
  readonly previous = new Map<string, StoredBytes>();
  readonly uploads = new Map<string, OpenUpload>();
  /** list in the order of storing, as S3's directory buckets may */
  isUnordered = false;

  put(key: string, payload: Payload, described: Described, conditions: Conditions): StoredBytes {
    this.check(key, conditions);
    const etag = `"${md5(payload.bytes).toString('hex')}"`;
    return this.#store(key, { ...payload, ...described, etag, lastModified: new Date() });
  }

  find(key: string): StoredBytes {
    const found = this.objects.get(key);
    if (found === undefined) throw new S3Refusal(404, 'NoSuchKey');
    return found;
  }

  delete(key: string): void {
    this.objects.delete(key);
  }

  /** What a lifecycle rule does with it. */
  archive(key: string, storageClass: Archive['storageClass']): void {
    this.find(key).archive = { storageClass, state: 'archived' };
  }

  /** S3's answer is whether it begins only now. */
  thaw(key: string): 'begins' | 'is thawed' {
    const { archive } = this.find(key);
    if (archive === undefined) throw new S3Refusal(403, 'InvalidObjectState', 'the storage class cannot be restored');
    if (archive.state === 'thawing') throw new S3Refusal(409, 'RestoreAlreadyInProgress');
    if (archive.state === 'thawed') return 'is thawed';
    archive.state = 'thawing';
    return 'begins';
  }

  /** Hours later. */
  completeThaws(): void {
    for (const { archive } of this.objects.values()) if (archive?.state === 'thawing') archive.state = 'thawed';
  }

  check(key: string, { ifMatch, ifNoneMatch }: Conditions): void {
    const current = this.objects.get(key);
    if (ifNoneMatch !== undefined && ifNoneMatch !== '*') throw new S3Refusal(501, 'NotImplemented', 'If-None-Match');
    if (ifNoneMatch === '*' && current !== undefined) throw new S3Refusal(412, 'PreconditionFailed');
    if (ifMatch !== undefined && current === undefined) throw new S3Refusal(404, 'NoSuchKey');
    if (ifMatch !== undefined && current?.etag !== ifMatch) throw new S3Refusal(412, 'PreconditionFailed');
  }

  begin(key: string, described: Described): OpenUpload {
    const upload = { uploadId: randomUUID(), key, initiated: new Date(), described, parts: new Map() };
    this.uploads.set(upload.uploadId, upload);
    return upload;
  }

  putPart(key: string, uploadId: string, number: number, payload: Payload): { etag: string } {
    const upload = this.#upload(key, uploadId);
    if (!Number.isInteger(number) || number < 1 || number > 10_000)
      throw new S3Refusal(400, 'InvalidArgument', 'partNumber');
    const etag = `"${md5(payload.bytes).toString('hex')}"`;
    upload.parts.set(number, { bytes: payload.bytes, etag, crc32: crc32Of(payload.bytes) });
    return { etag };
  }

  complete(
    key: string,
    uploadId: string,
    named: NamedPart[],
    sizeBytes: number | undefined,
    conditions: Conditions,
  ): StoredBytes {
    const upload = this.#upload(key, uploadId);
    if (named.length === 0) throw new S3Refusal(400, 'MalformedXML', 'no parts');
    const parts = named.map((part, index) => {
      if (index > 0 && part.number <= named[index - 1]!.number) throw new S3Refusal(400, 'InvalidPartOrder');
      return findPart(upload, part);
    });
    if (parts.slice(0, -1).some((part) => part.bytes.length < smallestPartBytes)) {
      throw new S3Refusal(400, 'EntityTooSmall');
    }
    const bytes = Buffer.concat(parts.map((part) => part.bytes));
    if (sizeBytes !== undefined && sizeBytes !== bytes.length)
      throw new S3Refusal(400, 'InvalidRequest', 'object size');
    this.check(key, conditions);
    this.uploads.delete(uploadId);
    const etag = `"${md5(...parts.map((part) => Buffer.from(part.etag.slice(1, -1), 'hex'))).toString('hex')}-${parts.length}"`;
    const checksums = Buffer.concat(parts.map((part) => Buffer.from(part.crc32, 'base64')));
    const crc32 = `${crc32Of(checksums)}-${parts.length}`;
    return this.#store(key, { bytes, etag, crc32, ...upload.described, lastModified: new Date() });
  }

  abort(key: string, uploadId: string): void {
    this.#upload(key, uploadId);
    this.uploads.delete(uploadId);
  }

  #upload(key: string, uploadId: string): OpenUpload {
    const upload = this.uploads.get(uploadId);
    if (upload === undefined || upload.key !== key) throw new S3Refusal(404, 'NoSuchUpload');
    return upload;
  }

  #store(key: string, stored: StoredBytes): StoredBytes {
    const before = this.objects.get(key);
    if (before !== undefined) this.previous.set(key, before);
    this.objects.set(key, stored);
    return stored;
  }
}

function findPart(upload: OpenUpload, named: NamedPart): { bytes: Buffer; etag: string; crc32: string } {
  const part = upload.parts.get(named.number);
  if (part === undefined || part.etag !== named.etag) throw new S3Refusal(400, 'InvalidPart');
  if (named.crc32 !== undefined && named.crc32 !== part.crc32) throw new S3Refusal(400, 'InvalidPart', 'checksum');
  return part;
}

function md5(...pieces: Buffer[]): Buffer {
  const hash = createHash('md5');
  for (const piece of pieces) hash.update(piece);
  return hash.digest();
}
