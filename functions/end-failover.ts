import { releaseLeaseOf } from '#catalog/release-lease';
import { text } from '#model/plan-field';
import { fields } from '#model/read-input';
import { movingGroup } from '#runtime/moving-group';
import { edge } from './edge.ts';

/** Give back a group's lease, so that nobody has to wait for its end; another execution's is not touched. */
export const handler = edge({
  name: 'end-failover',
  input: fields({ execution: text("the execution's ARN"), group: text('the name of a group') }),

  async run({ execution, group: name }, world) {
    const { group, store, now } = movingGroup(world, name);
    return { released: await releaseLeaseOf(store, group.source, 'failover', { execution, now: now() }) };
  },
});
