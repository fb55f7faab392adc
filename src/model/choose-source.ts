import { InputInvalid } from '#model/failure';
import type { ManagedSource } from '#model/managed-source';
import { nearest } from '#model/nearest';
import type { Plan } from '#model/plan';
import type { PostgresSource } from '#model/postgres-source';

/** The source of that name; without a name, the plan's only one. @throws InputInvalid that names those there are. */
export function chooseSource(plan: Plan, name: string | undefined, field = 'source'): PostgresSource {
  const known = plan.sources.map((source) => source.name);
  if (name === undefined) {
    if (plan.sources.length === 1) return plan.sources[0]!;
    throw new InputInvalid(field, undefined, allowed(plan));
  }
  const source = plan.sources.find((candidate) => candidate.name === name);
  if (source) return source;
  if (plan.managed.some((managed) => managed.name === name)) {
    const hint = `${name} is a database that RDS runs: it has snapshots (\`lifeboat backup\`, \`lifeboat rds-restore\`) and no backups or WAL of ours`;
    throw new InputInvalid(field, name, allowed(plan), hint);
  }
  const meant = nearest(name, known);
  const hint = meant === undefined ? undefined : `did you mean "${meant}"?`;
  throw new InputInvalid(field, name, allowed(plan), hint);
}

/** The database of that name that RDS runs; without a name, the plan's only one. @throws InputInvalid */
export function chooseManaged({ managed, sources }: Plan, name: string | undefined, field = 'source'): ManagedSource {
  const known = managed.map((source) => source.name);
  if (name === undefined && managed.length === 1) return managed[0]!;
  const source = managed.find((candidate) => candidate.name === name);
  if (source) return source;
  const expected =
    known.length === 0
      ? 'a source with kind: rds, and the plan has none'
      : `one of the plan's databases in RDS: ${known.join(', ')}`;
  const meant = name === undefined ? undefined : nearest(name, known);
  const isOurs = sources.some((one) => one.name === name);
  const hint = isOurs
    ? `${name} is a PostgreSQL cluster: \`lifeboat backup\` and \`lifeboat restore\` are for it`
    : meant && `did you mean "${meant}"?`;
  throw new InputInvalid(field, name, expected, hint);
}

/** Either; without a name, the plan's only one that we back up ourselves, else its only one in RDS. @throws InputInvalid */
export function chooseAny(plan: Plan, name: string | undefined, field = 'source'): PostgresSource | ManagedSource {
  const isManaged = name === undefined ? plan.sources.length === 0 : plan.managed.some((one) => one.name === name);
  return isManaged ? chooseManaged(plan, name, field) : chooseSource(plan, name, field);
}

const allowed = ({ sources }: Plan): string =>
  sources.length === 0
    ? 'a PostgreSQL source, and the plan has none'
    : `one of the plan's sources: ${sources.map(({ name }) => name).join(', ')}`;
