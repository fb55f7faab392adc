import type { Blocker, Moving } from '#failover/move-blockers';
import type { MoveFacts } from '#failover/move-facts';
import { stateOf } from '#failover/observe-primary';
import { formatDuration } from '#model/duration';

const oldProofMs = 35 * 86_400_000;
const mostWarnings = 8;

/** What stands in the way of nothing, and should be known before a yes; the gravest first. */
export function moveWarnings(described: {
  moving: Moving;
  facts: MoveFacts;
  against: readonly Blocker[];
  now: Date;
}): string[] {
  const { moving, facts, against, now } = described;
  const { mode } = moving;
  const refused = mode === 'rehearsal' ? against.map(({ why }) => `a failover would be refused: ${why}`) : [];
  const moves = mode === 'failover' || mode === 'switchover';
  const all = [
    ...refused,
    ...(moves ? ofTheServers(moving, facts) : []),
    ...ofTheMovables(moving, facts),
    ...ofTheBucket(facts, now),
  ];
  if (all.length <= mostWarnings) return all;
  return [...all.slice(0, mostWarnings - 1), `and ${all.length - mostWarnings + 1} more`];
}

function ofTheServers({ from, to, old, next, lag, restore }: Moving, { witnesses, standing }: MoveFacts): string[] {
  const gone = stateOf(old) !== 'primary';
  const seeing = gone ? witnesses.filter(({ says }) => says === 'there') : [];
  const replays = next.server.state === 'answers' && !next.server.streams && !gone;
  return [
    ...seeing.map(
      ({ what }) => `${what} sees the primary, and we do not: it may be the network between us and ${from}`,
    ),
    ...(!gone && next.server.state !== 'answers' && restore
      ? [`${from} answers, and would lose what is not stored`]
      : []),
    ...(replays ? [`${to} does not stream from ${from}`] : []),
    ...(lag && lag.lostBytes === null ? [`how far ${to} is behind is not known`] : []),
    ...(standing.known ? [] : [`what the watch has seen is not known: ${standing.why}`]),
  ];
}

function ofTheMovables({ to, mode }: Moving, { movables }: MoveFacts): string[] {
  const followed =
    mode === 'failover' || mode === 'switchover' ? movables.filter(({ part }) => part !== 'names') : movables;
  return [
    ...followed
      .filter(({ problems }) => problems.length > 0)
      .map(({ what, problems }) => `${what} cannot follow to ${to} now: ${problems.join('; ')}`),
    ...movables.flatMap(({ what, current, problems }) =>
      current.known || problems.length > 0 ? [] : [`${what} could not be read: ${current.why}`],
    ),
  ];
}

function ofTheBucket(facts: MoveFacts, now: Date): string[] {
  return [...ofTheProof(facts, now), ...ofTheCopy(facts), ...unknown('what the bucket has', facts.bucket)];
}

function ofTheProof({ proof, bucket }: MoveFacts, now: Date): string[] {
  if (bucket.known && bucket.value === null) return [];
  if (!proof.known) return unknown('whether a backup is proven', proof);
  if (proof.value === null) return ['no backup of it was ever proven by a drill'];
  const ageMs = now.getTime() - proof.value.at.getTime();
  return ageMs > oldProofMs ? [`the last drill that proved a backup is ${formatDuration(ageMs)} old`] : [];
}

function ofTheCopy({ replication }: MoveFacts): string[] {
  if (!replication.known) return unknown('whether the other region has all of the bucket', replication);
  if (replication.value === null) return [];
  const { here, there } = replication.value;
  if (here.manifests === there.manifests && here.newest === there.newest) return [];
  return [
    `the buckets differ: ${here.region} has ${here.manifests} backups (newest ${here.newest ?? 'none'}), ${there.region} ${there.manifests} (newest ${there.newest ?? 'none'})`,
  ];
}

const unknown = (what: string, fact: { known: boolean; why?: string }): string[] =>
  fact.known ? [] : [`${what} is not known: ${fact.why}`];
