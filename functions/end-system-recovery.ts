import { chooseSystem } from '#model/choose-system';
import { text } from '#model/plan-field';
import { fields } from '#model/read-input';
import { RecoveringSystem } from '#runtime/recovering-system';
import { edge } from './edge.ts';

/** Whoever recovers or moves these sources next need not wait. Only what this execution holds is given back. */
export const handler = edge({
  name: 'end-system-recovery',
  input: fields({ execution: text("the execution's ARN"), system: text('the name of a system') }),

  async run({ execution, system }, world) {
    const signal = AbortSignal.timeout(50_000);
    await new RecoveringSystem(chooseSystem(world.plan, system), world, { execution, signal }).release();
    return { released: true };
  },
});
