import { z } from 'zod';
import { type BackupId, isBackupId } from '#model/backup-id';
import { InputInvalid } from '#model/failure';
import { readVerifyInput, requesterOf } from '#model/machine-input';

export interface VerifyRequest {
  /** undefined: the plan's only one */
  source: string | undefined;
  /** undefined: the newest */
  backup: BackupId | undefined;
  requestedBy: string;
  /** its manifest arrived: where that was looked at before, it need not be again */
  byEvent: boolean;
}

/** "Object Created" of EventBridge, as far as it matters here. */
const eventSchema = z.looseObject({ detail: z.looseObject({ object: z.looseObject({ key: z.string() }) }) });

/**
 * Either the event of a manifest that was stored, or what a person types: `{"source":"main","backup":"…"}`.
 * Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html
 * @throws InputInvalid
 */
export function verifyRequest(input: unknown): VerifyRequest {
  const event = eventSchema.safeParse(input);
  if (event.success) return ofKey(event.data.detail.object.key);
  const asked = readVerifyInput(input);
  return { source: asked.source, backup: asked.backup, requestedBy: requesterOf(asked), byEvent: false };
}

function ofKey(key: string): VerifyRequest {
  // Where the plan's bucket has a prefix, the event's key begins with it.
  const [, source, backup = ''] = /(?:^|\/)([^/]+)\/backups\/([^/]+)\/manifest\.json$/.exec(key) ?? [];
  if (isBackupId(backup)) return { source, backup, requestedBy: 'its commit', byEvent: true };
  throw new InputInvalid('detail.object.key', key, '<source>/backups/<backup>/manifest.json');
}
