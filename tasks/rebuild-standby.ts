import { RebuildFailed } from '#failover/failures';
import { Failure } from '#model/failure';
import type { RebuildResult } from '#model/task-result';
import { standbySlot } from '#postgres/standby-settings';
import { lookAtSettled, takesNoWrites } from '#runtime/local-cluster';
import { openLocalRebuild } from './open-local-rebuild.ts';
import { RebuildFolder } from './rebuild-folder.ts';
import { type Rebuilt, rebuildLocal } from './rebuild-local.ts';
import type { LocalRebuild, RebuildWork } from './rebuild-work.ts';
import { askSite, dropStaleSlots, historyOf, type ServerSays } from './standby-primary.ts';

type Outcome = Pick<RebuildResult, 'how' | 'divergedAt' | 'keptAside' | 'rawBytes'>;

/**
 * Make the server of a site follow the primary at the other one. Nothing is touched unless that one answers as the primary, and
 * nothing at this site takes writes: a server that does is never rewound, replaced or stopped.
 * @throws RebuildFailed
 */
export async function rebuildStandby(work: RebuildWork): Promise<Outcome> {
  const { other, environment } = work;
  const primary = await askPrimary(work);
  const own = await askOwn(work);
  if (own?.role === 'primary') throw takesWrites(work, 'it answers as a primary');
  const history = await historyOf(other.server.connection, primary.timeline, environment);
  const follows = streamsFrom(work, primary, own);
  if (follows) forgetAttempt(work);
  const outcome = follows ? nothing : await rebuild(work, { ...primary, history }, own);
  await clearSlots(work);
  return outcome;
}

const nothing: Outcome = { how: 'nothing', divergedAt: null, keptAside: null, rawBytes: 0 };

async function askPrimary(work: RebuildWork): Promise<ServerSays> {
  const { other, environment, group } = work;
  const says = await askSite(other.server.connection, environment).catch((cause: unknown) => {
    throw noPrimary(work, `${other.name} does not answer: ${(cause as Error).message}`, cause);
  });
  if (says.role === 'primary') return says;
  throw noPrimary(work, `${other.name} has a standby`);

  function noPrimary({ site }: RebuildWork, what: string, cause?: unknown): RebuildFailed {
    return new RebuildFailed(`there is no primary of ${group.name} that ${site.name} could follow: ${what}`, {
      operation: 'rebuild standby',
      subject: group.name,
      hint: `a standby is made where the primary is not: move the primary first (lifeboat failover ${group.name})`,
      cause,
    });
  }
}

/** undefined: it does not answer, which says nothing yet. */
async function askOwn({ site, environment }: RebuildWork): Promise<ServerSays | undefined> {
  try {
    return await askSite(site.server.connection, environment);
  } catch (failure) {
    if (failure instanceof Failure) return undefined;
    throw failure;
  }
}

/** One that did not end; what it left would be taken for that of another day. */
function forgetAttempt({ site }: RebuildWork): void {
  const { control } = site.server;
  if (control.kind === 'local') new RebuildFolder(control.dataDir).remove();
}

const streamsFrom = ({ site }: RebuildWork, primary: ServerSays, own: ServerSays | undefined): boolean =>
  own?.systemId === primary.systemId &&
  own.streams?.slot === standbySlot(site.name) &&
  own.streams.timeline === primary.timeline;

async function rebuild(
  work: RebuildWork,
  primary: Parameters<typeof rebuildLocal>[1],
  own: ServerSays | undefined,
): Promise<Rebuilt> {
  const local = await openLocalRebuild(work, primary.major);
  await seeNoWrites(local, own);
  // a failover may have come in between: this is the last moment at which nothing has been touched
  const again = async () => {
    await work.holdNow();
    await askPrimary(work);
    await seeNoWrites(local, await askOwn(work));
  };
  return rebuildLocal(local, primary, again);
}

async function seeNoWrites(work: LocalRebuild, own: ServerSays | undefined): Promise<void> {
  if (own?.role === 'primary') throw takesWrites(work, 'it answers as a primary');
  const cluster = await lookAtSettled(work.dataDir);
  const inPlace = work.folder.read();
  if (cluster && !takesNoWrites(cluster) && !(inPlace?.phase === 'restoring' && cluster.processes.length === 0)) {
    throw takesWrites(
      work,
      cluster.processes.length > 0 ? 'it runs' : 'it is stopped, and whoever starts it gets a primary',
    );
  }
  if (!cluster && own) throw takesWrites(work, `it answers, and has no files in ${work.dataDir}`);
}

const takesWrites = ({ site, group }: RebuildWork, what: string): RebuildFailed =>
  new RebuildFailed(`the server at ${site.name} is not fenced, and was not touched: ${what}`, {
    operation: 'rebuild standby',
    subject: group.name,
    hint: 'find out which of the two is the right one; the other has to be fenced first (stopped, with standby.signal)',
  });

/** Of the time when this site had the primary: they would keep its WAL for good. */
async function clearSlots({ site, other, source, environment, log }: RebuildWork): Promise<void> {
  try {
    const { dropped, left } = await dropStaleSlots(site, [standbySlot(other.name), source.slot], environment);
    if (dropped.length > 0) log.info('slots that nobody needs at a standby are dropped', { slots: dropped });
    if (left.length > 0) log.warn('slots at the standby keep WAL until somebody drops them', { slots: left });
  } catch (failure) {
    log.warn('the slots at the standby could not be looked at', { why: (failure as Error).message });
  }
}
