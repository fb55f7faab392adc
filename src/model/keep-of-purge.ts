import { BackupParents } from '#model/backup-parents';
import { keepParents } from '#model/keep-backups';
import { KeptPoints, keepByName } from '#model/keep-points';
import type { BackupFact, DumpFact, RetentionFacts } from '#model/retention-facts';

/**
 * What of the backups a purge leaves: what is held, asked about or too young, and what these and the unreadable ones build on.
 * Nobody can read what that is, and no window keeps what may be: so all stays that is older than an unreadable incremental one.
 */
export function keepBackupsOfPurge(facts: RetentionFacts, now: Date): KeptPoints<BackupFact> {
  const { backups, unreadable } = facts;
  const kept = new KeptPoints<BackupFact>();
  keepByName(kept, backups, facts, now);
  for (const { id } of unreadable.filter((one) => one.id.endsWith('-incr')))
    kept.keepAll(
      backups.filter((backup) => backup.id < id),
      'parent',
    );
  keepParents(kept, backups, new BackupParents(backups));
  return kept;
}

export function keepDumpsOfPurge(facts: RetentionFacts, now: Date): KeptPoints<DumpFact> {
  const kept = new KeptPoints<DumpFact>();
  keepByName(kept, facts.dumps, facts, now);
  return kept;
}
