import type { ChosenMove } from '#failover/choose-move';
import { type Lag, measureLag } from '#failover/measure-lag';
import { type BucketFacts, ifKnown, type MoveFacts } from '#failover/move-facts';
import { stateOf } from '#failover/observe-primary';
import type { MoveRequest } from '#failover/planned-move';
import type { ServerAnswer, SiteFacts } from '#failover/site-facts';
import { streamsFrom } from '#failover/streams-from';
import { formatDuration } from '#model/duration';
import { type FailoverGroup, sitesOf } from '#model/failover-group';
import { formatBytes } from '#model/format-bytes';
import { oneLine } from '#model/plain-text';

/** Why a move is not made. */
export interface Blocker {
  why: string;
  /** a person who is shown it may go on all the same */
  forceable: boolean;
  /** of what it is one, where it is forceable */
  of?: Forced;
}

/** What a person may go on in spite of. */
export type Forced = 'fence' | 'timeline' | 'lag' | 'names';

/** A move with the two servers that it is about. */
export interface Moving extends ChosenMove {
  group: FailoverGroup;
  old: SiteFacts;
  next: SiteFacts;
  /** no standby lives at `to` */
  restore: boolean;
  /** of the standby at `to`; undefined: none answers there */
  lag: Lag | undefined;
}

type Answer = Extract<ServerAnswer, { state: 'answers' }>;

export function movingOf(group: FailoverGroup, facts: MoveFacts, chosen: ChosenMove): Moving {
  const old = facts.sites.find(({ site }) => site === chosen.from)!;
  const next = facts.sites.find(({ site }) => site === chosen.to)!;
  const standby = next.server.state === 'answers' && next.server.role === 'standby' ? next.server : undefined;
  const lag = standby && measureLag(old, standby, ifKnown(facts.bucket));
  return { ...chosen, group, old, next, restore: next.server.state === 'absent' && chosen.mode === 'failover', lag };
}

/** Everything that stands against a failover or switchover, so that a person can act on all of it at once. */
export function moveBlockers(moving: Moving, facts: MoveFacts, request: MoveRequest): Blocker[] {
  return [
    ...ofTheOld(moving, request),
    ...ofTheControls(moving),
    ...ofTheFence(moving),
    ...ofTheNext(moving, facts),
    ...ofTheLag(moving),
    ...ofTheNames(facts),
  ];
}

const never = (why: string): Blocker => ({ why, forceable: false });
const unlessForced = (of: Forced, why: string): Blocker => ({ why, forceable: true, of });

function ofTheOld({ mode, from, old }: Moving, { proposed }: MoveRequest): Blocker[] {
  const state = stateOf(old);
  if (mode === 'switchover' && state !== 'primary')
    return [never(`a planned move needs a primary that answers, and ${from} ${stateWords(old)}`)];
  if (proposed && state === 'primary')
    return [never(`the primary answers again: ${from} takes writes, so nothing has to be moved`)];
  return [];
}

/** A control of the wrong server would stop the one that is left, and no person's yes makes that right. */
function ofTheControls({ from, to, old, next }: Moving): Blocker[] {
  const pairs = [
    [old, next],
    [next, old],
  ] as const;
  const crossed = pairs.flatMap(([one, other]) =>
    one.fence.of !== undefined && other.server.state === 'answers' && one.fence.of === other.server.dataDir
      ? [
          never(
            `the control of ${one.site} leads to ${one.fence.of}, and there the server of ${other.site} has its data`,
          ),
        ]
      : [],
  );
  const isTold = crossed.length > 0 || !next.fence.elsewhere;
  return isTold ? crossed : [never(`${to} is no place to move to from ${from}: ${oneLine(next.fence.how, 300)}`)];
}

/** A primary that answers and cannot be fenced would be one of two: no person's yes makes that right. */
function ofTheFence({ from, old }: Moving): Blocker[] {
  const { fenced, possible, how } = old.fence;
  if (fenced || possible) return [];
  const why = `${from} cannot be fenced: ${oneLine(how, 300)}`;
  return stateOf(old) === 'primary'
    ? [never(`${why}; it takes writes, so there would be two primaries: stop it by hand first`)]
    : [unlessForced('fence', why)];
}

function ofTheNext(moving: Moving, facts: MoveFacts): Blocker[] {
  const { to, next, mode } = moving;
  const { server } = next;
  if (server.state === 'silent') return [never(`${to} does not answer: ${oneLine(server.why, 300)}`)];
  if (server.state === 'absent') return ofTheRestore(moving, facts);
  if (server.role === 'primary')
    return [never(`${to} is a primary that is fenced, and no standby: rebuild it by \`lifeboat failback\``)];
  const still = mode === 'switchover' && !server.streams;
  const astray = mode === 'switchover' && !still && followsAnother(moving, server);
  return [
    ...(still ? [never(`${to} does not stream from ${moving.from}, so it would never get all that was written`)] : []),
    ...(astray
      ? [never(`${to} streams, and ${moving.from} knows of no such stream: it follows another server, perhaps a clone`)]
      : []),
    ...ofTheSystem(moving, server, facts),
    ...ofTheTimeline(moving, server, ifKnown(facts.bucket)),
  ];
}

function ofTheRestore({ group, mode, from, to, old }: Moving, { bucket }: MoveFacts): Blocker[] {
  const nothing = `${to} has neither a server nor its files`;
  if (mode === 'switchover') return [never(`${nothing}: a planned move needs a standby there`)];
  const { server } = sitesOf(group).find(({ name }) => name === to)!;
  if (server.kind !== 'postgres' || server.control.kind !== 'local')
    return [never(`${nothing}, and only a site with control: local can be restored from the bucket`)];
  if (!bucket.known) return [never(`${nothing}, and what the bucket has is not known: ${oneLine(bucket.why, 300)}`)];
  if (!bucket.value || bucket.value.backups === 0)
    return [never(`${nothing}, and the bucket has no backup of ${group.source}`)];
  const { systemId } = bucket.value;
  return old.server.state === 'answers' && systemId !== null && old.server.systemId !== systemId
    ? [never(`the backups are of system ${systemId}, and ${from} is ${old.server.systemId}`)]
    : [];
}

/** Of RDS the instances themselves tell whose replica they are. */
const followsAnother = ({ group, old }: Moving, next: Answer): boolean =>
  group.home.server.kind === 'postgres' &&
  old.server.state === 'answers' &&
  old.server.role === 'primary' &&
  streamsFrom(old.server, next) === false;

/** RDS tells ids of its own, which differ between a primary and its replica. */
function ofTheSystem({ group, from, to, old }: Moving, { systemId }: Answer, { bucket }: MoveFacts): Blocker[] {
  if (group.home.server.kind !== 'postgres') return [];
  const stored = ifKnown(bucket)?.systemId;
  if (old.server.state === 'answers')
    return old.server.systemId === systemId
      ? []
      : [never(`${to} is another system (${systemId}) than ${from} (${old.server.systemId})`)];
  return stored == null || stored === systemId
    ? []
    : [never(`${to} is another system (${systemId}) than the one in the bucket (${stored})`)];
}

/** A standby that streams follows its primary's timeline, whatever its own control file says by now. */
function ofTheTimeline(moving: Moving, next: Answer, bucket: BucketFacts | null | undefined): Blocker[] {
  const { from, to, old } = moving;
  const { timeline, streams, systemId } = next;
  if (timeline === null) return [];
  if (old.server.state === 'answers') {
    const theirs = old.server.timeline;
    if (theirs === null || theirs === timeline || (streams && !followsAnother(moving, next))) return [];
    return timeline < theirs
      ? [unlessForced('timeline', `${to} is behind: on timeline ${timeline}, and ${from} on ${theirs}`)]
      : [unlessForced('timeline', `${to} has forked: it is on timeline ${timeline}, and ${from} on ${theirs}`)];
  }
  const stored = bucket?.systemId === systemId ? bucket.timeline : null;
  if (stored === null || stored <= timeline) return [];
  return [unlessForced('timeline', `${to} is behind: on timeline ${timeline}, and the bucket has WAL of ${stored}`)];
}

function ofTheLag({ group, from, to, lag }: Moving): Blocker[] {
  if (!lag) return [];
  const { limits } = group;
  const than = lag.by === 'primary' ? `than ${from}` : 'than what is in the bucket';
  const bytes = (count: number | null, what: string): Blocker[] =>
    count === null || count <= limits.lagBytes
      ? []
      : [
          unlessForced(
            'lag',
            `${to} ${what} ${formatBytes(count)} less ${than}: ${formatBytes(limits.lagBytes)} may be missing`,
          ),
        ];
  const received = bytes(lag.lostBytes, 'has received');
  const late =
    lag.ms === null || lag.ms <= limits.lagMs
      ? []
      : [unlessForced('lag', `${to} is ${formatDuration(lag.ms)} behind: ${formatDuration(limits.lagMs)} are allowed`)];
  return [...(received.length > 0 ? received : bytes(lag.replayBytes, 'has replayed')), ...late];
}

const ofTheNames = ({ movables }: MoveFacts): Blocker[] =>
  movables
    .filter(({ part, problems }) => part === 'names' && problems.length > 0)
    .map(({ what, problems }) => unlessForced('names', `${what} cannot be put: ${oneLine(problems.join('; '), 300)}`));

/** In words, after the site's name. */
export function stateWords(facts: SiteFacts): string {
  const { server } = facts;
  switch (stateOf(facts)) {
    case 'primary':
      return 'answers as the primary';
    case 'standby':
      return 'answers as a standby';
    case 'fenced':
      return server.state === 'silent' ? `is fenced and does not answer: ${oneLine(server.why, 200)}` : 'is fenced';
    case 'silent':
      return `does not answer: ${server.state === 'silent' ? oneLine(server.why, 200) : ''}`;
    case 'absent':
      return 'has neither a server nor its files';
  }
}
