import { parseBackupId } from '#model/backup-id';
import type { BackupSummary } from '#model/manifest';
import type { StorageRules } from '#model/storage-rules';
import type { RecoveryFacts } from '#recovery/recovery-facts';

const dayMs = 24 * 3600 * 1000;

/** S3 looks once a day, at midnight UTC, and rounds up; so nothing moves before its day, and we leave one more. */
const marginMs = dayMs;

/**
 * The same facts without the backups that the bucket's rules may have moved to a class that has to be thawed first, and
 * without those that build on one. Where that leaves none, all: then whoever reads one is told.
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/intro-lifecycle-rules.html
 */
export function atHand(
  facts: RecoveryFacts,
  { glacier, deepArchive }: StorageRules['tiers'],
  now: Date,
): RecoveryFacts {
  const archivedAfterDays = Math.min(glacier ?? Number.POSITIVE_INFINITY, deepArchive ?? Number.POSITIVE_INFINITY);
  if (archivedAfterDays === Number.POSITIVE_INFINITY) return facts;
  const since = now.getTime() - archivedAfterDays * dayMs + marginMs;
  const usable = new Set<string>();
  for (const { backup, parent } of facts.backups)
    if (isYoung(backup, since) && (parent === null || usable.has(parent))) usable.add(backup);
  return usable.size === 0 ? facts : { ...facts, backups: facts.backups.filter(({ backup }) => usable.has(backup)) };
}

const isYoung = (backup: BackupSummary['backup'], since: number): boolean =>
  parseBackupId(backup).startedAt.getTime() >= since;
