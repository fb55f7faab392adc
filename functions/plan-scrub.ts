import { z } from 'zod';
import { knownBackups } from '#catalog/backups';
import { readBackTimes } from '#catalog/standing';
import { answerChars } from '#model/answer-chars';
import { parseExecutionArn } from '#model/arn';
import { chooseSource } from '#model/choose-source';
import { executionName } from '#model/execution-name';
import { readScrubInput, requesterOf } from '#model/machine-input';
import { isS3Url, type Plan } from '#model/plan';
import { text } from '#model/plan-field';
import { fields } from '#model/read-input';
import { type ScrubShare, scrubShare } from '#model/scrub-share';
import { edge } from './edge.ts';

const most = { messageChars: 500 };

/**
 * Which backups are read back this time, and what their verifications are called. WAL is read back with the backups that
 * need it, and all of it when it arrives: what each object's reading said lies in an object of its own, and to find the
 * oldest of those would take as many requests as there are.
 */
export const handler = edge({
  name: 'plan-scrub',
  input: fields({ input: z.unknown(), execution: text("the execution's ARN") }),

  async run({ input, execution }, { plan, vault: { store }, now }) {
    const asked = readScrubInput(input);
    const { name: source, schedules } = chooseSource(plan, asked.source);
    const { scrub: expression, timezone } = schedules;
    const readAt = await readBackTimes(store, source);
    const backups = (await knownBackups(store, source)).map(({ backup, finishedAt }) => ({
      ...{ backup, finishedAt: new Date(finishedAt), readAt: readAt.get(backup) },
    }));
    const recurrence = expression && { expression, timezone, anchor: now() };
    const share = scrubShare({ backups, recurrence, archivedAfterMs: archivedAfterMs(plan), now: now() });
    const name = parseExecutionArn(execution)?.name ?? execution;
    return {
      source,
      requestedBy: requesterOf(asked),
      told: describe(source, share),
      /** of each backup's failure in the answer; people are told all of it */
      messageChars: answerChars(Math.max(1, share.backups.length), most.messageChars),
      backups: share.backups.map((backup) => ({ backup, name: executionName('scrub', backup, name) })),
    };
  },
});

/** From then on the bucket's rules have moved parts to a class that is not read at once. */
function archivedAfterMs({ bucket, storage: { tiers } }: Plan): number | undefined {
  const days = Math.min(tiers.glacier ?? Number.POSITIVE_INFINITY, tiers.deepArchive ?? Number.POSITIVE_INFINITY);
  return isS3Url(bucket) && Number.isFinite(days) ? days * 86_400_000 : undefined;
}

function describe(source: string, { backups, readable, archived }: ScrubShare): string {
  const rest = archived === 0 ? '' : `; ${archived} more lie in an archive`;
  return `${backups.length} of ${readable} stored backups of ${source} were read back once more${rest}`;
}
