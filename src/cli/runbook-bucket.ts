import { committedBackups } from '#catalog/backups';
import { readDumpCatalog } from '#catalog/dumps';
import { type MeasuredExposure, readExposure } from '#catalog/exposure';
import { readManaged } from '#catalog/managed';
import { readStanding } from '#catalog/standing';
import { askingNow, runningNow } from '#cli/asking-now';
import type { CommandContext } from '#cli/command';
import { questionHead } from '#cli/describe-question';
import { describeLastDump, lastDump } from '#cli/last-dump';
import { formatDuration } from '#model/duration';
import type { Exposure } from '#model/exposure';
import type { ManagedSource } from '#model/managed-source';
import { oneLine } from '#model/plain-text';
import type { PostgresSource, Tier } from '#model/postgres-source';
import { openStoreAt } from '#runtime/open-bucket';
import type { ObjectStore } from '#store/object-store';

/** What a runbook has of the bucket. */
export interface BucketSays {
  lines: string[];
  /** of the newest backup */
  server?: { major: number; superuser: string };
  /** the newest good one with rows */
  dump?: string;
}

/** Nobody waits for a bucket that does not answer. */
const patienceMs = 3_000;
/** Nor for who runs the plan: what the bucket says is shown all the same. */
const runningMs = 1_500;

/** What it says at this moment of one source; within seconds, whether it answers or not. `state`: --state, as given */
export async function askBucket(
  source: PostgresSource | ManagedSource,
  state: string | undefined,
  context: CommandContext,
): Promise<BucketSays> {
  const answer = Promise.withResolvers<BucketSays>();
  const late = silent(`it does not answer within ${formatDuration(patienceMs)}`);
  const patience = setTimeout(answer.resolve, patienceMs, late);
  read(source, state, context).then(answer.resolve, (failure: Error) => answer.resolve(silent(failure.message)));
  return answer.promise.finally(() => clearTimeout(patience));
}

const silent = (why: string): BucketSays => ({
  lines: [`The bucket cannot be asked: ${why}. What follows is made of the plan and the machines alone.`],
});

async function read(
  source: PostgresSource | ManagedSource,
  state: string | undefined,
  context: CommandContext,
): Promise<BucketSays> {
  const store = await openStoreAt((await context.plan()).bucket, context.environment);
  const now = context.now();
  const [own, dump, { dumps }, questions] = await Promise.all([
    source.kind === 'rds' ? ofDatabase(source, store, now) : ofServer(source, store, now),
    lastDump(store, source.name),
    readDumpCatalog(store, source.name),
    runningNow(context, state, runningMs).then((running) => askingNow(store, now, running)),
  ]);
  const good = dumps.findLast(({ kind, state }) => kind === 'dump' && state !== 'broken');
  const asked = questions
    .filter((question) => question.source === source.name)
    .map((question) => {
      const { execution, planHash, requestedBy, expiresAt } = question;
      const { head, whole } = questionHead(question, { before: '', behind: '' });
      return `Open question: ${execution.split(':').at(-1)}, plan ${planHash.slice(0, 12)}, asked by ${oneLine(requestedBy)}, until ${expiresAt}: ${head.join('; ')}. All of it: ${whole}`;
    });
  const told = describeLastDump(dump, now).map((line) => `Last dump: ${line.trim().replace(/^dump +/, '')}.`);
  return {
    ...own,
    lines: [
      ...own.lines,
      ...(told.length === 0 ? ['Last dump: none.'] : told),
      ...(asked.length === 0 ? ['Open questions: none.'] : asked),
    ],
    ...(good ? { dump: good.dump } : {}),
  };
}

async function ofServer({ name, tier }: PostgresSource, store: ObjectStore, now: Date): Promise<BucketSays> {
  const [backups, measured] = await Promise.all([committedBackups(store, name), readExposure(store, name)]);
  const { backups: standings } = await readStanding(store, name, backups);
  const proven = standings.findLast(({ state }) => state === 'proven');
  const server = backups.at(-1)?.server;
  return {
    lines: [
      proven
        ? `Newest proven backup: ${proven.backup}, ${ageOf(proven.since!, now)} ago: ${proven.reason}.`
        : `NO BACKUP IS PROVEN. There are ${backups.length}: ${standings.at(-1)?.backup ?? 'none'} is the newest.`,
      describeWindow(measured?.summary?.window ?? undefined, measured?.at, now),
      describeLoss(measured, tier),
      describeTime(measured, tier),
    ],
    ...(server ? { server: { major: server.major, superuser: server.superuser } } : {}),
  };
}

async function ofDatabase({ name, tier }: ManagedSource, store: ObjectStore, now: Date): Promise<BucketSays> {
  const watched = await readManaged(store, name);
  const newest = watched?.snapshots.at(-1);
  return {
    lines: [
      `RDS: ${watched ? `${watched.database} is ${watched.status ?? 'GONE, OR NOBODY KNOWS'}` : 'nobody has looked yet'}.`,
      newest
        ? `Newest snapshot: ${newest.id}, ${newest.createdAt ?? 'being made'}${newest.copiedTo ? `, copied to ${newest.copiedTo}` : ''}.`
        : 'NO SNAPSHOTS.',
      describeWindow(watched?.window ?? undefined, watched?.at, now),
      describeLoss(watched, tier),
    ],
  };
}

const ageOf = (instant: string, now: Date): string => formatDuration(Math.max(0, now.getTime() - Date.parse(instant)));

function describeWindow(window: { from: string; to: string } | undefined, at: string | undefined, now: Date): string {
  if (at === undefined) return 'Window: nothing was measured yet; `lifeboat window` tells.';
  const known = `as measured ${ageOf(at, now)} ago`;
  return window
    ? `Window: any instant from ${window.from} to ${window.to}, ${known}.`
    : `Window: NOTHING CAN BE RESTORED, ${known}.`;
}

function describeLoss(measured: Pick<Exposure, 'lossMs' | 'reason'> | undefined, tier: Tier | undefined): string {
  if (!measured) return 'Lost if it died now (RPO): not measured yet.';
  const loss = measured.lossMs === null ? 'EVERYTHING' : formatDuration(measured.lossMs);
  return `Lost if it died now (RPO): ${loss}${promised(tier?.rpoMs, measured.lossMs)}: ${measured.reason}.`;
}

function describeTime(measured: MeasuredExposure | undefined, tier: Tier | undefined): string {
  const rto = measured?.rto;
  if (!rto)
    return 'Time to restore (RTO): not measured yet, since there was no drill. Last drill: none that went well.';
  return `Time to restore (RTO): ${formatDuration(rto.ms)}${promised(tier?.rtoMs, rto.ms)} (${rto.basis}). Last good drill: ${rto.newestDrillAt}.`;
}

function promised(ms: number | undefined, measuredMs: number | null): string {
  if (ms === undefined) return '';
  const kept = measuredMs !== null && measuredMs <= ms;
  return `, promised ${formatDuration(ms)} at most${kept ? '' : ' AND NOT KEPT'}`;
}
