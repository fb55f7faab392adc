import { z } from 'zod';
import { parseLsn } from '#model/lsn';
import { text, yesOrNo } from '#model/plan-field';
import { fields } from '#model/read-input';
import { movingGroup } from '#runtime/moving-group';
import { promoteSite } from '#runtime/promote-site';
import { seePromotion } from '#runtime/see-promotion';
import { edge } from './edge.ts';

/**
 * Make a standby the primary, or with `look` see whether it is one, and change nothing.
 * @throws FenceFailed, SwitchoverIncomplete, PromotionFailed, LeaseHeld
 */
export const handler = edge({
  name: 'promote-standby',
  input: fields({
    execution: text("the execution's ARN"),
    /** when it began: what is older is of another execution of that name */
    since: z.iso
      .datetime('an instant')
      .transform((since) => new Date(since))
      .exactOptional(),
    group: text('the name of a group'),
    site: text('the name of a site'),
    from: text('the name of a site'),
    /** where the WAL of the old primary ends; null: nobody knows */
    end: text('an LSN')
      .transform((end) => parseLsn(end, 'end'))
      .nullable()
      .default(null),
    gently: yesOrNo().default(false),
    force: yesOrNo().default(false),
    look: yesOrNo().default(false),
    /** the server was to come from the bucket */
    restored: yesOrNo().default(false),
  }),

  async run({ group, since, look, restored, ...asked }, world) {
    const moving = movingGroup(world, group, since);
    const signal = AbortSignal.timeout(270_000);
    return look ? seePromotion(moving, { ...asked, restored }, signal) : promoteSite(moving, asked, signal);
  },
});
