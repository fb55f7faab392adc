import { z } from 'zod';
import { brief } from '#model/brief';
import { oneOf, text, yesOrNo } from '#model/plan-field';
import { fields } from '#model/read-input';
import { checkTraffic, moveTraffic, undoTraffic } from '#runtime/move-traffic';
import { movingGroup } from '#runtime/moving-group';
import { planGroup } from '#runtime/plan-group';
import { edge } from './edge.ts';

/**
 * Have names, capacity or settings follow the primary, or be again what they were; called again until they are settled. With
 * `check`, see what stands against a move now, and change nothing. @throws LeaseHeld, TrafficNotMoved
 */
export const handler = edge({
  name: 'move-traffic',
  input: fields({
    execution: text("the execution's ARN"),
    /** when it began: what is older is of another execution of that name */
    since: z.iso
      .datetime('an instant')
      .transform((since) => new Date(since))
      .exactOptional(),
    group: text('the name of a group'),
    part: oneOf(['names', 'capacity', 'settings']),
    to: text('the name of a site'),
    /** what belongs to the site that is gone may fail */
    tolerate: yesOrNo().default(false),
    undo: yesOrNo().default(false),
    check: yesOrNo().default(false),
    /** only what is at `to`: the other site goes on with its work */
    rehearse: yesOrNo().default(false),
  }),

  async run({ group, since, undo, check, rehearse, ...given }, world) {
    const moving = movingGroup(world, group, since);
    const signal = AbortSignal.timeout(270_000);
    if (check) {
      const movables = await moving.movables();
      const isRaised = movables.some(({ part, site }) => part === 'capacity' && site === given.to);
      const raises = moving.group.rehearsal.capacity && isRaised;
      // of what RDS runs there is nothing to drill
      const drill = world.plan.sources.some(({ name }) => name === moving.group.source);
      const outcome = await planGroup(world, moving, { group, to: given.to });
      const against = outcome.ready ? [] : outcome.reasons;
      return { problems: brief([...against, ...(await checkTraffic(moving, signal))]), capacity: raises, drill };
    }
    const asked = { ...given, ...(rehearse ? { only: given.to } : {}) };
    return brief(await (undo ? undoTraffic : moveTraffic)(moving, asked, signal));
  },
});
