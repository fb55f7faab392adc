import { type MoveOutcome, planMove } from '#failover/plan-move';
import { sitesOf } from '#model/failover-group';
import { InputInvalid } from '#model/failure';
import type { FailoverInput } from '#model/machine-input';
import type { FunctionWorld } from '#runtime/function-world';
import { gatherMoveFacts } from '#runtime/gather-move-facts';
import type { MovingGroup } from '#runtime/moving-group';

/** What would be done now. `execution`: whose plan it is made again for. @throws InputInvalid when the group has no such site */
export async function planGroup(
  world: FunctionWorld,
  moving: MovingGroup,
  asked: FailoverInput,
  execution?: string,
): Promise<MoveOutcome> {
  const { group } = moving;
  const sites = sitesOf(group).map(({ name }) => name);
  if (asked.to !== undefined && !sites.includes(asked.to))
    throw new InputInvalid('to', asked.to, `one of the sites ${sites.join(', ')}`);
  const facts = await gatherMoveFacts(moving, world);
  return planMove(group, facts, asked, { now: world.now(), execution });
}
