import { complaintOf } from './s3-failure.ts';
import type { S3Target } from './s3-target.ts';

export type Tags = Readonly<Record<string, string>>;

/**
 * Ask with tags; and where the server knows none, once more without: they only help the bucket's own rules, and such a
 * server has none. What it knows is remembered for the store. S3 itself knows tags, so it never comes to that there.
 * `request` must have read nothing from a stream when it fails.
 * https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html#API_PutObject_RequestSyntax
 */
export async function withTags<T>(
  target: S3Target,
  tags: Tags = {},
  request: (tagging: { Tagging?: string }) => Promise<T>,
): Promise<T> {
  const isTagged = target.server.knowsTags && Object.keys(tags).length > 0;
  try {
    return await request(isTagged ? { Tagging: new URLSearchParams(tags).toString() } : {});
  } catch (error) {
    if (!isTagged || !isUnknown(error)) throw error;
    target.server.knowsTags = false;
    return request({});
  }
}

function isUnknown(error: unknown): boolean {
  const { code, status } = complaintOf(error);
  return status === 501 || code === 'NotImplemented';
}
