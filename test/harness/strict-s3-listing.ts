import type { StoredBytes, StrictBucket } from './strict-s3-bucket.ts';
import { element, S3Refusal, xml } from './strict-s3-refusal.ts';

/** ListObjectsV2: byte order, prefix, delimiter, start-after, continuation, max-keys, encoding-type. */
export function listObjects(bucket: StrictBucket, query: Map<string, string>, attributes = ''): string {
  const prefix = query.get('prefix') ?? '';
  const delimiter = query.get('delimiter') ?? '';
  const spell = speller(query);
  const entries = entriesOf(bucket, prefix, delimiter, startOf(query));
  const page = entries.slice(0, pageSize(query, 'max-keys'));
  const isTruncated = entries.length > page.length;
  const items = page.map((entry) => {
    if (entry.endsWith(folderMark))
      return `<CommonPrefixes>${element('Prefix', spell(entry.slice(0, -1)))}</CommonPrefixes>`;
    const object = bucket.find(entry);
    const fields = [
      element('Key', spell(entry)),
      element('LastModified', object.lastModified.toISOString()),
      element('ETag', object.etag),
      element('Size', object.bytes.length),
      element('StorageClass', object.archive?.storageClass ?? 'STANDARD'),
      attributes.includes('RestoreStatus') ? restoreStatus(object) : '',
    ];
    return `<Contents>${fields.join('')}</Contents>`;
  });
  const next = isTruncated ? element('NextContinuationToken', token(page.at(-1) ?? '')) : '';
  const encoding = query.has('encoding-type') ? element('EncodingType', 'url') : '';
  return xml(
    'ListBucketResult',
    element('Prefix', spell(prefix)) + encoding + element('IsTruncated', isTruncated) + next + items.join(''),
  );
}

/** https://docs.aws.amazon.com/AmazonS3/latest/API/API_RestoreStatus.html */
function restoreStatus({ archive }: StoredBytes): string {
  if (archive === undefined || archive.state === 'archived') return '';
  const isThawed = archive.state === 'thawed';
  const expiry = isThawed ? element('RestoreExpiryDate', new Date(Date.now() + 7 * 24 * 3_600_000).toISOString()) : '';
  return `<RestoreStatus>${element('IsRestoreInProgress', !isThawed)}${expiry}</RestoreStatus>`;
}

/** ListMultipartUploads, by key and then by upload id. */
export function listUploads(bucket: StrictBucket, query: Map<string, string>): string {
  const spell = speller(query);
  const after = `${query.get('key-marker') ?? ''}\0${query.get('upload-id-marker') ?? (query.has('key-marker') ? '\uffff' : '')}`;
  const uploads = [...bucket.uploads.values()]
    .filter((upload) => upload.key.startsWith(query.get('prefix') ?? ''))
    .map((upload) => ({ upload, place: `${upload.key}\0${upload.uploadId}` }))
    .filter(({ place }) => inByteOrder(place, after) > 0)
    .sort((a, b) => inByteOrder(a.place, b.place));
  const page = uploads.slice(0, pageSize(query, 'max-uploads'));
  const isTruncated = uploads.length > page.length;
  const last = page.at(-1)?.upload;
  const items = page.map(({ upload }) => {
    const fields = [
      element('Key', spell(upload.key)),
      element('UploadId', upload.uploadId),
      element('Initiated', upload.initiated.toISOString()),
    ];
    return `<Upload>${fields.join('')}</Upload>`;
  });
  const next =
    isTruncated && last ? element('NextKeyMarker', spell(last.key)) + element('NextUploadIdMarker', last.uploadId) : '';
  const encoding = query.has('encoding-type') ? element('EncodingType', 'url') : '';
  return xml('ListMultipartUploadsResult', encoding + element('IsTruncated', isTruncated) + next + items.join(''));
}

/** Stands behind a common prefix, and in no key. */
const folderMark = '\0';

function entriesOf(bucket: StrictBucket, prefix: string, delimiter: string, after: string): string[] {
  const entries = new Set<string>();
  for (const key of bucket.objects.keys()) {
    if (!key.startsWith(prefix) || inByteOrder(key, after) <= 0) continue;
    const end = delimiter === '' ? -1 : key.indexOf(delimiter, prefix.length);
    const folder = end < 0 ? undefined : key.slice(0, end + delimiter.length);
    if (folder === undefined) entries.add(key);
    // the page before ended with this folder: it has been told
    else if (after !== `${folder}${folderMark}`) entries.add(`${folder}${folderMark}`);
  }
  return bucket.isUnordered ? [...entries] : [...entries].sort(inByteOrder);
}

function startOf(query: Map<string, string>): string {
  const continued = query.get('continuation-token');
  if (continued === undefined) return query.get('start-after') ?? '';
  const text = Buffer.from(continued, 'base64url').toString();
  if (token(text) !== continued) throw new S3Refusal(400, 'InvalidArgument', 'the continuation token is not valid');
  return text;
}

function token(place: string): string {
  return Buffer.from(place).toString('base64url');
}

function pageSize(query: Map<string, string>, field: string): number {
  const size = Number(query.get(field) ?? 1000);
  if (!Number.isInteger(size) || size < 0) throw new S3Refusal(400, 'InvalidArgument', field);
  return Math.min(size, 1000);
}

function speller(query: Map<string, string>): (text: string) => string {
  const type = query.get('encoding-type');
  if (type === undefined) return (text) => text;
  if (type !== 'url') throw new S3Refusal(400, 'InvalidArgument', 'encoding-type');
  return (text) => encodeURIComponent(text).replaceAll('%20', '+').replaceAll('%2F', '/');
}

function inByteOrder(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}
