import { readBackup, readChain } from '#catalog/backups';
import { TargetUnreachable } from '#model/failure';
import { parseLsn } from '#model/lsn';
import type { Manifest } from '#model/manifest';
import type { PostgresSource } from '#model/postgres-source';
import { printPoint, type RecoveryTarget } from '#model/recovery-target';
import type { DrillResult } from '#model/task-result';
import type { Account } from '#postgres/server-process';
import type { Vault } from '#recovery/open-backup';
import { type PreparedPlan, preparePlan } from '#recovery/prepare-plan';
import { planLayout } from '#recovery/restore-layout';
import type { Environment } from '#runtime/environment';
import { checkWal } from './check-wal.ts';
import { takeDrillPlace } from './drill-place.ts';
import { hindered, isHopeless, judgeDrill } from './judge-drill.ts';
import { PhaseClock } from './phase-clock.ts';
import { type RestoreProgress, type RestoreRecord, restoreCluster } from './restore.ts';
import { restoreWork, serverPrograms } from './restore-source.ts';
import { isDamage } from './verify-parts.ts';

export interface DrillWork {
  source: PostgresSource;
  vault: Vault;
  /** where the vault's store is */
  location: string;
  /** absolute */
  planPath: string;
  environment: Environment;
  target: RecoveryTarget;
  /** the folder of all drills, and the name of this one's own folder in it */
  parent: string;
  name: string;
  account: Account | undefined;
  /** the server programs; undefined: where packages put them */
  binDir: string | undefined;
  requestedBy: string;
  execution: string;
  now(): Date;
  signal: AbortSignal;
  onProgress(progress: RestoreProgress): void;
  /** a log line of the restored server */
  onLog(line: string): void;
}

/** How far a drill has come. */
interface Course {
  clock: PhaseClock;
  /** what the server said last */
  log: string[];
  planned?: PreparedPlan;
  chain?: Manifest[];
  record?: RestoreRecord;
}

/**
 * Restore into a throw-away place, start, replay and check, as a restore does it; nothing of it stays. That a backup
 * cannot be restored is an answer; what kept us from trying is thrown.
 */
export async function drill(work: DrillWork): Promise<DrillResult> {
  const startedAt = work.now();
  const course: Course = { clock: new PhaseClock(), log: [] };
  try {
    await plan(work, course);
    await carryOut(work, course);
    return describe(work, course, startedAt, null);
  } catch (failure) {
    if (work.signal.aborted) throw failure;
    return describe(work, course, startedAt, await breakageIn(work, course, failure));
  }
}

async function plan({ source: { name }, vault, target, signal }: DrillWork, course: Course): Promise<void> {
  if (target.backup !== undefined) await readBackup(vault.store, name, target.backup);
  course.planned = await preparePlan(vault, name, target, signal);
  const { plan, facts } = course.planned;
  course.chain = await readChain(vault.store, name, plan.chain, facts.backups);
}

async function carryOut(work: DrillWork, course: Course): Promise<void> {
  const { signal, environment, onLog } = work;
  const prepared = course.planned!;
  const chain = course.chain!;
  const { tablespaces } = chain.at(-1)!;
  const binDir = serverPrograms(prepared.plan.major, work.binDir, environment);
  const hopeless = new AbortController();
  const place = takeDrillPlace(work.parent, work.name);
  try {
    course.record = await restoreCluster({
      ...restoreWork({
        ...work,
        prepared,
        chain,
        layout: planLayout(place.dataDir, tablespaces, place.mappings(tablespaces)),
        setAside: false,
        binDir,
        settings: throwAwaySettings,
        approvedBy: null,
        clock: course.clock,
        signal: AbortSignal.any([signal, hopeless.signal]),
        onLog(line) {
          course.log.push(line);
          if (course.log.length > keptLines) course.log.shift();
          if (isHopeless(line)) hopeless.abort();
          onLog(line);
        },
      }),
    });
  } finally {
    place.remove();
  }
}

const keptLines = 200;

/** The machine of a drill may be smaller than the source's. */
const throwAwaySettings = { shared_buffers: '128MB', huge_pages: 'off' };

/** What is wrong with the backup. @throws what says nothing about it */
async function breakageIn({ target, vault, signal }: DrillWork, course: Course, failure: unknown): Promise<Error> {
  const { planned, chain, log } = course;
  // What a backup needs to reach its own end belongs to it; that another target is not stored is no fault of a backup.
  const isOwnEnd = target.backup !== undefined && target.point.kind === 'immediate';
  if (!planned && isOwnEnd && failure instanceof TargetUnreachable) return failure;
  if (!planned && target.backup === undefined) throw failure;
  const judgement = judgeDrill(failure, log);
  if (judgement === 'broken') return failure as Error;
  if (judgement === 'ask the wal') {
    const { timeline, wal } = planned!.plan;
    const stretch = { backup: chain!.at(-1)!, timeline, from: wal.from, until: wal.until };
    const found = await checkWal(vault, stretch, signal).catch((problem: unknown) => problem);
    if (isDamage(found)) return found;
    throw found ?? failure;
  }
  throw hindered(failure, log);
}

function describe(work: DrillWork, course: Course, startedAt: Date, failure: Error | null): DrillResult {
  const { source, target, now } = work;
  const { planned, chain, record, clock } = course;
  const { reached, checks = [] } = record ?? {};
  const ok = failure === null && checks.every((check) => check.ok);
  const backup = planned?.plan.chain.at(-1) ?? target.backup!;
  return {
    source: source.name,
    backup,
    chain: planned?.plan.chain ?? [backup],
    target: planned?.plan.target ?? printPoint(target.point),
    planHash: planned?.hash ?? null,
    ok,
    verdict: ok ? 'proven' : 'broken',
    failure: failure && { name: failure.name, message: failure.message },
    reached: reached ?? null,
    checks,
    durationsMs: clock.durationsMs,
    rawBytes: (chain ?? []).reduce((sum, { rawBytes }) => sum + rawBytes, 0),
    walBytes: reached && planned ? Number(parseLsn(reached.lsn) - planned.plan.wal.from) : 0,
    startedAt: startedAt.toISOString(),
    finishedAt: now().toISOString(),
  };
}
