import { chooseAny } from '#model/choose-source';
import { InputInvalid } from '#model/failure';
import type { ManagedSource } from '#model/managed-source';
import type { Plan } from '#model/plan';
import type { PostgresSource } from '#model/postgres-source';

/**
 * The source that is to be purged, by name. Whether it has rules does not matter, but that a stack may delete snapshots in
 * RDS only of those that have. @throws InputInvalid
 */
export function choosePurge(plan: Plan, name: string | undefined, field = 'source'): PostgresSource | ManagedSource {
  const source = chooseAny(plan, name, field);
  if (source.kind !== 'rds' || plan.aws === undefined || (source.retention ?? plan.retention)) return source;
  const allowed = `a database of RDS with retention in the plan: without it the stack may not delete snapshots of ${source.name}`;
  throw new InputInvalid(field, source.name, allowed, 'write retention: { window: 35d } for it and deploy; then purge');
}
