import { holdsLease } from '#catalog/execution-lease';
import { noteMove } from '#catalog/failover-standing';
import { releaseLeaseOf } from '#catalog/release-lease';
import { text } from '#model/plan-field';
import { fields } from '#model/read-input';
import { movingGroup } from '#runtime/moving-group';
import { edge } from './edge.ts';

/**
 * Give back a group's lease, so that nobody has to wait for its end, and note that it was moved: `primary` is where it has its primary
 * now. What another execution holds is not touched, and who held nothing has moved nothing.
 */
export const handler = edge({
  name: 'end-failover',
  input: fields({
    execution: text("the execution's ARN"),
    group: text('the name of a group'),
    primary: text('a site').nullish(),
  }),

  async run({ execution, group: name, primary }, world, logger) {
    const { group, store, now } = movingGroup(world, name);
    if (await holdsLease(store, group.source, 'failover', execution)) {
      const move = { at: now().toISOString(), execution, primary: primary ?? undefined };
      // before the lease is free: who looks then counts from here on
      await noteMove(store, name, move).catch((failure: Error) => logger.warn('the move is not noted', failure));
    }
    return { released: await releaseLeaseOf(store, group.source, 'failover', { execution, now: now() }) };
  },
});
