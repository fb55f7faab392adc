import { S3Refusal } from './strict-s3-refusal.ts';
import type { S3Request } from './strict-s3-request.ts';

/** The tags that a put brings. https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-tagging.html */
export function tagsOf(request: S3Request): Map<string, string> {
  const header = request.headers.get('x-amz-tagging');
  if (header === undefined) return new Map();
  const pairs = [...new URLSearchParams(header)];
  if (pairs.length > 10) throw new S3Refusal(400, 'BadRequest', 'Object tags cannot be greater than 10');
  const tags = new Map(pairs);
  if (tags.size !== pairs.length) throw new S3Refusal(400, 'InvalidTag', 'a tag is given twice');
  for (const [name, value] of pairs) {
    if (!isText(name, 1, 128) || name.startsWith('aws:'))
      throw new S3Refusal(400, 'InvalidTag', 'the tag has no valid name');
    if (!isText(value, 0, 256)) throw new S3Refusal(400, 'InvalidTag', 'the tag has no valid value');
  }
  return tags;
}

/** Lengths are of UTF-16, as S3 counts. */
const isText = (text: string, min: number, max: number): boolean =>
  text.length >= min && text.length <= max && /^[\p{L}\p{Z}\p{N}_.:/=+\-@]*$/u.test(text);
