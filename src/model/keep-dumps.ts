import { generationsOf } from '#model/keep-generations';
import { KeptPoints, keepByName, newestOf } from '#model/keep-points';
import type { DumpFact, RetentionFacts } from '#model/retention-facts';
import type { RetentionRules } from '#model/retention-rules';

/** Which dumps stay: the same rules, each dump being one point. Definitions alone stand in for no rows, so each kind is for itself. */
export function keepDumps(
  facts: RetentionFacts,
  rules: RetentionRules,
  windowStart: Date,
  now: Date,
): KeptPoints<DumpFact> {
  const kept = new KeptPoints<DumpFact>();
  for (const kind of ['dump', 'schema'] as const) {
    const dumps = facts.dumps.filter((dump) => dump.kind === kind);
    const good = dumps.filter(({ state }) => state !== 'broken');
    const atItsBest = ({ state }: DumpFact) => state === 'proven' || state === facts.bestDump;
    const newest = newestOf(good.filter(({ at }) => at <= windowStart));
    if (newest) kept.keep(newest, 'window');
    kept.keepAll(
      dumps.filter(({ at }) => at > windowStart),
      'window',
    );
    for (const [dump, generations] of generationsOf(good, rules, facts.timezone))
      for (const generation of generations) kept.keep(dump, generation);
    const proven = newestOf(good.filter(atItsBest));
    if (proven) kept.keep(proven, 'last proven');
    else kept.keepAll(dumps, 'nothing is proven');
  }
  keepByName(kept, facts.dumps, facts, now);
  return kept;
}
