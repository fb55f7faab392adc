import type { PointFact, RetentionFacts } from '#model/retention-facts';
import type { KeepRule } from '#model/retention-record';

/** What stays, by which rules; in the order in which they were found to keep it. */
export class KeptPoints<Point extends PointFact> {
  readonly #rules = new Map<Point, Set<KeepRule>>();

  keep(point: Point, rule: KeepRule): void {
    this.#rules.set(point, (this.#rules.get(point) ?? new Set()).add(rule));
  }

  keepAll(points: Iterable<Point>, rule: KeepRule): void {
    for (const point of points) this.keep(point, rule);
  }

  has(point: Point): boolean {
    return this.#rules.has(point);
  }

  isKeptBy(point: Point, rule: KeepRule): boolean {
    return this.#rules.get(point)?.has(rule) ?? false;
  }

  rulesOf(point: Point): KeepRule[] {
    return [...(this.#rules.get(point) ?? [])];
  }
}

const dayMs = 24 * 3600 * 1000;

/** What stays whatever its age, of backups and dumps alike. */
export function keepByName<Point extends PointFact>(
  kept: KeptPoints<Point>,
  points: readonly Point[],
  { held, asked, lockDays }: RetentionFacts,
  now: Date,
): void {
  const heldIds = new Set(held.map(({ id }) => id));
  const askedIds = new Set(asked.flatMap(({ ids }) => ids));
  const asksAboutAny = asked.some(({ ids }) => ids.length === 0);
  const youngSince = now.getTime() - lockDays * dayMs;
  for (const point of points) {
    if (heldIds.has(point.id)) kept.keep(point, 'held');
    if (askedIds.has(point.id) || asksAboutAny) kept.keep(point, 'asked about');
    if (lockDays > 0 && point.finishedAt.getTime() >= youngSince) kept.keep(point, 'too young');
  }
}

export const newestOf = <Point extends PointFact>(points: readonly Point[]): Point | undefined =>
  points.reduce<Point | undefined>((a, b) => (a && a.at >= b.at ? a : b), undefined);
