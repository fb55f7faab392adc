import { z } from 'zod';
import { notePlan } from '#catalog/failover-standing';
import { decidedJson } from '#failover/move-hash';
import { refuseMove } from '#failover/refuse-move';
import { chooseGroup } from '#model/choose-group';
import { readFailoverInput } from '#model/machine-input';
import { fields } from '#model/read-input';
import { movingGroup } from '#runtime/moving-group';
import { planGroup } from '#runtime/plan-group';
import { edge } from './edge.ts';

/** What would be moved from where to where, for somebody to approve. @throws NotReady with every reason, TwoPrimaries */
export const handler = edge({
  name: 'plan-failover',
  input: fields({ input: z.unknown() }),

  async run({ input }, world, logger) {
    const asked = readFailoverInput(input);
    const { name } = chooseGroup(world.plan, asked.group);
    const outcome = await planGroup(world, movingGroup(world, name), asked);
    if (!outcome.ready) throw refuseMove(name, outcome);
    const { move, decided } = outcome;
    const plan = { hash: move.planHash, decided: decidedJson(decided) };
    // only by it is said later what changed: a bucket that is full or gone keeps nobody from moving
    await notePlan(world.vault.store, name, plan).catch((failure: Error) =>
      logger.warn('what was decided is not noted', failure),
    );
    return move;
  },
});
