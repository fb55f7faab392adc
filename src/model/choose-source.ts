import { InputInvalid } from '#model/failure';
import { nearest } from '#model/nearest';
import type { Plan } from '#model/plan';
import type { PostgresSource } from '#model/postgres-source';

/** The source of that name; without a name, the plan's only one. @throws InputInvalid that names those there are. */
export function chooseSource(plan: Plan, name: string | undefined, field = 'source'): PostgresSource {
  const known = plan.sources.map((source) => source.name);
  if (name === undefined) {
    if (plan.sources.length === 1) return plan.sources[0]!;
    throw new InputInvalid(field, undefined, `one of the plan's sources: ${known.join(', ')}`);
  }
  const source = plan.sources.find((candidate) => candidate.name === name);
  if (source) return source;
  const meant = nearest(name, known);
  const hint = meant === undefined ? undefined : `did you mean "${meant}"?`;
  throw new InputInvalid(field, name, `one of the plan's sources: ${known.join(', ')}`, hint);
}
