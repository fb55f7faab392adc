import { formatDuration } from '#model/duration';
import type { Exposure } from '#model/exposure';
import type { Finding } from '#model/finding';
import { overdueBackups, type TakenBackup } from '#model/overdue';
import type { PostgresSource } from '#model/postgres-source';
import type { RtoForecast } from '#model/recovery-time';
import type { Standing } from '#model/standing';

/** Everything that was measured of a source a moment ago. */
export interface Measured {
  source: Pick<PostgresSource, 'name' | 'schedules' | 'tier'>;
  now: Date;
  watchedSince: Date;
  exposure: Exposure;
  /** ISO 8601: since when something may be lost; null: always */
  exposedSince: string | null;
  rto: RtoForecast | undefined;
  /** committed, oldest first */
  backups: readonly (TakenBackup & { backup: string })[];
  /** in the same order */
  standings: readonly Standing[];
  /** objects that were found damaged and still lie there */
  damaged: readonly { key: string; damage: readonly string[]; at: string }[];
  /** WAL is missing where recovery from the newest backup needs it */
  gap: { after: string; missing: string; next: string | null; since: string } | undefined;
  /** the server goes on, and nothing of it is stored since then */
  still: { since: string; storedTo: string | null; flushed: string } | undefined;
  /** why the server cannot be reached, and since when */
  unreachable: { since: string; why: string } | undefined;
}

/** What is not as it should be, out of what was measured. */
export function findingsOf(measured: Measured): Finding[] {
  return [
    ...damage(measured),
    ...broken(measured),
    ...gap(measured),
    ...unreachable(measured),
    ...still(measured),
    ...rpo(measured),
    ...rto(measured),
    ...overdue(measured),
    ...unproven(measured),
  ];
}

const toldOneByOne = 10;

function damage({ source: { name }, damaged }: Measured): Finding[] {
  const todo = `lifeboat verify --source ${name} --all, and if it is confirmed: lifeboat backup --source ${name} --type full`;
  const single = damaged.slice(0, toldOneByOne).map(
    ({ key, damage, at }): Finding => ({
      kind: 'damage',
      source: name,
      since: at,
      what: `${key} was read back and is not as it was written: ${damage.join('; ')}`,
      todo,
      dedupe: `damaged ${key}`,
    }),
  );
  const more = damaged.slice(toldOneByOne);
  if (more.length === 0) return single;
  const what = `${more.length} more objects are damaged, among them ${more[0]!.key}`;
  return [...single, { kind: 'damage', source: name, since: more[0]!.at, what, todo, dedupe: `damaged ${name} many` }];
}

function broken({ source: { name }, standings }: Measured): Finding[] {
  return standings
    .filter(({ state }) => state === 'broken')
    .map(({ backup, reason, since }) => ({
      kind: 'damage',
      source: name,
      since,
      what: `backup ${backup} is broken: ${reason}`,
      todo: `lifeboat backup --source ${name} --type full`,
      dedupe: `broken ${name} ${backup}`,
    }));
}

function gap({ source: { name }, gap }: Measured): Finding[] {
  if (!gap) return [];
  const next = gap.next === null ? '' : `, and there is WAL again from ${gap.next} on`;
  return [
    {
      kind: 'wal-gap',
      source: name,
      since: gap.since,
      what: `WAL is missing after ${gap.after} (segment ${gap.missing})${next}: nothing behind it can be reached from the backups before it`,
      todo: `lifeboat backup --source ${name} --type full`,
      dedupe: `gap ${name} ${gap.after}`,
    },
  ];
}

function unreachable({ source: { name }, unreachable }: Measured): Finding[] {
  if (!unreachable) return [];
  const { since, why } = unreachable;
  const what = `the server cannot be reached: ${why}`;
  return [
    { kind: 'server-unreachable', source: name, since, what, todo: 'lifeboat init --check', dedupe: `server ${name}` },
  ];
}

function still({ source: { name }, still, now }: Measured): Finding[] {
  if (!still) return [];
  const { since, storedTo, flushed } = still;
  const where = storedTo === null ? 'no WAL is stored' : `WAL is stored up to ${storedTo}`;
  return [
    {
      kind: 'receiver-still',
      source: name,
      since,
      what: `${where}, the server is at ${flushed}, and nothing was stored for ${age(since, now)}; the server keeps its WAL until its disk is full`,
      todo: 'see that `lifeboat up` runs, and what `lifeboat status` says of the receiver',
      dedupe: `receiver ${name}`,
    },
  ];
}

function rpo({ source: { name, tier }, exposure, exposedSince }: Measured): Finding[] {
  const { lossMs, reason } = exposure;
  if (!tier || (lossMs !== null && lossMs <= tier.rpoMs)) return [];
  const lost = lossMs === null ? 'everything' : `what was committed in the last ${formatDuration(lossMs)}`;
  return [
    {
      kind: 'rpo-above-tier',
      source: name,
      since: exposedSince,
      what: `if the server died now, ${lost} would be lost, promised are at most ${formatDuration(tier.rpoMs)}: ${reason}`,
      todo: lossMs === null ? `lifeboat backup --source ${name} --type full` : `lifeboat status --source ${name}`,
      dedupe: `rpo ${name}`,
    },
  ];
}

function rto({ source: { name, tier }, rto }: Measured): Finding[] {
  if (!tier || !rto || rto.ms <= tier.rtoMs) return [];
  return [
    {
      kind: 'rto-above-tier',
      source: name,
      since: null,
      what: `a recovery takes ${formatDuration(rto.ms)}, promised are at most ${formatDuration(tier.rtoMs)} (${rto.basis})`,
      todo: `take full backups more often, so that there is less WAL to replay, or use faster disks; measure with: lifeboat drill --source ${name}`,
      dedupe: `rto ${name}`,
    },
  ];
}

function overdue({ source: { name, schedules }, backups, watchedSince, now }: Measured): Finding[] {
  return overdueBackups({ schedules, backups, watchedSince, now }).map(({ type, dueAt, lastAt }) => {
    const last = lastAt ? `the last one that would do ended at ${lastAt.toISOString()}` : 'there is none';
    return {
      kind: 'backup-overdue',
      source: name,
      since: dueAt.toISOString(),
      what: `the ${type} backup that was due at ${dueAt.toISOString()} is not there: ${last}`,
      todo: `lifeboat backup --source ${name} --type ${type}`,
      dedupe: `overdue ${name} ${type}`,
    };
  });
}

const leastProvenWithinMs = 6 * 3_600_000;

/** The newest backup that had time enough, unless a newer one is proven. Broken ones are told as what they are. */
function unproven({ source: { name }, backups, standings, now, rto }: Measured): Finding[] {
  const allowedMs = Math.max(leastProvenWithinMs, 4 * (rto?.ms ?? 0));
  const old = backups.findLastIndex(({ finishedAt }) => now.getTime() - finishedAt.getTime() > allowedMs);
  const standing = standings[old];
  if (!standing || standings.slice(old).some(({ state }) => state === 'proven') || standing.state === 'broken')
    return [];
  const tried = standing.tried
    ? `; its drill at ${standing.tried.at} could not be carried out: ${standing.tried.why}`
    : '';
  const since = backups[old]!.finishedAt.toISOString();
  return [
    {
      kind: 'unproven',
      source: name,
      since,
      what: `backup ${standing.backup} is only ${standing.state} ${age(since, now)} after it was taken${tried}`,
      todo: `lifeboat drill --source ${name} ${standing.backup}`,
      dedupe: `unproven ${name}`,
    },
  ];
}

const age = (since: string, now: Date): string => formatDuration(Math.max(0, now.getTime() - Date.parse(since)));
