import { chooseSystem } from '#model/choose-system';
import { oneOf, text } from '#model/plan-field';
import { fields } from '#model/read-input';
import { RecoveringSystem } from '#runtime/recovering-system';
import { edge } from './edge.ts';

/**
 * Stop the applications of a system, the last one first, or start them, the first one first: each is there before the next one.
 * What was before is remembered once. Called again until `settled`; once all of them run, nothing is held any more.
 */
export const handler = edge({
  name: 'move-applications',
  input: fields({
    execution: text("the execution's ARN"),
    system: text('the name of a system'),
    to: oneOf(['stopped', 'started']),
  }),

  async run({ execution, system, to }, world, logger) {
    const signal = AbortSignal.timeout(50_000);
    const recovering = new RecoveringSystem(chooseSystem(world.plan, system), world, { execution, signal });
    const put = await recovering.putApplications(to);
    logger.info(to, { ...put });
    if (to === 'started' && put.settled) await recovering.release();
    return put;
  },
});
