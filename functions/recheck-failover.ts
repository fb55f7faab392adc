import { z } from 'zod';
import { noteAutomatic, noteMove, readFailoverStanding } from '#catalog/failover-standing';
import { releaseLeaseOf } from '#catalog/release-lease';
import type { DecidedMove } from '#failover/move-hash';
import { recheckMove } from '#failover/recheck-move';
import { chooseGroup } from '#model/choose-group';
import { readFailoverInput } from '#model/machine-input';
import { text } from '#model/plan-field';
import { fields } from '#model/read-input';
import { movingGroup } from '#runtime/moving-group';
import { planGroup } from '#runtime/plan-group';
import { takeMovingLease } from '#runtime/take-moving-lease';
import { edge } from './edge.ts';

/**
 * Between the yes and the move: nobody else moves the group from now on, and what was approved is still what would be done.
 * @throws PlanChanged, TwoPrimaries, LeaseHeld; then the lease is given back and nothing was touched
 */
export const handler = edge({
  name: 'recheck-failover',
  input: fields({
    execution: text("the execution's ARN"),
    input: z.unknown(),
    planHash: text('the hash of a plan', /^[0-9a-f]{64}$/),
  }),

  async run({ execution, input, planHash }, world, logger) {
    const asked = readFailoverInput(input);
    const { name, source } = chooseGroup(world.plan, asked.group);
    const { store } = world.vault;
    const moving = movingGroup(world, name);
    await takeMovingLease(world, source, execution);
    try {
      const outcome = await planGroup(world, moving, asked, execution);
      const known = (await readFailoverStanding(store, name))?.plans.find(({ hash }) => hash === planHash);
      const decided = known && (JSON.parse(known.decided) as DecidedMove);
      const move = recheckMove(outcome, { group: name, planHash, decided });
      const noted = { at: world.now().toISOString(), execution };
      if (move.automatic) await noteAutomatic(store, name, noted);
      // the watch sees by the lease that somebody moves it, too
      await noteMove(store, name, noted).catch((failure: Error) => logger.warn('the move is not noted', failure));
      return move;
    } catch (failure) {
      await releaseLeaseOf(store, source, 'failover', { execution, now: world.now() }).catch((problem: Error) =>
        logger.warn('the lease is not given back, and free when it expires', problem),
      );
      throw failure;
    }
  },
});
