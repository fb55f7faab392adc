import { InputInvalid } from '#model/failure';
import { nearest } from '#model/nearest';
import type { Plan } from '#model/plan';
import type { RecoverySystem, SystemSource } from '#model/recovery-system';

/** The system of that name; without a name, the plan's only one. @throws InputInvalid that names those there are. */
export function chooseSystem({ systems }: Plan, name: string | undefined, field = 'system'): RecoverySystem {
  if (name === undefined && systems.length === 1) return systems[0]!;
  const system = systems.find((one) => one.name === name);
  if (system) return system;
  const known = systems.map((one) => one.name);
  const meant = name === undefined ? undefined : nearest(name, known);
  throw new InputInvalid(
    field,
    name,
    known.length === 0
      ? "one of the plan's systems, and it has none"
      : `one of the plan's systems: ${known.join(', ')}`,
    meant === undefined ? undefined : `did you mean "${meant}"?`,
  );
}

/** @throws InputInvalid */
export function sourceOfSystem({ name, sources }: RecoverySystem, source: string): SystemSource {
  const found = sources.find((one) => one.source === source);
  if (found) return found;
  throw new InputInvalid('source', source, `one of ${name}: ${sources.map((one) => one.source).join(', ')}`);
}
