import { BackupParents } from '#model/backup-parents';
import { generationsOf } from '#model/keep-generations';
import { KeptPoints, keepByName, newestOf } from '#model/keep-points';
import { windowBackups } from '#model/keep-window';
import type { BackupFact, RetentionFacts, Unreadable } from '#model/retention-facts';
import type { RetentionRules } from '#model/retention-rules';

/** Which backups stay. A broken one, or one whose parents are gone, keeps nothing by the rules of the plan, but goes by them, too. */
export function keepBackups(
  facts: RetentionFacts,
  rules: RetentionRules,
  windowStart: Date,
  now: Date,
): KeptPoints<BackupFact> {
  const { backups, timezone } = facts;
  const parents = new BackupParents(backups);
  const usable = backups.filter((backup) => backup.state !== 'broken' && parents.isWhole(backup));
  const kept = new KeptPoints<BackupFact>();
  kept.keepAll(windowBackups(facts, usable, windowStart), 'window');
  for (const [backup, generations] of generationsOf(usable, rules, timezone))
    for (const generation of generations) kept.keep(backup, generation);
  const proven = newestOf(usable.filter(({ state }) => state === 'proven'));
  if (proven) kept.keep(proven, 'last proven');
  else kept.keepAll(backups, 'nothing is proven');
  keepByName(kept, backups, facts, now);
  for (const one of facts.unreadable) kept.keepAll(perhapsParents(one, backups), 'parent');
  keepParents(kept, backups, parents);
  return kept;
}

/** What those that stay build on. */
export function keepParents(
  kept: KeptPoints<BackupFact>,
  backups: readonly BackupFact[],
  parents: BackupParents,
): void {
  for (const backup of backups.filter((one) => kept.has(one)))
    for (const parent of parents.chainOf(backup).slice(1)) kept.keep(parent, 'parent');
}

/** Nobody can read what it builds on: the newest full backup before it, or an incremental one since then. */
function perhapsParents({ id }: Unreadable, backups: readonly BackupFact[]): BackupFact[] {
  if (!id.endsWith('-incr')) return [];
  const before = backups.filter((backup) => backup.id < id);
  const full = before.findLast(({ parent }) => parent === null);
  return full ? before.filter((backup) => backup.id >= full.id) : before;
}
