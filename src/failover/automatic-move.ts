import type { Moving } from '#failover/move-blockers';
import { ifKnown, type MoveFacts, type WitnessFacts } from '#failover/move-facts';
import type { MoveRequest } from '#failover/planned-move';
import { type FailoverStanding, looksInARow, type PrimaryGone, unbrokenRow } from '#model/failover-standing';

/** What is moved twice within this time without a person moves to and fro. */
const pauseMs = 3_600_000;

/**
 * Whether nobody has to be asked: the plan allows it, the watch has proposed it, our own look and two witnesses of different kinds
 * say that the primary is gone while none says that it is there, its fence holds whatever it does, and a standby is known to be
 * within the limits. `execution`: what this one has noted itself does not count against it.
 */
export function isAutomatic(
  moving: Moving,
  facts: MoveFacts,
  request: MoveRequest,
  { now, execution }: { now: Date; execution?: string | undefined },
): boolean {
  const { group, mode, from, restore, old, lag } = moving;
  const standing = ifKnown(facts.standing);
  return (
    group.automatic &&
    request.proposed === true &&
    !request.force &&
    mode === 'failover' &&
    !restore &&
    old.server.state === 'silent' &&
    old.fence.strength === 'hard' &&
    (old.fence.fenced || old.fence.possible) &&
    isWithin(moving, lag) &&
    witnessesAgree(facts.witnesses) &&
    hasBeenGone(unbrokenRow(standing, { now, primary: from, execution }), group.proposeAfterMs, now) &&
    !wasJustMoved(standing, now, execution)
  );
}

/** By what is known: a standby of which nobody knows how far it is behind is not taken. */
const isWithin = ({ group: { limits } }: Moving, lag: Moving['lag']): boolean =>
  lag?.lostBytes != null && lag.lostBytes <= limits.lagBytes && (lag.ms ?? 0) <= limits.lagMs;

export const witnessesAgree = (witnesses: readonly WitnessFacts[]): boolean =>
  new Set(witnesses.filter(({ says }) => says === 'gone').map(({ kind }) => kind)).size >= 2 &&
  witnesses.every(({ says }) => says !== 'there');

/** By looks that nothing has interrupted: before or after a move it may have served. */
function hasBeenGone(row: PrimaryGone | undefined, proposeAfterMs: number | undefined, now: Date): boolean {
  if (!row || proposeAfterMs === undefined || row.looks < looksInARow) return false;
  return now.getTime() - Date.parse(row.since) >= proposeAfterMs;
}

function wasJustMoved(standing: FailoverStanding | undefined, now: Date, execution: string | undefined): boolean {
  const last = standing?.automatic;
  if (!last || last.execution === execution) return false;
  return now.getTime() - Date.parse(last.at) < pauseMs;
}
