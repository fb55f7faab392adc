import { StoreRefused } from '#model/failure';
import { complaintOf } from './s3-failure.ts';
import { type HeadAnswer, headObject } from './s3-head.ts';
import { type S3Target, subjectOf } from './s3-target.ts';

/** Whether S3 refused to read an object because of its class: Glacier and Deep Archive have to be thawed first. */
export const isArchived = (error: unknown): boolean => complaintOf(error).code === 'InvalidObjectState';

/** Which object cannot be read, in which class it is, and what makes it readable. */
export async function archivedFailure(target: S3Target): Promise<StoreRefused> {
  const subject = subjectOf(target);
  const head = await askHead(target);
  const storageClass = head?.object.archived ?? 'an archive class';
  const isThawing = head?.isThawing ?? false;
  const state = isThawing ? 'and is being thawed' : 'and has to be thawed first';
  return new StoreRefused(`get ${subject}: the object is in ${storageClass}, ${state}`, {
    operation: 'get',
    subject,
    hint: isThawing ? waitHint(target) : thawHint(target, storageClass),
  });
}

/** The failure is what counts: where HEAD fails, too, less is known of it. */
async function askHead(target: S3Target): Promise<HeadAnswer | undefined> {
  try {
    return await headObject(target);
  } catch {
    return undefined;
  }
}

/** https://docs.aws.amazon.com/AmazonS3/latest/userguide/restoring-objects-retrieval-options.html */
const thawHours: Record<string, string> = { GLACIER: '3 to 5 hours', DEEP_ARCHIVE: '12 hours' };

function thawHint(target: S3Target, storageClass: string): string {
  const request = '{"Days":7,"GlacierJobParameters":{"Tier":"Standard"}}';
  const command = `aws s3api restore-object ${argumentsOf(target)} --restore-request '${request}'`;
  return `thaw it with \`${command}\`, wait ${thawHours[storageClass] ?? 'some hours'}, and run this again`;
}

const waitHint = (target: S3Target): string =>
  `wait until \`aws s3api head-object ${argumentsOf(target)}\` says ongoing-request="false", and run this again`;

const argumentsOf = ({ bucket, fullKey }: S3Target): string => `--bucket ${bucket} --key ${quoted(fullKey)}`;

const quoted = (word: string): string => (/^[\w./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`);
