import { deletesMore } from '#model/deletes-more';
import { PlanChanged } from '#model/plan-changed';
import type { RetentionFacts } from '#model/retention-facts';
import type { RetentionPlan } from '#model/retention-record';

/**
 * A plan that was made some time ago may be carried out: everything that it deletes would go by what is known now. What is
 * gone already is no question any more: an earlier attempt may have got that far.
 * @throws PlanChanged that names what has to stay
 */
export function requireStillHolds(shown: RetentionPlan, anew: RetentionPlan, facts: RetentionFacts): void {
  const there = new Set<string>([...facts.backups, ...facts.dumps, ...facts.unreadable].map(({ id }) => id));
  const left = { ...shown, goes: shown.goes.filter(({ id, what }) => what !== 'leftover' && there.has(id)) };
  const more = deletesMore(left, anew);
  const committed = shown.goes.filter(({ id, what }) => what === 'leftover' && there.has(id));
  const stays = [...more, ...committed.map(({ id }) => `${id} was committed meanwhile`)];
  if (stays.length === 0) return;
  const shownOf = stays.slice(0, 10).join('; ') + (stays.length > 10 ? `; and ${stays.length - 10} more` : '');
  const { source, purge } = shown;
  const what = purge ? 'the purge' : 'retention';
  const again = purge ? `lifeboat purge ${source} --reason …` : `lifeboat expire ${source}`;
  throw new PlanChanged(`what ${what} of ${source} was to delete has to stay now: ${shownOf}`, {
    operation: 'expire',
    subject: source,
    hint: `nothing of it was deleted: start it again, and it is planned anew: \`${again}\``,
  });
}
