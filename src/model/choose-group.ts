import type { FailoverGroup } from '#model/failover-group';
import { InputInvalid } from '#model/failure';
import { nearest } from '#model/nearest';
import type { Plan } from '#model/plan';

/** The group of that name; without a name, the plan's only one. @throws InputInvalid that names those there are. */
export function chooseGroup(
  { failover }: Pick<Plan, 'failover'>,
  name: string | undefined,
  field = 'group',
): FailoverGroup {
  const known = failover.map((group) => group.name);
  const chosen = name === undefined && failover.length === 1 ? failover[0] : failover.find((one) => one.name === name);
  if (chosen) return chosen;
  const allowed =
    known.length === 0
      ? 'a group of the section failover, and the plan has none'
      : `one of the plan's groups: ${known.join(', ')}`;
  const meant = name === undefined ? undefined : nearest(name, known);
  throw new InputInvalid(field, name, allowed, meant && `did you mean "${meant}"?`);
}
