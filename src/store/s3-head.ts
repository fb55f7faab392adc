import { HeadObjectCommand } from '@aws-sdk/client-s3';
import type { StoredObject } from './object-store.ts';
import { archivedIn } from './s3-class.ts';
import { complaintOf, s3Failure } from './s3-failure.ts';
import { abortable, addressOf, type S3Target, subjectOf } from './s3-target.ts';

/** In an object's metadata: which put it comes from. */
export const putIdField = 'lifeboat-put';

export interface HeadAnswer {
  object: StoredObject;
  /** undefined for an object that somebody else put there */
  putId: string | undefined;
  /** it is archived, and S3 is making a copy that can be read */
  isThawing: boolean;
}

/** undefined for 404, which means that the object or that the bucket is missing: S3 does not say which. */
export async function headObject(target: S3Target): Promise<HeadAnswer | undefined> {
  try {
    const answer = await target.client.send(new HeadObjectCommand(addressOf(target)), abortable(target));
    return {
      object: {
        key: target.key,
        size: answer.ContentLength ?? 0,
        etag: answer.ETag ?? '',
        lastModified: answer.LastModified ?? new Date(0),
        ...archivedIn(answer.StorageClass, answer.Restore?.includes('ongoing-request="false"') ?? false),
      },
      putId: answer.Metadata?.[putIdField],
      isThawing: answer.Restore?.includes('ongoing-request="true"') ?? false,
    };
  } catch (error) {
    if (complaintOf(error).status === 404) return undefined;
    throw s3Failure('head', subjectOf(target), error, target.signal);
  }
}
