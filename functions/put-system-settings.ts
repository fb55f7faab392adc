import { chooseSystem } from '#model/choose-system';
import { text } from '#model/plan-field';
import { fields } from '#model/read-input';
import { RecoveringSystem } from '#runtime/recovering-system';
import { edge } from './edge.ts';

/** What the applications of a system find its restored sources by. What was before is remembered once. Called again until `settled`. */
export const handler = edge({
  name: 'put-system-settings',
  input: fields({ execution: text("the execution's ARN"), system: text('the name of a system') }),

  async run({ execution, system }, world) {
    const signal = AbortSignal.timeout(50_000);
    return new RecoveringSystem(chooseSystem(world.plan, system), world, { execution, signal }).putSettings();
  },
});
