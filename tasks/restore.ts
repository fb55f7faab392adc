import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chownSync } from 'node:fs';
import { join } from 'node:path';
import { CheckFailed, RestoreFailed } from '#model/failure';
import type { Manifest } from '#model/manifest';
import { isS3Url } from '#model/plan';
import type { Check } from '#model/postgres-source';
import { checkReplaySettings } from '#model/replay-settings';
import type { RestoreRecord } from '#model/task-result';
import type { Account } from '#postgres/server-process';
import { configureRecovery } from '#recovery/configure';
import type { Vault } from '#recovery/open-backup';
import type { RecoveryPlan } from '#recovery/recovery-plan';
import { releaseControlFile, restoreChain } from '#recovery/restore-chain';
import type { RestoreLayout } from '#recovery/restore-layout';
import { checkPlaces, clearPlaces, releaseTablespaces, type SetAside, takePlaces } from '#recovery/restore-place';
import { recordName, writeRecord } from '#recovery/restore-record';
import { thisProcess } from '#runtime/this-process';
import { checkPrograms } from './check-programs.ts';
import { PartWorkers } from './part-workers.ts';
import { PhaseClock } from './phase-clock.ts';
import { startRestored } from './start-restored.ts';

export interface RestoreWork {
  vault: Vault;
  /** where the vault's store is, for the worker threads, which open it themselves */
  location: string;
  environment: Readonly<Record<string, string | undefined>>;
  plan: RecoveryPlan;
  planHash: string;
  /** the plan's chain, the full backup first */
  chain: readonly Manifest[];
  layout: RestoreLayout;
  setAside: boolean;
  /** who shall own the cluster and run its server, where that is somebody else than we are */
  account?: Account;
  /** the server programs; undefined: lay down files and settings only */
  binDir: string | undefined;
  /** settings for this replay only */
  settings: Record<string, string>;
  /** with %f and %p */
  restoreCommand: string;
  /** Tries to fetch WAL as the server will. @throws RestoreFailed when its account cannot */
  checkFetch(): Promise<void>;
  checks: readonly Check[];
  workers: number;
  requestedBy: string;
  approvedBy: string | null;
  execution: string | null;
  now: () => Date;
  signal: AbortSignal;
  /** measures it; begun here where it is not given */
  clock?: PhaseClock;
  onProgress(progress: RestoreProgress): void;
  /** a log line of the restored server */
  onLog(line: string): void;
}

export type RestoreProgress =
  | { phase: 'files'; doneBytes: number; totalBytes: number }
  | { phase: 'replay'; fetchedFiles: number; totalFiles: number }
  | { phase: 'checks' | 'pages' };

export type { RestoreRecord };

/** A line of the restored server's log that tells what went wrong: the rest is noise to whoever waits. */
export const isTrouble = (line: string): boolean =>
  /\b(FATAL|PANIC|ERROR|WARNING): {2}(?!the database system is starting up)|^lifeboat: |^HINT: /.test(line);

/**
 * Carry out a recovery plan. Refuses before anything is touched; what fails before the cluster could be started is
 * cleared away; what fails afterwards is kept for a look.
 * @throws InputInvalid, RestoreFailed, ObjectDamaged, ObjectMissing, KeyUnusable, CheckFailed
 */
export async function restore(work: RestoreWork): Promise<RestoreRecord> {
  const record = await restoreCluster(work);
  throwFailedChecks(record);
  return record;
}

/** The same, but a check that failed is only told in the record. */
export async function restoreCluster(work: RestoreWork): Promise<RestoreRecord> {
  const { layout, plan } = work;
  checkReplaySettings(Object.keys(work.settings));
  const places = [layout.dataDir, ...layout.tablespaces.values()];
  const startedAt = work.now();
  const options = {
    setAside: work.setAside,
    neededBytes: work.chain[0]!.rawBytes,
    now: startedAt,
    untouchable: isS3Url(work.location) ? [] : [work.location],
    restorer: { ...thisProcess(), ...(work.execution === null ? {} : { execution: work.execution }) },
  };
  if (work.binDir !== undefined) {
    await checkPrograms(work.binDir, plan.major);
    await work.checkFetch();
  }
  checkPlaces(places, options);
  const aside = takePlaces(places, options);
  const clock = work.clock ?? new PhaseClock();
  clock.begin('files');
  try {
    if (work.account) for (const place of places) chownSync(place, work.account.uid, work.account.gid);
    await layDown(work);
    const { restoreCommand } = work;
    const { stop, inclusive, timeline, action } = plan;
    configureRecovery(layout.dataDir, { restoreCommand, point: stop, inclusive, timeline, action }, work.account);
    releaseTablespaces(places);
    await syncToDisk(places);
    releaseControlFile(layout.dataDir);
    await syncToDisk([layout.dataDir]);
  } catch (failure) {
    clearPlaces(places, aside);
    throw failure;
  }
  const base: Omit<RestoreRecord, 'state' | 'finishedAt' | 'durationsMs' | 'checks'> = {
    source: plan.source,
    systemId: plan.systemId,
    chain: plan.chain,
    target: plan.target,
    planHash: work.planHash,
    requestedBy: work.requestedBy,
    approvedBy: work.approvedBy,
    execution: work.execution,
    startedAt: startedAt.toISOString(),
    dataDir: layout.dataDir,
    setAside: [...aside.values()],
  };
  const outcome =
    work.binDir === undefined ? { checks: [] } : await startUnlessStopped(work, work.binDir, clock, aside);
  const state = work.binDir === undefined ? 'restored' : 'replayed';
  const finishedAt = work.now().toISOString();
  const record: RestoreRecord = { state, ...base, finishedAt, ...outcome, durationsMs: clock.durationsMs };
  keepRecord(work, record);
  return record;
}

async function layDown(work: RestoreWork): Promise<void> {
  const { layout, account, chain, vault, signal } = work;
  const totalBytes = chain.reduce((sum, backup) => sum + backup.rawBytes, 0);
  let doneBytes = 0;
  const workers = new PartWorkers({
    width: work.workers,
    vault,
    location: work.location,
    environment: work.environment,
    target: { layout, account },
    onBytes(bytes) {
      doneBytes += bytes;
      work.onProgress({ phase: 'files', doneBytes, totalBytes });
    },
  });
  try {
    await restoreChain({ vault, chain, layout, ...(account ? { account } : {}), restorer: workers, signal });
  } finally {
    await workers.close();
  }
}

/**
 * Who stops a restore does not want what is there of it. What failed by itself is kept for a look, and marked as that:
 * a mark of a restore under way would let the next one clear it away.
 */
async function startUnlessStopped(work: RestoreWork, binDir: string, clock: PhaseClock, aside: SetAside) {
  const { layout, signal } = work;
  try {
    return await startRestored(work, binDir, clock);
  } catch (failure) {
    if (signal.aborted) clearPlaces([layout.dataDir, ...layout.tablespaces.values()], aside);
    else keepRecord(work, { state: 'failed', target: work.plan.target, reason: (failure as Error).message });
    throw failure;
  }
}

function keepRecord({ layout, account }: RestoreWork, record: object): void {
  writeRecord(layout.dataDir, record);
  if (account) chownSync(join(layout.dataDir, recordName), account.uid, account.gid);
}

/** @throws CheckFailed with all of them */
export function throwFailedChecks(record: RestoreRecord): void {
  const failed = record.checks.filter((check) => !check.ok);
  if (failed.length === 0) return;
  const list = failed.map((check) => `${check.check}: ${check.detail}`).join('; ');
  throw new CheckFailed(`the restored cluster in ${record.dataDir} failed ${failed.length} checks: ${list}`, {
    operation: 'check restored cluster',
    subject: record.dataDir,
    hint: 'it is kept for a look; restore an older point, or correct the check in the plan',
  });
}

/** Everything written so far reaches the disks: syncfs(2), which Node does not offer. */
async function syncToDisk(places: readonly string[]): Promise<void> {
  const child = spawn('sync', ['-f', ...places], { stdio: 'ignore' });
  const [code] = await once(child, 'close');
  if (code === 0) return;
  throw new RestoreFailed(`sync -f ${places.join(' ')} ended with code ${code}`, {
    operation: 'restore',
    subject: places[0]!,
    hint: 'the disk did not take what was written: look into the kernel log',
  });
}
