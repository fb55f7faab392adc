import { z } from 'zod';
import type { BackupId } from '#model/backup-id';
import { InputInvalid } from '#model/failure';
import { readVerifyInput, requesterOf } from '#model/machine-input';
import { keyInBucket, parseObjectKey } from '#model/object-key';
import type { Plan } from '#model/plan';

export interface VerifyRequest {
  /** undefined: the plan's only one */
  source: string | undefined;
  /** undefined: the newest */
  backup: BackupId | undefined;
  requestedBy: string;
  /** its manifest arrived: where that was looked at before, it need not be again */
  byEvent: boolean;
  /** whether a backup that is whole is proven next */
  drill: boolean;
}

/** "Object Created" of EventBridge, as far as it matters here. */
const eventSchema = z.looseObject({ detail: z.looseObject({ object: z.looseObject({ key: z.string() }) }) });

/**
 * Either the event of a manifest that was stored, or what a person or another machine asks for:
 * `{"source":"main","backup":"…"}`. Undefined for the manifest of somebody else, who may share the bucket.
 * Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html
 * @throws InputInvalid
 */
export function verifyRequest(plan: Pick<Plan, 'bucket' | 'sources'>, input: unknown): VerifyRequest | undefined {
  const event = eventSchema.safeParse(input);
  if (event.success) return ofKey(plan, event.data.detail.object.key);
  const asked = readVerifyInput(input);
  const { source, backup, drill = true } = asked;
  return { source, backup, requestedBy: requesterOf(asked), byEvent: false, drill };
}

function ofKey(plan: Pick<Plan, 'bucket' | 'sources'>, key: string): VerifyRequest | undefined {
  // no rule of ours brings anything else
  if (!key.endsWith('/manifest.json')) {
    throw new InputInvalid('detail.object.key', key, '<source>/backups/<backup>/manifest.json');
  }
  const object = parseObjectKey(keyInBucket(plan, key) ?? '');
  if (object?.kind !== 'manifest' || !plan.sources.some(({ name }) => name === object.source)) return undefined;
  return { source: object.source, backup: object.backup, requestedBy: 'its commit', byEvent: true, drill: true };
}
