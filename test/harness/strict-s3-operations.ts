import type { Described, StoredBytes, StrictBucket } from './strict-s3-bucket.ts';
import { listObjects, listUploads } from './strict-s3-listing.ts';
import type { Payload } from './strict-s3-payload.ts';
import { element, S3Refusal, unescapeXml, xml } from './strict-s3-refusal.ts';
import type { S3Request } from './strict-s3-request.ts';
import { tagsOf } from './strict-s3-tags.ts';

export interface S3Answer {
  status: number;
  headers: Record<string, string>;
  body: Buffer;
}

/** Carry a request out; its signature and its payload have been checked. */
export function carryOut(
  buckets: Map<string, StrictBucket>,
  request: S3Request,
  payload: Payload,
  isOld: boolean,
): S3Answer {
  const bucket = buckets.get(request.bucket);
  if (bucket === undefined) throw new S3Refusal(404, 'NoSuchBucket');
  return request.key === '' ? onBucket(bucket, request, payload) : onObject(bucket, request, payload, isOld);
}

function onBucket(bucket: StrictBucket, request: S3Request, payload: Payload): S3Answer {
  const { method, query } = request;
  if (method === 'HEAD') return answer(200);
  if (method === 'GET' && query.get('list-type') === '2')
    return answer(200, listObjects(bucket, query, request.headers.get('x-amz-optional-object-attributes')));
  if (method === 'GET' && query.has('uploads')) return answer(200, listUploads(bucket, query));
  if (method === 'POST' && query.has('delete')) return deleteMany(bucket, request, payload);
  throw new S3Refusal(501, 'NotImplemented', `${method} of a bucket`);
}

function onObject(bucket: StrictBucket, request: S3Request, payload: Payload, isOld: boolean): S3Answer {
  const { method, query } = request;
  if (Buffer.byteLength(request.key) > 1024) throw new S3Refusal(400, 'KeyTooLongError');
  if (method === 'GET' || method === 'HEAD') return read(bucket, request, isOld);
  if (method === 'PUT')
    return query.has('uploadId') ? putPart(bucket, request, payload) : put(bucket, request, payload);
  if (method === 'POST' && query.has('uploads')) return begin(bucket, request);
  if (method === 'POST' && query.has('restore')) return thaw(bucket, request, payload);
  if (method === 'POST' && query.has('uploadId')) return complete(bucket, request, payload);
  if (method === 'DELETE') return remove(bucket, request);
  throw new S3Refusal(501, 'NotImplemented', `${method} of an object`);
}

function answer(status: number, body: string | Buffer = '', headers: Record<string, string> = {}): S3Answer {
  const type: Record<string, string> =
    typeof body === 'string' && body !== '' ? { 'content-type': 'application/xml' } : {};
  return { status, headers: { ...type, ...headers }, body: Buffer.from(body) };
}

function put(bucket: StrictBucket, request: S3Request, payload: Payload): S3Answer {
  const stored = bucket.put(request.key, payload, describedBy(request), conditionsOf(request));
  return answer(200, '', { etag: stored.etag, ...(stored.crc32 && { 'x-amz-checksum-crc32': stored.crc32 }) });
}

function read(bucket: StrictBucket, request: S3Request, isOld: boolean): S3Answer {
  const object = (isOld ? bucket.previous.get(request.key) : undefined) ?? bucket.find(request.key);
  if (request.method === 'GET') checkReadable(object);
  const ifMatch = request.headers.get('if-match');
  if (ifMatch !== undefined && ifMatch !== object.etag) throw new S3Refusal(412, 'PreconditionFailed');
  const range = rangeOf(request.headers.get('range'), object.bytes.length);
  const headers: Record<string, string> = {
    etag: object.etag,
    'last-modified': object.lastModified.toUTCString(),
    'accept-ranges': 'bytes',
    'content-type': 'application/octet-stream',
    ...Object.fromEntries([...object.metadata].map(([name, value]) => [`x-amz-meta-${name}`, value])),
    ...(object.tags.size > 0 && { 'x-amz-tagging-count': String(object.tags.size) }),
    ...archiveHeaders(object),
  };
  if (range !== undefined) {
    headers['content-range'] = `bytes ${range.start}-${range.end - 1}/${object.bytes.length}`;
    return { status: 206, headers, body: object.bytes.subarray(range.start, range.end) };
  }
  if (request.headers.get('x-amz-checksum-mode') === 'ENABLED') Object.assign(headers, checksumHeaders(object));
  return { status: 200, headers, body: object.bytes };
}

/** https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html#API_GetObject_Errors */
function checkReadable({ archive }: StoredBytes): void {
  if (archive === undefined || archive.state === 'thawed') return;
  const message = "The operation is not valid for the object's storage class";
  throw new S3Refusal(403, 'InvalidObjectState', message, element('StorageClass', archive.storageClass));
}

function archiveHeaders({ archive }: StoredBytes): Record<string, string> {
  if (archive === undefined) return {};
  const day = new Date(Date.now() + 7 * 24 * 3_600_000).toUTCString();
  const restore = { thawing: 'ongoing-request="true"', thawed: `ongoing-request="false", expiry-date="${day}"` };
  return {
    'x-amz-storage-class': archive.storageClass,
    ...(archive.state !== 'archived' && { 'x-amz-restore': restore[archive.state] }),
  };
}

/** https://docs.aws.amazon.com/AmazonS3/latest/API/API_RestoreObject.html */
function thaw(bucket: StrictBucket, request: S3Request, payload: Payload): S3Answer {
  const body = payload.bytes.toString();
  const [days, tier] = [Number(field(body, 'Days')), field(body, 'Tier')];
  if (!Number.isInteger(days) || days < 1) throw new S3Refusal(400, 'MalformedXML', 'Days');
  if (!['Standard', 'Bulk', 'Expedited'].includes(tier ?? 'Standard')) throw new S3Refusal(400, 'MalformedXML', 'Tier');
  return answer(bucket.thaw(request.key) === 'begins' ? 202 : 200);
}

function checksumHeaders({ crc32 }: StoredBytes): Record<string, string> {
  if (crc32 === undefined) return {};
  return { 'x-amz-checksum-crc32': crc32, 'x-amz-checksum-type': crc32.includes('-') ? 'COMPOSITE' : 'FULL_OBJECT' };
}

function rangeOf(header: string | undefined, size: number): { start: number; end: number } | undefined {
  const match = /^bytes=(\d*)-(\d*)$/.exec(header ?? '');
  if (!match || (match[1] === '' && match[2] === '')) return undefined;
  const start = match[1] === '' ? Math.max(0, size - Number(match[2])) : Number(match[1]);
  const end = match[1] === '' || match[2] === '' ? size : Math.min(size, Number(match[2]) + 1);
  if (start >= size) throw new S3Refusal(416, 'InvalidRange');
  return { start, end };
}

function begin(bucket: StrictBucket, request: S3Request): S3Answer {
  const { uploadId } = bucket.begin(request.key, describedBy(request));
  return answer(200, xml('InitiateMultipartUploadResult', element('Key', request.key) + element('UploadId', uploadId)));
}

function putPart(bucket: StrictBucket, request: S3Request, payload: Payload): S3Answer {
  const number = Number(request.query.get('partNumber'));
  const { etag } = bucket.putPart(request.key, request.query.get('uploadId') ?? '', number, payload);
  return answer(200, '', { etag, ...(payload.crc32 && { 'x-amz-checksum-crc32': payload.crc32 }) });
}

function complete(bucket: StrictBucket, request: S3Request, payload: Payload): S3Answer {
  const size = request.headers.get('x-amz-mp-object-size');
  const stored = bucket.complete(
    request.key,
    request.query.get('uploadId') ?? '',
    partsOf(payload.bytes.toString()),
    size === undefined ? undefined : Number(size),
    conditionsOf(request),
  );
  return answer(200, xml('CompleteMultipartUploadResult', element('Key', request.key) + element('ETag', stored.etag)));
}

function partsOf(body: string): { number: number; etag: string; crc32: string | undefined }[] {
  return [...body.matchAll(/<Part>(.*?)<\/Part>/gs)].map(([, part = '']) => ({
    number: Number(field(part, 'PartNumber')),
    etag: field(part, 'ETag') ?? '',
    crc32: field(part, 'ChecksumCRC32'),
  }));
}

function remove(bucket: StrictBucket, request: S3Request): S3Answer {
  const uploadId = request.query.get('uploadId');
  if (uploadId === undefined) bucket.delete(request.key);
  else bucket.abort(request.key, uploadId);
  return answer(204);
}

function deleteMany(bucket: StrictBucket, request: S3Request, payload: Payload): S3Answer {
  const isChecked = [...request.headers.keys()].some((name) =>
    /^(content-md5|x-amz-checksum-|x-amz-trailer)/.test(name),
  );
  if (!isChecked) throw new S3Refusal(400, 'InvalidRequest', 'Content-MD5 or a checksum is missing');
  const keys = [...payload.bytes.toString().matchAll(/<Object>(.*?)<\/Object>/gs)].map(([, object = '']) => {
    return field(object, 'Key') ?? '';
  });
  if (keys.length === 0 || keys.length > 1000) throw new S3Refusal(400, 'MalformedXML');
  for (const key of keys) bucket.delete(key);
  return answer(200, xml('DeleteResult', keys.map((key) => `<Deleted>${element('Key', key)}</Deleted>`).join('')));
}

function field(content: string, name: string): string | undefined {
  const match = new RegExp(`<${name}>(.*?)</${name}>`, 's').exec(content);
  return match?.[1] === undefined ? undefined : unescapeXml(match[1]);
}

const describedBy = (request: S3Request): Described => ({ metadata: metadataOf(request), tags: tagsOf(request) });

function metadataOf(request: S3Request): Map<string, string> {
  const prefix = 'x-amz-meta-';
  const named = [...request.headers].filter(([name]) => name.startsWith(prefix));
  return new Map(named.map(([name, value]) => [name.slice(prefix.length), value]));
}

function conditionsOf(request: S3Request): { ifMatch: string | undefined; ifNoneMatch: string | undefined } {
  return { ifMatch: request.headers.get('if-match'), ifNoneMatch: request.headers.get('if-none-match') };
}
