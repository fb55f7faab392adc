import { generationsOf } from '#model/keep-generations';
import { isLost, type ManagedSnapshot } from '#model/managed-facts';
import type { ManagedSource } from '#model/managed-source';
import { snapshotOwner } from '#model/own-snapshot';
import type { RetentionRules } from '#model/retention-rules';
import type { GoneSnapshot, SnapshotExpiry, SnapshotRule } from '#model/snapshot-expiry';

/** Everything that decides which snapshots of a database may go. */
export interface SnapshotFacts {
  source: Pick<ManagedSource, 'name' | 'database'>;
  /** days, weeks, months and years are those of this zone */
  timezone: string;
  /** the ARN of the execution that asks */
  execution: string;
  /** all snapshots of the database in each region that has some; one that is listed twice counts once */
  places: readonly SnapshotPlace[];
  /** the plans that people are asked to approve, as they are shown */
  asked: readonly string[];
  /** what our restores are making now in the first of the places */
  making: readonly string[];
}

export interface SnapshotPlace {
  region: string;
  snapshots: readonly ManagedSnapshot[];
}

/**
 * Which snapshots of ours stay, and which go. In each region by itself: those of the window and the newest before it,
 * generations, and the newest one that is available, always. What RDS does not call available keeps nothing and does not
 * go. A copy stands in for the instant of its original.
 *
 * By a purge, which has a reason, all go that nothing but these rules kept.
 *
 * Deleting what is being copied ends the copy: https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_DeleteDBSnapshot.html
 */
export function planSnapshots(
  facts: SnapshotFacts,
  rules: RetentionRules,
  now: Date,
  purge?: { reason: string },
): SnapshotExpiry {
  const { source, timezone, places } = facts;
  const windowStart = new Date(now.getTime() - rules.windowDays * dayMs);
  const keeps: SnapshotExpiry['keeps'] = [];
  const goes: GoneSnapshot[] = [];
  for (const { region, ours } of places.map((place) => ownPoints(place, facts))) {
    const kept = keep(ours, { facts, region, rules, windowStart, now, isPurge: purge !== undefined });
    for (const point of ours) {
      const { id: snapshot, arn, sizeGiB } = point.snapshot;
      const at = point.at?.toISOString() ?? null;
      const by = [...(kept.get(point) ?? [])];
      // what RDS does not say the instant of is not available
      if (by.length > 0 || at === null) keeps.push({ snapshot, region, at, rules: by });
      else {
        const why = purge ? 'everything of its source is purged' : whyGone(rules);
        goes.push({ snapshot, region, at, arn, sizeGiB, why });
      }
    }
  }
  return {
    format: 'lifeboat-snapshot-expiry/1',
    source: source.name,
    at: now.toISOString(),
    ...(purge && { purge: true, reason: purge.reason }),
    rules,
    timezone,
    windowStart: windowStart.toISOString(),
    keeps,
    goes,
    notes: [...notesOf(facts), ...(purge ? [ofRds] : [])],
  };
}

interface Point {
  id: string;
  snapshot: ManagedSnapshot;
  at: Date | undefined;
  state: 'committed';
}
type Dated = Point & { at: Date };

const dayMs = 24 * 3600 * 1000;

/** An execution of rds-snapshot ends after two days at the latest (statemachines/rds-snapshot.asl.json). */
const atWorkMs = 2 * dayMs;

/** Oldest first. Copies of a cluster's snapshots tell when they were copied, so they have the instant of their original where that is. */
function ownPoints({ region, snapshots }: SnapshotPlace, { source, execution, places }: SnapshotFacts) {
  const known = new Map(snapshots.map((one) => [one.id, one]));
  const ours = [...known.values()].filter((one) => snapshotOwner(source, one, execution) === 'ours');
  const points = ours.map((snapshot): Point => {
    const all = places.flatMap((place) => place.snapshots).filter(({ id }) => id === snapshot.id);
    const instants = all.flatMap(({ createdAt }) => (createdAt ? [createdAt.getTime()] : []));
    const at = snapshot.createdAt && new Date(Math.min(...instants));
    return { id: snapshot.id, snapshot, at, state: 'committed' };
  });
  return { region, ours: points.sort((a, b) => Number(a.at ?? 0) - Number(b.at ?? 0)) };
}

interface Keeping {
  facts: SnapshotFacts;
  region: string;
  rules: RetentionRules;
  windowStart: Date;
  now: Date;
  isPurge: boolean;
}

function keep(ours: readonly Point[], keeping: Keeping) {
  const { facts, region, now, isPurge } = keeping;
  const kept = new Map<Point, Set<SnapshotRule>>();
  const add = (point: Point | undefined, rule: SnapshotRule) => {
    if (point) kept.set(point, (kept.get(point) ?? new Set()).add(rule));
  };
  const good = ours.filter((point): point is Dated => point.snapshot.status === 'available' && point.at !== undefined);
  if (!isPurge) keepByRules(good, keeping, add);
  const isHome = region === facts.places[0]?.region;
  for (const point of ours) {
    const { snapshot } = point;
    if (!good.some((one) => one === point)) add(point, 'not available');
    if (snapshot.tags['lifeboat:hold'] !== undefined) add(point, 'held');
    if (facts.asked.some((plan) => plan.includes(snapshot.id))) add(point, 'asked about');
    if (isHome && facts.making.length > 0) add(point, 'restored from');
    if (isCopied(snapshot, region, facts)) add(point, 'copied');
    if (point.at && now.getTime() - point.at.getTime() < atWorkMs) add(point, 'too young');
  }
  return kept;
}

function keepByRules(
  good: readonly Dated[],
  { facts, rules, windowStart }: Keeping,
  add: (point: Point | undefined, rule: SnapshotRule) => void,
): void {
  add(
    good.findLast(({ at }) => at <= windowStart),
    'window',
  );
  for (const point of good) if (point.at > windowStart) add(point, 'window');
  for (const [point, generations] of generationsOf(good, rules, facts.timezone))
    for (const generation of generations) add(point, generation);
  add(good.at(-1), 'newest');
}

/** By anybody, as far as the regions that are looked at tell. */
const isCopied = ({ id, arn }: ManagedSnapshot, own: string, { places }: SnapshotFacts): boolean =>
  places.some(({ region, snapshots }) =>
    snapshots.some(
      (one) =>
        one.status !== 'available' && !isLost(one.status) && (one.copyOf === arn || (one.id === id && region !== own)),
    ),
  );

function whyGone({ windowDays, daily, weekly, monthly, yearly }: RetentionRules): string {
  const older = `older than the window of ${windowDays}d`;
  return daily + weekly + monthly + yearly > 0 ? `${older}, and of no generation` : older;
}

const ofRds = "what RDS keeps by itself (automated backups) stays: that is the database's own setting";

function notesOf({ source, execution, places, making }: SnapshotFacts): string[] {
  const foreign = places
    .flatMap(({ region, snapshots }) => snapshots.map((one) => ({ region, one })))
    .filter(({ one }) => snapshotOwner(source, one, execution) === 'another stack');
  return [
    ...(making.length > 0
      ? [`nothing goes in ${places[0]!.region}, since ${making.join(', ')} is being made, maybe of a snapshot`]
      : []),
    ...(foreign.length > 0
      ? [
          `${foreign.map(({ region, one }) => `${one.id} in ${region}`).join(', ')} ${foreign.length === 1 ? 'stays: another stack has made it' : 'stay: another stack has made them'}`,
        ]
      : []),
  ];
}
