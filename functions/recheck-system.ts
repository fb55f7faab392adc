import { chooseSystem } from '#model/choose-system';
import { listOf, text } from '#model/plan-field';
import { fields } from '#model/read-input';
import { restoreRequestSchema } from '#model/restore-request';
import { recheckSystem } from '#recovery/prepare-system';
import { RecoveringSystem } from '#runtime/recovering-system';
import { takeMovingLease } from '#runtime/take-moving-lease';
import { edge } from './edge.ts';

const planHash = () => text('the hash of a plan', /^[0-9a-f]{64}$/);

/**
 * Between the yes and the first thing that is touched: what was approved is still what would be done, it can be done, and nobody
 * else is at it. @throws PlanChanged, LeaseHeld, ServerUnsuitable
 */
export const handler = edge({
  name: 'recheck-system',
  input: fields({
    execution: text("the execution's ARN"),
    system: text('the name of a system'),
    planHash: planHash(),
    sources: listOf(
      fields({ request: restoreRequestSchema, planHash: planHash(), decided: text('what was decided') }),
      'approved plans',
    ),
  }),

  async run({ execution, system: name, ...approved }, world) {
    const system = chooseSystem(world.plan, name);
    const signal = AbortSignal.timeout(870_000);
    await recheckSystem(world.vault, system, approved, signal);
    for (const { source } of system.sources) await takeMovingLease(world, source, execution);
    const recovering = new RecoveringSystem(system, world, { execution, signal });
    await recovering.hold();
    await recovering.check();
    return { planHash: approved.planHash };
  },
});
