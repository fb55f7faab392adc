import { z } from 'zod';
import { text, yesOrNo } from '#model/plan-field';
import { fields } from '#model/read-input';
import { fenceSite, undoFence } from '#runtime/fence-site';
import { movingGroup } from '#runtime/moving-group';
import { edge } from './edge.ts';

/** Keep the old primary from taking writes, or let it take them again. @throws FenceFailed, LeaseHeld */
export const handler = edge({
  name: 'fence-primary',
  input: fields({
    execution: text("the execution's ARN"),
    /** when it began: what is older is of another execution of that name */
    since: z.iso
      .datetime('an instant')
      .transform((since) => new Date(since))
      .exactOptional(),
    group: text('the name of a group'),
    site: text('the name of a site'),
    /** what was committed is sent to the standby first */
    gently: yesOrNo().default(false),
    /** go on where it cannot be fenced, since somebody has approved that */
    force: yesOrNo().default(false),
    undo: yesOrNo().default(false),
  }),

  async run({ group, since, undo, ...asked }, world, logger) {
    const moving = movingGroup(world, group, since);
    const signal = AbortSignal.timeout(840_000);
    const fenced = undo ? await undoFence(moving, asked, signal) : await fenceSite(moving, asked, signal);
    logger.info(fenced.how, { ...asked, group });
    return fenced;
  },
});
