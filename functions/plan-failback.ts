import { z } from 'zod';
import { decideFailback } from '#failover/decide-failback';
import { chooseGroup } from '#model/choose-group';
import { readFailbackInput, requesterOf } from '#model/machine-input';
import { oneLine } from '#model/plain-text';
import { fields } from '#model/read-input';
import { movingGroup } from '#runtime/moving-group';
import { edge } from './edge.ts';

/** How a group's primary gets home again; who says yes to it is asked later, by the switchover. @throws NotReady */
export const handler = edge({
  name: 'plan-failback',
  input: fields({ input: z.unknown() }),

  async run({ input }, world) {
    const asked = readFailbackInput(input);
    const { group, server } = movingGroup(world, chooseGroup(world.plan, asked.group).name);
    const signal = AbortSignal.timeout(50_000);
    const look = async (site: string) => (await server(site)).look(signal);
    const [home, recovery] = await Promise.all([look(group.home.name), look(group.recovery.name)]);
    const { planText, ...decided } = decideFailback(group, home, recovery);
    return {
      group: group.name,
      source: group.source,
      ...decided,
      planText: asked.reason === undefined ? planText : `${planText}\n  because ${oneLine(asked.reason)}`,
      requestedBy: requesterOf(asked),
      reason: asked.reason ?? null,
    };
  },
});
