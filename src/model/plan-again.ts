import { planPurge } from '#model/purge';
import { planRetention } from '#model/retention';
import type { HeldFact, RetentionFacts } from '#model/retention-facts';
import type { RetentionPlan } from '#model/retention-record';
import type { RetentionRules } from '#model/retention-rules';

/**
 * A plan once more by what is known now, and for the same instant: so that time alone makes no difference. A purge stays one;
 * but people said yes to what it names, so what came since then has to stay, with all that it needs.
 */
export function planAgain(shown: RetentionPlan, facts: RetentionFacts, rules: () => RetentionRules): RetentionPlan {
  const at = new Date(shown.at);
  if (!shown.purge) return planRetention(facts, rules(), at);
  return planPurge({ ...facts, held: [...facts.held, ...cameSince(shown, facts)] }, shown.reason ?? '', at);
}

function cameSince({ goes, keeps }: RetentionPlan, { backups, dumps }: RetentionFacts): HeldFact[] {
  const named = new Set<string>([...goes, ...keeps].map(({ id }) => id));
  const came = [...backups, ...dumps].filter(({ id }) => !named.has(id));
  return came.map(({ id }) => ({ id, reason: 'it came since people were asked' }));
}
