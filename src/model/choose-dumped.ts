import { chooseAny } from '#model/choose-source';
import { InputInvalid } from '#model/failure';
import type { ManagedSource } from '#model/managed-source';
import type { Plan } from '#model/plan';
import type { Connection, PostgresSource } from '#model/postgres-source';

/** What can be dumped: a cluster of our own, or a database that RDS runs and that we may connect to. */
export type DumpedSource = PostgresSource | (ManagedSource & { connection: Connection });

/** Of the plan, in its order: first those that we back up ourselves. */
export const dumpedSources = ({ sources, managed }: Plan): DumpedSource[] => [...sources, ...managed.filter(isDumped)];

/** The one of that name; without a name, the plan's only one. @throws InputInvalid that names those there are */
export function chooseDumped(plan: Plan, name: string | undefined, field = 'source'): DumpedSource {
  const known = dumpedSources(plan);
  if (name === undefined && known.length === 1) return known[0]!;
  if (name === undefined) throw new InputInvalid(field, undefined, allowed(known));
  const source = known.find((one) => one.name === name);
  if (source) return source;
  const other = chooseAny(plan, name, field);
  const hint = `give sources.${other.name} a connection in the plan: a dump connects to the database`;
  throw new InputInvalid(field, name, allowed(known), hint);
}

const isDumped = (source: ManagedSource): source is ManagedSource & { connection: Connection } =>
  source.connection !== undefined;

const allowed = (known: readonly DumpedSource[]): string =>
  known.length === 0
    ? 'a source with a connection, and the plan has none'
    : `one of the plan's sources with a connection: ${known.map(({ name }) => name).join(', ')}`;
