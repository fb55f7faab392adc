import type { Problem } from '#cli/status-report';
import { rebuiltByHand } from '#failover/rebuilt-by-hand';
import { formatDuration } from '#model/duration';
import { type FailoverGroup, sitesOf } from '#model/failover-group';
import type { FailoverStanding, PrimaryAlone, PrimaryGone } from '#model/failover-standing';
import { oneLine } from '#model/plain-text';

/** How it is looked at. */
export interface SeenNow {
  now: Date;
  /** the execution that moves the group just now */
  move: string | undefined;
  /** names of all executions that run */
  running: ReadonlySet<string>;
  /** a region, where the stack there watches and not this one */
  seenFrom: string | undefined;
  /** ISO 8601: since when the daemon can have looked; undefined: nobody knows */
  watchedSince: string | undefined;
}

/** A watch that has not looked for so long does not run. */
const oldLookMs = 180_000;

/** What is wrong with a group by what the watch saw last; who asks is told at the first look, and not only at the third in a row. */
export function groupProblems(group: FailoverGroup, standing: FailoverStanding | undefined, seen: SeenNow): Problem[] {
  // of notes that a plan made before anybody looked
  const looked = standing && standing.sites.length > 0 ? standing : undefined;
  if (!looked) return seen.seenFrom === undefined ? neverLooked(group, seen) : [];
  const { gone, alone, findings } = looked;
  return [
    ...(gone ? [noPrimary(group, gone, seen)] : []),
    // of a primary that is gone it is told above what is best now
    ...findings.filter(({ kind }) => kind !== 'primary-gone' || !gone),
    ...(alone ? [noStandby(group, alone, seen)] : []),
    ...oldLook(group, looked, seen),
  ];
}

function noPrimary({ name, source }: FailoverGroup, { since, why, proposed }: PrimaryGone, seen: SeenNow): Problem {
  const asked = proposed !== null && seen.running.has(proposed);
  const todo = asked
    ? `read, and approve or reject, what is proposed: lifeboat executions ${proposed}`
    : `lifeboat failover ${name} (before that: lifeboat runbook failover)`;
  const what = `${name} has NO PRIMARY that takes writes: ${oneLine(why, 400)}`;
  return { source, what, since, todo: asked ? todo : unlessMoved(todo, seen) };
}

function noStandby(group: FailoverGroup, { since, site, why }: PrimaryAlone, seen: SeenNow): Problem {
  const { name, source, home } = group;
  const byHand = rebuiltByHand(sitesOf(group).find((one) => one.name === site)!);
  const back = `lifeboat failback ${name}`;
  const hand = `make ${site} a standby by hand, since ${byHand}${site === home.name ? `; then: ${back}` : ''}`;
  return {
    source,
    what: `${name} has NO STANDBY that streams: ${site} ${oneLine(why, 400)}; until one does, nothing can be moved without loss`,
    since,
    todo: unlessMoved(byHand === undefined ? back : hand, seen),
  };
}

const unlessMoved = (todo: string, { move }: SeenNow): string =>
  move === undefined ? todo : `${move} is at work on it: lifeboat executions ${move}; if that fails: ${todo}`;

function neverLooked({ name, source }: FailoverGroup, seen: SeenNow): Problem[] {
  const { now, watchedSince } = seen;
  if (watchedSince !== undefined && now.getTime() - Date.parse(watchedSince) < oldLookMs) return [];
  return [{ source, what: `nobody has looked at ${name} yet`, since: null, todo: whyNotLooked }];
}

function oldLook({ name, source }: FailoverGroup, { at }: FailoverStanding, { now }: SeenNow): Problem[] {
  const ageMs = now.getTime() - Date.parse(at);
  if (ageMs <= oldLookMs) return [];
  const what = `nobody has looked at ${name} for ${formatDuration(ageMs)}: what is told of it may be wrong by now`;
  return [{ source, what, since: at, todo: whyNotLooked }];
}

const whyNotLooked =
  'lifeboat groups looks now; the watch-failover of `lifeboat up`, or of the stack, says in its log why not';
