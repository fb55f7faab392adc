import {
  ListMultipartUploadsCommand,
  type ListMultipartUploadsCommandOutput,
  ListObjectsV2Command,
  type ListObjectsV2CommandOutput,
  type MultipartUpload,
  type OptionalObjectAttributes,
  type S3Client,
} from '@aws-sdk/client-s3';
import { StoreRefused } from '#model/failure';
import { compareKeys } from './key.ts';
import { archivedIn } from './s3-class.ts';
import { onS3 } from './s3-failure.ts';

/** What to list: `prefix` and `startAfter` are of the bucket's whole keys. */
export interface S3Listing {
  client: S3Client;
  bucket: string;
  prefix: string;
  startAfter?: string;
  delimiter?: '/';
  signal?: AbortSignal | undefined;
}

export interface ListedObject {
  fullKey: string;
  size: number;
  etag: string;
  lastModified: Date;
  archived?: string;
}

export interface ListingPage {
  objects: ListedObject[];
  /** with a delimiter: the prefixes up to it */
  prefixes: string[];
}

/** The pages of a listing, in byte order. @throws StoreRefused when the store lists in another order */
export async function* listPages(listing: S3Listing): AsyncGenerator<ListingPage> {
  let token: string | undefined;
  let last = '';
  do {
    let answer = await askForPage(listing, token);
    let page = readPage(answer);
    // only then, since few servers but S3 know what is asked for
    if (page.objects.some(({ archived }) => archived !== undefined)) {
      answer = await askForPage(listing, token, ['RestoreStatus']);
      page = readPage(answer);
    }
    last = checkOrder(
      listing,
      page.objects.map((object) => object.fullKey),
      last,
    );
    yield page;
    token = answer.IsTruncated ? answer.NextContinuationToken : undefined;
  } while (token !== undefined);
}

/** Uploads below a prefix that are neither completed nor abandoned. */
export async function* listUploads(listing: S3Listing): AsyncGenerator<{ fullKey: string; upload: MultipartUpload }> {
  let marker: { KeyMarker?: string | undefined; UploadIdMarker?: string | undefined } | undefined = {};
  while (marker !== undefined) {
    const answer: ListMultipartUploadsCommandOutput = await askForUploads(listing, marker);
    for (const upload of answer.Uploads ?? []) {
      yield { fullKey: decoded(upload.Key ?? '', answer.EncodingType), upload };
    }
    marker = answer.IsTruncated
      ? {
          KeyMarker: answer.NextKeyMarker && decoded(answer.NextKeyMarker, answer.EncodingType),
          UploadIdMarker: answer.NextUploadIdMarker,
        }
      : undefined;
  }
}

function askForPage(
  listing: S3Listing,
  token: string | undefined,
  attributes?: OptionalObjectAttributes[],
): Promise<ListObjectsV2CommandOutput> {
  const command = new ListObjectsV2Command({
    Bucket: listing.bucket,
    Prefix: listing.prefix,
    // keys may hold characters that XML cannot express
    EncodingType: 'url',
    ...(listing.delimiter && { Delimiter: listing.delimiter }),
    ...(listing.startAfter && { StartAfter: listing.startAfter }),
    ...(token && { ContinuationToken: token }),
    ...(attributes && { OptionalObjectAttributes: attributes }),
  });
  return onS3('list', `s3://${listing.bucket}/${listing.prefix}`, listing.signal, () => {
    return listing.client.send(command, listing.signal ? { abortSignal: listing.signal } : {});
  });
}

function readPage(answer: ListObjectsV2CommandOutput): ListingPage {
  const objects = (answer.Contents ?? []).map((found) => ({
    fullKey: decoded(found.Key ?? '', answer.EncodingType),
    size: found.Size ?? 0,
    etag: found.ETag ?? '',
    lastModified: found.LastModified ?? new Date(0),
    ...archivedIn(found.StorageClass, found.RestoreStatus?.RestoreExpiryDate !== undefined),
  }));
  const prefixes = (answer.CommonPrefixes ?? []).map((found) => decoded(found.Prefix ?? '', answer.EncodingType));
  return { objects, prefixes };
}

function decoded(text: string, encoding: string | undefined): string {
  return encoding === 'url' ? decodeURIComponent(text.replaceAll('+', ' ')) : text;
}

function checkOrder(listing: S3Listing, keys: string[], last: string): string {
  for (const key of keys) {
    if (last !== '' && compareKeys(key, last) <= 0) {
      throw new StoreRefused(`list s3://${listing.bucket}/${listing.prefix}: "${key}" came after "${last}"`, {
        operation: 'list',
        subject: `s3://${listing.bucket}/${listing.prefix}`,
        hint: 'the store has to list in byte order; S3 directory buckets do not: use a general purpose bucket',
      });
    }
    last = key;
  }
  return last;
}

function askForUploads(
  listing: S3Listing,
  marker: { KeyMarker?: string | undefined; UploadIdMarker?: string | undefined },
): Promise<ListMultipartUploadsCommandOutput> {
  const command = new ListMultipartUploadsCommand({
    Bucket: listing.bucket,
    Prefix: listing.prefix,
    EncodingType: 'url',
    ...marker,
  });
  return onS3('list uploads', `s3://${listing.bucket}/${listing.prefix}`, listing.signal, () => {
    return listing.client.send(command, listing.signal ? { abortSignal: listing.signal } : {});
  });
}
