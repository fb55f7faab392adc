import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CheckFailed, RestoreFailed } from '#model/failure';
import { formatLsn } from '#model/lsn';
import type { Manifest } from '#model/manifest';
import type { Check } from '#model/postgres-source';
import { historyFileName } from '#model/timeline';
import type { Account } from '#postgres/server-process';
import { checkPages } from '#recovery/check-pages';
import { askChecks, type CheckResult } from '#recovery/checks';
import { configurePromoted, configureRecovery } from '#recovery/configure';
import type { Vault } from '#recovery/open-backup';
import type { RecoveryPlan } from '#recovery/recovery-plan';
import { type PointReached, replay } from '#recovery/replay';
import { releaseControlFile, restoreChain } from '#recovery/restore-chain';
import type { RestoreLayout } from '#recovery/restore-layout';
import {
  checkPlaces,
  clearPlaces,
  recordName,
  releaseTablespaces,
  type SetAside,
  takePlaces,
  writeRecord,
} from '#recovery/restore-place';
import { thisProcess } from '#runtime/this-process';
import { PartWorkers } from './part-workers.ts';

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
  now: () => Date;
  signal: AbortSignal;
  onProgress(progress: RestoreProgress): void;
  /** a log line of the restored server */
  onLog(line: string): void;
}

export type RestoreProgress =
  | { phase: 'files'; doneBytes: number; totalBytes: number }
  | { phase: 'replay'; fetchedFiles: number; totalFiles: number }
  | { phase: 'checks' | 'pages' };

/** What was done; also written to `lifeboat.restore.json` in the data directory. */
export interface RestoreRecord {
  state: 'restored' | 'replayed';
  source: string;
  systemId: string;
  chain: readonly string[];
  target: string;
  planHash: string;
  requestedBy: string;
  startedAt: string;
  finishedAt: string;
  dataDir: string;
  setAside: string[];
  /** undefined when the server was not started */
  reached?: { lsn: string; time: string | null; stoppedAt: string; timeline: number };
  /** the line that the promotion added to the history of timelines */
  history?: { timeline: number; content: string };
  checks: CheckResult[];
  durationsMs: Record<'files' | 'replay' | 'checks', number>;
}

/**
 * Carry out a recovery plan. Refuses before anything is touched; what fails before the cluster could be started is
 * cleared away; what fails afterwards is kept for a look.
 * @throws InputInvalid, RestoreFailed, ObjectDamaged, ObjectMissing, KeyUnusable, CheckFailed
 */
export async function restore(work: RestoreWork): Promise<RestoreRecord> {
  const { layout, plan } = work;
  const places = [layout.dataDir, ...layout.tablespaces.values()];
  const startedAt = work.now();
  const options = {
    setAside: work.setAside,
    neededBytes: work.chain[0]!.rawBytes,
    now: startedAt,
    restorer: thisProcess(),
  };
  if (work.binDir !== undefined) {
    await checkPrograms(work.binDir, plan.major);
    await work.checkFetch();
  }
  checkPlaces(places, options);
  const aside = takePlaces(places, options);
  const clock = new Stopwatch();
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
  clock.lap('files');
  const base: Omit<RestoreRecord, 'state' | 'finishedAt' | 'durationsMs' | 'checks'> = {
    source: plan.source,
    systemId: plan.systemId,
    chain: plan.chain,
    target: plan.target,
    planHash: work.planHash,
    requestedBy: work.requestedBy,
    startedAt: startedAt.toISOString(),
    dataDir: layout.dataDir,
    setAside: [...aside.values()],
  };
  const outcome =
    work.binDir === undefined ? { checks: [] } : await startUnlessStopped(work, work.binDir, clock, aside);
  const state = work.binDir === undefined ? 'restored' : 'replayed';
  const finishedAt = work.now().toISOString();
  const record: RestoreRecord = { state, ...base, finishedAt, ...outcome, durationsMs: clock.laps };
  keepRecord(work, record);
  throwFailedChecks(record);
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
async function startUnlessStopped(work: RestoreWork, binDir: string, clock: Stopwatch, aside: SetAside) {
  const { layout, signal } = work;
  try {
    return await start(work, binDir, clock);
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

async function start(work: RestoreWork, binDir: string, clock: Stopwatch) {
  const { layout, plan, account } = work;
  const newest = work.chain.at(-1)!;
  const totalFiles = Number(plan.wal.bytes / BigInt(newest.server.segmentSize)) + 1;
  const { server, reached } = await replay({
    binDir,
    dataDir: layout.dataDir,
    ...(account ? { account } : {}),
    environment: work.environment,
    superuser: newest.server.superuser,
    settings: { ...quiet(plan.major), ...work.settings },
    action: plan.action,
    timeline: plan.timeline,
    signal: work.signal,
    onLog: work.onLog,
    onFetched: (fetchedFiles) => work.onProgress({ phase: 'replay', fetchedFiles, totalFiles }),
  });
  clock.lap('replay');
  work.onProgress({ phase: 'checks' });
  let checks: CheckResult[];
  let history: RestoreRecord['history'];
  try {
    checks = await askChecks({ server, systemId: plan.systemId, checks: work.checks, signal: work.signal });
    if (plan.action === 'promote') history = await promotion(server, layout.dataDir);
  } finally {
    await server.stop('fast');
  }
  if (plan.action === 'promote') configurePromoted(layout.dataDir, account);
  if (newest.server.dataChecksums) {
    work.onProgress({ phase: 'pages' });
    checks.push(await pageCheck(work, newest.server.blockSize));
  }
  clock.lap('checks');
  return { reached: printReached(reached), ...(history ? { history } : {}), checks };
}

/**
 * Where WAL of an older timeline is not at hand the summarizer fails, waits ten seconds before it tries again, and a
 * shutdown waits with it. (WalSummarizerMain in walsummarizer.c)
 */
const quiet = (major: number): Record<string, string> => (major >= 17 ? { summarize_wal: 'off' } : {});

const printReached = ({ lsn, ...rest }: PointReached) => ({ lsn: formatLsn(lsn), ...rest });

async function promotion(
  server: { query: (database: string, sql: string) => Promise<Record<string, string | null>[]> },
  dataDir: string,
) {
  const [row] = await server.query(
    'template1',
    'select substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) as timeline',
  );
  const timeline = Number.parseInt(row!.timeline!, 16);
  const content = await readFile(join(dataDir, 'pg_wal', historyFileName(timeline)), 'utf8');
  return { timeline, content: content.trim().split('\n').at(-1)! };
}

async function pageCheck(work: RestoreWork, blockSize: number): Promise<CheckResult> {
  const begun = performance.now();
  const { pages, wrongPages, wrong } = await checkPages(work.layout.dataDir, blockSize, work.signal);
  const places = wrong.map(({ file, block }) => `${file} block ${block}`).join(', ');
  return {
    check: 'page checksums',
    ok: wrongPages === 0,
    detail: wrongPages === 0 ? `${pages} pages are right` : `${wrongPages} of ${pages} pages are wrong: ${places}`,
    durationMs: Math.round(performance.now() - begun),
  };
}

function throwFailedChecks(record: RestoreRecord): void {
  const failed = record.checks.filter((check) => !check.ok);
  if (failed.length === 0) return;
  const list = failed.map((check) => `${check.check}: ${check.detail}`).join('; ');
  throw new CheckFailed(`the restored cluster in ${record.dataDir} failed ${failed.length} checks: ${list}`, {
    operation: 'check restored cluster',
    subject: record.dataDir,
    hint: 'it is kept for a look; restore an older point, or correct the check in the plan',
  });
}

/** @throws RestoreFailed when the programs are of another major version: their server refuses the files */
async function checkPrograms(binDir: string, major: number): Promise<void> {
  const version = await programVersion(join(binDir, 'postgres'));
  if (version === major) return;
  throw new RestoreFailed(`${binDir} has PostgreSQL ${version ?? '(none)'}, the backup needs ${major}`, {
    operation: 'restore',
    subject: binDir,
    hint: `install the server of PostgreSQL ${major} and name its folder with --bin-dir, or pass --no-start`,
  });
}

export async function programVersion(program: string): Promise<number | undefined> {
  if (!existsSync(program)) return undefined;
  const child = spawn(program, ['--version'], { stdio: ['ignore', 'pipe', 'ignore'], env: {} });
  const [chunks] = await Promise.all([child.stdout.toArray(), once(child, 'close')]);
  const match = /\(PostgreSQL\) (\d+)/.exec(Buffer.concat(chunks as Buffer[]).toString());
  return match ? Number(match[1]) : undefined;
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

class Stopwatch {
  readonly laps = { files: 0, replay: 0, checks: 0 };
  #since = performance.now();

  lap(phase: keyof Stopwatch['laps']): void {
    const now = performance.now();
    this.laps[phase] = Math.round(now - this.#since);
    this.#since = now;
  }
}
