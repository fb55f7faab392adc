import { moveChanges } from '#failover/move-changes';
import { type DecidedMove, moveHash } from '#failover/move-hash';
import type { MoveOutcome } from '#failover/plan-move';
import type { PlannedMove } from '#failover/planned-move';
import { refuseMove } from '#failover/refuse-move';
import { PlanChanged } from '#model/plan-changed';

/** What was approved; `decided` tells what changed, where it is still known. */
export interface ApprovedMove {
  group: string;
  planHash: string;
  decided?: DecidedMove | undefined;
}

/**
 * The move that was approved, when it is still the one that would be made. What a person has said yes to stays approved
 * when by now nobody would have to be asked, or less stands against it than was shown. @throws PlanChanged with what changed; TwoPrimaries
 */
export function recheckMove(outcome: MoveOutcome, { group, planHash, decided }: ApprovedMove): PlannedMove {
  if (!outcome.ready) {
    if ('twoPrimaries' in outcome) throw refuseMove(group, outcome);
    throw changed(group, outcome.reasons);
  }
  const { move } = outcome;
  if (move.planHash === planHash) return move;
  const approved = (asShown: Partial<DecidedMove>) => moveHash({ ...outcome.decided, ...asShown }) === planHash;
  const yes = { planHash, planText: move.planText.replace(move.planHash, planHash) };
  if (move.automatic && approved({ automatic: false })) return { ...move, ...yes, automatic: false };
  const forced = decided?.forced ?? [];
  const isLess = outcome.decided.forced.every((one) => forced.includes(one));
  if (isLess && approved({ forced })) return { ...move, ...yes };
  throw changed(group, moveChanges(decided, outcome.decided));
}

const changed = (group: string, what: readonly string[]): PlanChanged =>
  new PlanChanged(`the plan for ${group} is not the one that was approved: ${what.join('; ')}`, {
    operation: 'check plan again',
    subject: group,
    hint: 'nothing was touched: start it again, and approve the plan as it is now',
  });
