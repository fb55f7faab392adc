import { standbyState } from '#failover/standby-state';
import { otherSite } from '#model/failover-group';
import { text } from '#model/plan-field';
import { fields } from '#model/read-input';
import { movingGroup } from '#runtime/moving-group';
import { edge } from './edge.ts';

/** Whether a site's server follows the other one's closely enough: asked again until it does. */
export const handler = edge({
  name: 'check-standby',
  input: fields({ group: text('the name of a group'), site: text('the name of a site') }),

  async run({ group: name, site }, world) {
    const { group, server } = movingGroup(world, name);
    const signal = AbortSignal.timeout(50_000);
    const look = async (one: string) => (await server(one)).look(signal);
    const [standby, primary] = await Promise.all([look(site), look(otherSite(group, site).name)]);
    return standbyState(standby, primary, group.limits.lagBytes);
  },
});
