import { createHash } from 'node:crypto';
import { z } from 'zod';
import { localAccount, localRegion } from '#model/arn';

/**
 * What EventBridge says when S3 has stored an object, as far as it is read here; what AWS adds is kept.
 * Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html
 */
export const objectCreated = z.looseObject({
  detail: z.looseObject({
    bucket: z.looseObject({ name: z.string().min(1, { error: 'the name of a bucket' }) }).optional(),
    object: z.looseObject({
      /** the whole key, with the prefix where the plan's bucket has one; not encoded in any way */
      key: z.string().min(1, { error: 'the key of an object' }),
      size: z.int().nonnegative({ error: 'a size in bytes' }).optional(),
      /** without the quotation marks that S3's other answers have around it */
      etag: z.string().min(1, { error: 'an etag' }).optional(),
    }),
  }),
});
export type ObjectCreated = z.infer<typeof objectCreated>;

/** The keys whose puts somebody waits for: a backup's commit and everything of WAL. Keys as the store has them. */
export const isAnnounced = (key: string): boolean =>
  /^(?!(?:catalog|executions|approvals|evidence|evidence-heads|notices)\/)[^/]+\/(?:backups\/[^/]+\/manifest\.json|wal\/.+)$/s.test(
    key,
  );

/** An etag as events have it, of one as stores have it. */
export const bareEtag = (etag: string): string => etag.replace(/^"(.*)"$/s, '$1');

/**
 * What AWS would send about this object. It is made of the object alone, so telling it twice says the same twice.
 * `bucketUrl`: `s3://bucket/prefix`, or a directory, whose bucket is called `local-directory`.
 */
export function objectCreatedEvent(
  bucketUrl: string,
  { key, size, etag, lastModified }: { key: string; size: number; etag: string; lastModified: Date },
): ObjectCreated {
  const { name, prefix } = bucketOf(bucketUrl);
  const digest = createHash('sha256')
    .update(JSON.stringify([name, prefix, key, etag]))
    .digest('hex');
  return {
    version: '0',
    id: digest.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12}).*$/, '$1-$2-$3-$4-$5'),
    'detail-type': 'Object Created',
    source: 'aws.s3',
    account: localAccount,
    time: lastModified.toISOString().replace(/\.\d+/, ''),
    region: localRegion,
    resources: [`arn:aws:s3:::${name}`],
    detail: {
      version: '0',
      bucket: { name },
      // sequencers of one key sort by time: https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html
      object: { key: prefix + key, size, etag: bareEtag(etag), sequencer: sequencerOf(lastModified) },
      'request-id': digest.slice(32, 48).toUpperCase(),
      requester: localAccount,
      'source-ip-address': '127.0.0.1',
      reason: 'PutObject',
    },
  };
}

/** The bucket's name, and what keys in it begin with: empty, or with a slash at its end. */
export function bucketOf(url: string): { name: string; prefix: string } {
  const match = /^s3:\/\/([^/]+)(?:\/(.*?))?\/*$/s.exec(url);
  if (!match) return { name: 'local-directory', prefix: '' };
  return { name: match[1]!, prefix: match[2] ? `${match[2]}/` : '' };
}

const sequencerOf = (time: Date): string => time.getTime().toString(16).toUpperCase().padStart(16, '0');
