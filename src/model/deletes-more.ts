import { parseLsn } from '#model/lsn';
import type { KeptStretch, RetentionPlan, WalRule } from '#model/retention-record';

/**
 * What one plan deletes that another one does not, in words; empty: nothing. Two plans for the same instant differ only by what
 * became known between them.
 */
export function deletesMore(
  plan: Pick<RetentionPlan, 'goes' | 'wal'>,
  other: Pick<RetentionPlan, 'goes' | 'wal'>,
): string[] {
  const gone = new Set<string>(other.goes.map(({ id }) => id));
  const rules = new Map(other.wal.map((rule) => [rule.systemId, rule]));
  return [
    ...plan.goes.flatMap(({ id, what }) => (gone.has(id) ? [] : [`${what} ${id}`])),
    ...plan.wal.flatMap((rule) => {
      const may = rules.get(rule.systemId);
      return may && cutsMore(rule, may) ? [`WAL of system ${rule.systemId}`] : [];
    }),
  ];
}

/** A system without a rule has no WAL any more. */
function cutsMore(rule: WalRule, may: WalRule): boolean {
  if (rule.rule === 'none') return false;
  if (may.rule === 'none' || rule.storedBefore > may.storedBefore) return true;
  if (may.rule === 'all') return false;
  if (rule.rule === 'all' || parseLsn(rule.before) > parseLsn(may.before)) return true;
  return may.keep.some((stretch) => parseLsn(stretch.from) < parseLsn(rule.before) && !isAmong(rule.keep, stretch));
}

const isAmong = (keep: readonly KeptStretch[], { from, to }: KeptStretch): boolean =>
  keep.some((kept) => parseLsn(kept.from) <= parseLsn(from) && parseLsn(kept.to) >= parseLsn(to));
