import { NotReady, TwoPrimaries } from '#failover/failures';
import type { MoveOutcome } from '#failover/plan-move';
import type { Failure } from '#model/failure';

/** Why nothing is moved, with everything that stands against it. */
export function refuseMove(group: string, outcome: Extract<MoveOutcome, { ready: false }>): Failure {
  const reasons = outcome.reasons.join('; ');
  if ('twoPrimaries' in outcome)
    return new TwoPrimaries(`${group} has TWO PRIMARIES: ${reasons}`, {
      operation: 'plan failover',
      subject: group,
      hint: 'stop the server at once that clients shall not write to, and keep its data; nothing was moved',
    });
  return new NotReady(`${group} cannot be moved: ${reasons}`, {
    operation: 'plan failover',
    subject: group,
    hint:
      outcome.reasons.length > 1
        ? `nothing was touched: each of these ${outcome.reasons.length} stands against it`
        : 'nothing was touched',
  });
}
