import { existsSync, readFileSync, renameSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { chooseRebuild, type RebuildChoice, timelineOf } from '#failover/choose-rebuild';
import { RebuildFailed } from '#failover/failures';
import { formatLsn, lsn } from '#model/lsn';
import { historyFileName, parseHistory, type Timeline, type TimelineHistory } from '#model/timeline';
import type { ControlFile } from '#postgres/control-file';
import { primaryConninfo, type StandbySettings, standbySettings } from '#postgres/standby-settings';
import { shellCommand } from '#recovery/settings';
import { endProgramsOn } from '#runtime/end-programs';
import { readControlFile } from '#runtime/read-control-file';
import { startArguments } from '#runtime/start-arguments';
import { stopLocalServer } from '#runtime/stop-local-server';
import { lifeboatWords } from '#runtime/this-process';
import { configureStandby } from './configure-standby.ts';
import { replaceDurably, syncFileSystem, syncFolder } from './durably.ts';
import { followPrimary } from './follow-primary.ts';
import { keepDiverged } from './keep-diverged.ts';
import { keepSettings, putBackFile, putBackSettings } from './own-settings.ts';
import { writeConnectionFiles } from './password-beside.ts';
import type { RebuildState } from './rebuild-folder.ts';
import type { LocalRebuild } from './rebuild-work.ts';
import { receivedBeyond, takeBackReceived } from './received-beyond.ts';
import { slotFor, withReservedWal } from './reserved-wal.ts';
import { restoreStandby } from './restore-standby.ts';
import { hasRewind, type Rewind, rehearseRewind, rewind } from './rewind.ts';
import { settleCrashed } from './settle-crashed.ts';
import { checkpointed, newerHistories, type ServerSays } from './standby-primary.ts';

export type Rebuilt = Pick<RebuildState, 'how' | 'divergedAt' | 'keptAside' | 'rawBytes'>;

/**
 * Make the files of a fenced server follow the primary, the cheapest way that leads there. Until they do, nobody can start
 * anything but a standby from them: standby.signal lies in them, or they do not lie in their place. `lookAgain`: refuses where
 * by now the server may not be stopped.
 */
export async function rebuildLocal(
  work: LocalRebuild,
  primary: ServerSays & { history: TimelineHistory },
  lookAgain: () => Promise<void>,
): Promise<Rebuilt> {
  const { other, site, environment, log } = work;
  const slot = slotFor(other.server.connection, site.name, environment);
  return withReservedWal({ slot, log }, () => rebuildReserved(work, primary, lookAgain));
}

async function rebuildReserved(
  work: LocalRebuild,
  primary: ServerSays & { history: TimelineHistory },
  lookAgain: () => Promise<void>,
): Promise<Rebuilt> {
  const { dataDir, folder, other, site, environment, account, signal } = work;
  const settings: StandbySettings = {
    primary: other.server.connection,
    ...(await writeConnectionFiles(other.server.connection, dataDir, { environment, account })),
    site: site.name,
    restoreCommand: shellCommand(fetchWords(work, primary.systemId), '%f %p'),
  };
  await lookAgain();
  await stopLocalServer(dataDir, patience, signal);
  await endProgramsOn('pg_rewind', folder.rewinding);
  const begun = await resume(work);
  const rebuild: Rebuild = { work, primary, settings, state: begun.state };
  if (begun.way === 'whole') return await followOrRestore(rebuild);
  if (begun.way === 'restore' || !existsSync(join(dataDir, 'PG_VERSION'))) return await restore(rebuild, begun.why);
  // without a state they are of a restore as the primary, which has not yet put them back
  keepSettings(dataDir, folder.settings, { own: folder.read() !== undefined });
  folder.write(rebuild.state);
  const choice = await choose(rebuild);
  if (choice.how === 'restored') return await restore(rebuild, choice.why);
  if (choice.how === 'followed') await leadToPrimary(rebuild, choice);
  await configureStandby(dataDir, standbySettings(settings), account);
  return choice.how === 'followed' ? await followOrRestore(rebuild) : await rewindOrRestore(rebuild, choice);
}

interface Rebuild {
  work: LocalRebuild;
  primary: ServerSays & { history: TimelineHistory };
  settings: StandbySettings;
  state: RebuildState;
}

const patience = { fastMs: 300_000, immediateMs: 6_000 };

const fetchWords = ({ planPath, source }: LocalRebuild, systemId: string): string[] => [
  ...lifeboatWords(),
  ...['wal-fetch', '--plan', planPath, '--source', source.name, '--system-id', systemId],
];

/** What an attempt that was killed has left, put in order. */
async function resume({ dataDir, folder, now, log }: LocalRebuild): Promise<{
  state: RebuildState;
  way: 'choose' | 'whole' | 'restore';
  why: string;
}> {
  const fresh: RebuildState = { phase: 'begun', how: 'followed', divergedAt: null, keptAside: null, rawBytes: 0 };
  const state = folder.read() ?? fresh;
  const away = existsSync(folder.rewinding);
  if (state.phase === 'rewinding' && away) {
    const half = `${dataDir}.half-rewound-${now()
      .toISOString()
      .replace(/[-:]|\.\d+/g, '')}`;
    renameSync(folder.rewinding, half);
    log.warn('an attempt was killed while it rewound: files that are half rewound are no cluster', { kept: half });
    return { state, way: 'restore', why: 'it was half rewound' };
  }
  if (state.phase === 'whole' && !away && (await wasPrimarySince(dataDir))) {
    log.warn('an attempt that did not end is of a time before it was the primary, and counts no more', { ...state });
    folder.remove();
    return { state: fresh, way: 'choose', why: '' };
  }
  if (state.phase === 'whole') {
    if (away) backInPlace(folder.rewinding, dataDir);
    return { state, way: 'whole', why: '' };
  }
  if (state.phase === 'restoring') return { state, way: 'restore', why: 'it was half restored' };
  const keptAside = isKept(dataDir, state.keptAside) ? state.keptAside : null;
  return { state: { ...state, phase: 'begun', keptAside }, way: 'choose', why: 'there is no cluster' };
}

/** What was made whole recovers, or has yet to begin with that by its backup_label; it is no primary, and was none. */
async function wasPrimarySince(dataDir: string): Promise<boolean> {
  const control = await readControlFile(dataDir);
  if (!control || existsSync(join(dataDir, 'backup_label'))) return false;
  return control.state !== 'in archive recovery' && control.state !== 'shut down in recovery';
}

/** Whether what was kept is of the files as they are: what they wrote since, nobody has kept. */
function isKept(dataDir: string, keptAside: string | null): boolean {
  const kept = keptAside === null ? undefined : join(keptAside, 'pg_control');
  const own = join(dataDir, 'global', 'pg_control');
  return kept !== undefined && existsSync(kept) && existsSync(own) && readFileSync(kept).equals(readFileSync(own));
}

function backInPlace(from: string, dataDir: string): void {
  renameSync(from, dataDir);
  syncFolder(dirname(dataDir));
}

async function choose({ work, primary }: Rebuild): Promise<Exclude<RebuildChoice, { how: 'settled first' }>> {
  const { dataDir, folder, onProgress, log } = work;
  const look = async () => {
    const control = (await readControlFile(dataDir))!;
    if (control.systemIdentifier !== primary.systemId) throw foreign(work, control, primary);
    return chooseRebuild(control, historyIn(dataDir, timelineOf(control)), primary.history);
  };
  const first = await look();
  if (first.how !== 'settled first') return first;
  onProgress('settle');
  try {
    await settleCrashed({
      ...work,
      configFile: await configFileOf(dataDir),
      onLog: (line) => /FATAL|PANIC/.test(line) && log.info('server', { line }),
    });
  } catch (failure) {
    if (!(failure instanceof RebuildFailed)) throw failure;
    return { how: 'restored', why: failure.message };
  } finally {
    putBackFile(folder.settings, dataDir, 'postmaster.opts', work.account);
  }
  const second = await look();
  return second.how === 'settled first' ? { how: 'restored', why: 'it does not come to the end of its WAL' } : second;
}

/** As far as the server knows itself. */
function historyIn(dataDir: string, timeline: Timeline): TimelineHistory {
  const path = join(dataDir, 'pg_wal', historyFileName(timeline));
  return existsSync(path) ? parseHistory(timeline, readFileSync(path, 'utf8')) : { timeline, ancestors: [] };
}

async function configFileOf(dataDir: string): Promise<string | undefined> {
  const named = (await startArguments(dataDir)).find((word) => word.startsWith('config_file='));
  return named?.slice('config_file='.length);
}

/** From the fork on it has to see the primary's timeline, and nothing of the one that it was on. */
async function leadToPrimary(rebuild: Rebuild, { left }: RebuildChoice & { how: 'followed' }): Promise<void> {
  const { work, primary } = rebuild;
  const { dataDir, other, environment, account, log } = work;
  const control = (await readControlFile(dataDir))!;
  const about = { own: timelineOf(control), history: primary.history };
  for (const { name, content } of await newerHistories(other.server.connection, about, environment))
    replaceDurably(join(dataDir, 'pg_wal', name), content.toString('utf8'), account);
  if (!left) return;
  const received = { dataDir, ...left, segmentSize: control.walSegmentSizeBytes };
  const end = receivedBeyond(received);
  if (end === undefined) return;
  log.info('it has received WAL that the primary left before it, and never replayed it', { left: formatLsn(left.at) });
  await keepAside(rebuild, { how: 'rewound', divergedAt: left.at, timeline: left.timeline, end: lsn(end - 1n) });
  save(rebuild, 'begun', 'followed');
  takeBackReceived(received);
}

async function rewindOrRestore(rebuild: Rebuild, choice: RebuildChoice & { how: 'rewound' }): Promise<Rebuilt> {
  const { work, settings } = rebuild;
  const { dataDir, folder, binDir } = work;
  if (!hasRewind(binDir)) {
    rebuild.state = { ...rebuild.state, divergedAt: formatLsn(choice.divergedAt) };
    return await restore(rebuild, `there is no pg_rewind in ${binDir}`);
  }
  const asked: Rewind = {
    ...work,
    configFile: await configFileOf(dataDir),
    conninfo: primaryConninfo(settings),
    onBytes: (doneBytes, totalBytes) => work.onProgress('rewind', doneBytes, totalBytes),
  };
  const { other, environment } = work;
  const checkpoint = await checkpointed(other.server.connection, rebuild.primary, environment);
  if (!checkpoint.done)
    work.log.warn('the primary has made no checkpoint since its promotion', { why: checkpoint.why });
  const rehearsed = await rehearseRewind({ ...asked, onBytes: () => undefined });
  if (!rehearsed.done) {
    rebuild.state = { ...rebuild.state, divergedAt: formatLsn(choice.divergedAt) };
    return await restore(rebuild, rehearsed.why);
  }
  await keepAside(rebuild, choice);
  save(rebuild, 'rewinding', 'rewound');
  moveAway(work);
  const rewound = await rewind({ ...asked, dataDir: folder.rewinding });
  if (!rewound.done) return await restore({ ...rebuild, ...(await resume(work)) }, rewound.why);
  rebuild.state.rawBytes = rewound.bytes;
  putBackSettings(folder.settings, folder.rewinding, work.account);
  await configureStandby(folder.rewinding, standbySettings(settings), work.account);
  syncFileSystem(folder.rewinding);
  save(rebuild, 'whole', 'rewound');
  backInPlace(folder.rewinding, dataDir);
  return await follow(rebuild);
}

/** Once: what an attempt that was killed has kept is the same. */
async function keepAside(rebuild: Rebuild, { divergedAt, timeline, end }: RebuildChoice & { how: 'rewound' }) {
  const { work, state } = rebuild;
  if (state.keptAside !== null && existsSync(state.keptAside)) return;
  work.onProgress('keep aside');
  const control = (await readControlFile(work.dataDir))!;
  const { path, bytes } = keepDiverged({
    ...{ dataDir: work.dataDir, site: work.site.name, divergedAt, timeline, end, now: work.now() },
    ...{ systemId: control.systemIdentifier, segmentSize: control.walSegmentSizeBytes },
    lastTimeline: timelineOf(control),
  });
  rebuild.state = { ...state, divergedAt: formatLsn(divergedAt), keptAside: path };
  work.log.info('what only this server has is kept aside', { path, bytes, divergedAt: formatLsn(divergedAt) });
}

/** Out of its place, so that nobody can start it as long as it is no cluster. */
function moveAway({ dataDir, folder }: LocalRebuild): void {
  try {
    renameSync(dataDir, folder.rewinding);
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    throw new RebuildFailed(`${dataDir} cannot be moved to ${folder.rewinding}: ${code}`, {
      operation: 'rebuild standby',
      subject: dataDir,
      hint: 'a mount point cannot be renamed: let the data directory be a folder inside it',
      cause,
    });
  }
  syncFolder(dirname(dataDir));
}

function save(rebuild: Rebuild, phase: RebuildState['phase'], how: RebuildState['how']): void {
  rebuild.state = { ...rebuild.state, phase, how };
  rebuild.work.folder.write(rebuild.state);
}

async function restore(rebuild: Rebuild, why: string): Promise<Rebuilt> {
  const { work, primary, settings } = rebuild;
  work.log.info('it is restored from the bucket', { why });
  const resumed = rebuild.state.phase === 'restoring';
  if (existsSync(work.dataDir) && !resumed)
    keepSettings(work.dataDir, work.folder.settings, { own: work.folder.read() !== undefined });
  const begin = () => save(rebuild, 'restoring', 'restored');
  const { rawBytes, setAside } = await restoreStandby(work, { primary, why, resumed, begin });
  rebuild.state = { ...rebuild.state, rawBytes, keptAside: rebuild.state.keptAside ?? setAside };
  await configureStandby(work.dataDir, standbySettings(settings), work.account);
  syncFileSystem(work.dataDir);
  save(rebuild, 'whole', 'restored');
  return await follow(rebuild);
}

async function followOrRestore(rebuild: Rebuild): Promise<Rebuilt> {
  const { work } = rebuild;
  try {
    return await follow(rebuild);
  } catch (failure) {
    if (!(failure instanceof OnAnotherWay)) throw failure;
    await stopLocalServer(work.dataDir, patience, work.signal);
    return await restore(rebuild, failure.message);
  }
}

async function follow({ work, primary, state }: Rebuild): Promise<Rebuilt> {
  const { dataDir, folder } = work;
  const followed = await followPrimary(work, primary);
  if (!followed.streams) throw new OnAnotherWay(followed.why, { operation: 'rebuild standby', subject: dataDir });
  folder.remove();
  const { how, divergedAt, keptAside, rawBytes } = state;
  return { how, divergedAt, keptAside, rawBytes };
}

/** Its timeline is not the primary's, though it looked so. */
class OnAnotherWay extends RebuildFailed {
  override name = 'RebuildFailed';
}

const foreign = ({ dataDir, site }: LocalRebuild, control: ControlFile, primary: ServerSays): RebuildFailed =>
  new RebuildFailed(
    `${dataDir} at ${site.name} is of system ${control.systemIdentifier}, the primary is ${primary.systemId}: nothing was touched`,
    {
      operation: 'rebuild standby',
      subject: dataDir,
      hint: 'it is another cluster: move it away, or correct the plan',
    },
  );
