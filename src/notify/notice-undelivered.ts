import { Failure } from '#model/failure';
import type { ChannelResult } from './deliver.ts';

/** At least one channel did not take a notice; the others have it. Thrown so that whoever delivers notices comes again. */
export class NoticeUndelivered extends Failure {
  readonly verdict = 'retry';
}

/** @throws NoticeUndelivered when one of the results failed, with all reasons; no secret is in it */
export function requireDelivered(results: readonly ChannelResult[]): void {
  const failed = results.filter((result) => !result.taken);
  if (failed.length === 0) return;
  const reasons = failed.map(({ label, reason }) => `${label}: ${reason}`).join('; ');
  throw new NoticeUndelivered(`not told to ${reasons}`, {
    operation: 'tell',
    subject: failed.map(({ channel }) => channel).join(', '),
    hint: failed.find(({ hint }) => hint !== undefined)?.hint ?? 'try the channels: `lifeboat notify --test`',
  });
}
