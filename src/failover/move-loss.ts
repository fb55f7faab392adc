import type { Moving } from '#failover/move-blockers';
import { ifKnown, type MoveFacts } from '#failover/move-facts';
import { stateOf } from '#failover/observe-primary';
import { formatDuration } from '#model/duration';
import { unbrokenRow } from '#model/failover-standing';
import { formatBytes } from '#model/format-bytes';

/** What the old primary had and the next one will not have. */
export interface MoveLoss {
  /** of WAL; null: not known */
  bytes: number | null;
  /** for people */
  words: string;
}

export function moveLoss(moving: Moving, facts: MoveFacts, now: Date): MoveLoss {
  const { mode, from, to, old, restore } = moving;
  if (mode === 'finish') return { bytes: 0, words: `nothing: ${to} is the primary already` };
  if (mode === 'rehearsal') return { bytes: 0, words: 'nothing: no server of the group is touched' };
  if (mode === 'switchover') {
    const all = `writes stop, and ${to} takes over only when it has all of ${from}`;
    // in words alone: what a client writes past a fence that it can evade, nobody counts
    const evaded = `nothing of clients that follow the rules, if it completes: ${all}; the fence is soft, and a client that makes its own transactions read write may lose them`;
    return { bytes: 0, words: old.fence.strength === 'soft' ? evaded : `nothing, if it completes: ${all}` };
  }
  return restore ? lossOfRestore(moving, facts, now) : lossOfFailover(moving, facts, now);
}

function lossOfRestore({ old, from }: Moving, { bucket }: MoveFacts, now: Date): MoveLoss {
  const stored = ifKnown(bucket);
  const written = old.server.state === 'answers' ? old.server.lsn : null;
  const end = stored?.end ?? null;
  const bytes = written === null || end === null ? null : Number(written > end ? written - end : 0n);
  const since = stored?.at ?? null;
  const last = since === null ? 'not known when' : `${since.toISOString()}, ${ago(since, now)} ago`;
  const lost = bytes === null ? `what ${from} wrote and the bucket does not have` : `${formatBytes(bytes)} of WAL`;
  return { bytes, words: `${lost}: it goes back to the last commit that is stored (${last})` };
}

/** Who has never answered cannot say what was written last: that is said, and no number made up. */
function lossOfFailover({ lag, from, to, old, next }: Moving, { standing }: MoveFacts, now: Date): MoveLoss {
  if (!lag || next.server.state !== 'answers') return { bytes: null, words: 'not known' };
  const { lostBytes: bytes } = lag;
  if (stateOf(old) === 'primary') {
    const until = `and what ${from} still commits before it is fenced`;
    if (bytes === null) return { bytes, words: `not known how much: ${to} or ${from} does not tell its position` };
    const late = lag.ms ? `, about ${formatDuration(lag.ms)}` : '';
    return { bytes, words: bytes === 0 ? `nothing that is known, ${until}` : `${formatBytes(bytes)}${late}, ${until}` };
  }
  const stored = unbrokenRow(ifKnown(standing), { now, primary: from })?.since;
  const goneAt = stored === undefined ? now : new Date(stored);
  const { replayedAt } = next.server;
  const late =
    replayedAt === null
      ? `when ${to} got its last commit is not told`
      : `the last commit of ${to} is of ${replayedAt.toISOString()}, ${ago(replayedAt, goneAt)} before ${from} was seen to be gone`;
  const fetched = bytes !== null && bytes > 0 && next.server.readsBucket ? ` (${to} may fetch it yet)` : '';
  const by = lag.by === 'primary' ? `${from} tells` : 'the bucket has';
  const known =
    bytes === null
      ? 'not known how much'
      : `${bytes === 0 ? 'nothing' : `${formatBytes(bytes)} of WAL`} that ${by}${fetched}`;
  return { bytes, words: `${known}, and whatever ${from} wrote that nobody got; ${late}` };
}

const ago = (from: Date, to: Date): string => formatDuration(Math.max(0, to.getTime() - from.getTime()));
