import { stat } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { FenceFailed } from '#failover/failures';
import type { FenceMemory } from '#failover/site-server';
import type { Control } from '#model/failover-site';
import type { Account } from '#postgres/server-process';
import type { Environment } from '#runtime/environment';
import { type LocalCluster, lookAtCluster, runsAsStandby } from '#runtime/local-cluster';
import { serverAccount } from '#runtime/server-account';
import { findServerPrograms } from '#runtime/server-programs';
import { removeStandbySignal } from '#runtime/standby-signal';
import { type StartOutcome, startLocalServer } from '#runtime/start-local-server';
import { stopLocalServer } from '#runtime/stop-local-server';

/**
 * Let the server of a data directory be what it was before its fence: standby.signal goes if it was not there, and the server
 * runs again if it ran. One that somebody started meanwhile came up as a standby and is stopped first.
 * @throws FenceFailed when it does not take writes again
 */
export async function unfenceLocal(
  control: Extract<Control, { kind: 'local' }>,
  { memory, environment, signal }: { memory: FenceMemory; environment: Environment; signal: AbortSignal },
): Promise<void> {
  const { dataDir } = control;
  const cluster = await lookAtCluster(dataDir);
  if (!cluster || cluster.control.systemIdentifier !== memory.systemId)
    throw notUnfenced(dataDir, `it is not the cluster ${memory.systemId} any more`);
  if (memory.standbySignal === false) {
    if (runsAsStandby(cluster)) await stopLocalServer(dataDir, patience, signal);
    await removeStandbySignal(dataDir);
  }
  if (memory.ran !== true) return;
  const outcome = await start(control, cluster, environment, signal);
  if (outcome.state !== 'runs') throw notUnfenced(dataDir, reasonOf(outcome));
  if (memory.standbySignal === false) await untilPrimary(dataDir, signal);
}

const patience = { fastMs: 30_000, immediateMs: 6_000 };
const startMs = 120_000;

async function start(
  { dataDir, binDir, runAs }: Extract<Control, { kind: 'local' }>,
  { control }: LocalCluster,
  environment: Environment,
  signal: AbortSignal,
): Promise<StartOutcome> {
  const programs = binDir ?? findServerPrograms(control.majorVersion, environment);
  if (programs === undefined)
    throw notUnfenced(dataDir, `no programs of PostgreSQL ${control.majorVersion} are found: name control.binDir`);
  const account = runAs === undefined ? await ownerOf(dataDir) : await serverAccount(runAs, 'control.runAs');
  return startLocalServer({ binDir: programs, dataDir, account, environment, waitMs: startMs, signal });
}

/** PostgreSQL runs as nobody else; needed where we are root. */
async function ownerOf(dataDir: string): Promise<Account | undefined> {
  if (process.getuid?.() !== 0) return undefined;
  const { uid, gid } = await stat(dataDir);
  return { uid, gid };
}

const reasonOf = (outcome: Exclude<StartOutcome, { state: 'runs' }>): string =>
  outcome.state === 'failed' ? `it ended: ${outcome.lastLines.join('; ')}` : 'it still recovers';

/** It accepts connections once it is consistent; the file says so the moment that it also takes writes. */
async function untilPrimary(dataDir: string, signal: AbortSignal): Promise<void> {
  for (let waitedMs = 0; waitedMs < startMs; waitedMs += 50) {
    signal.throwIfAborted();
    const cluster = await lookAtCluster(dataDir);
    if (cluster?.postmaster && cluster.control.state === 'in production') return;
    if (!cluster?.postmaster) throw notUnfenced(dataDir, 'it ended again');
    await sleep(50);
  }
  throw notUnfenced(dataDir, 'it still recovers');
}

const notUnfenced = (dataDir: string, why: string): FenceFailed =>
  new FenceFailed(`the server of ${dataDir} does not take writes again: ${why}`, {
    operation: 'unfence',
    subject: dataDir,
    hint: `look into ${dataDir}/lifeboat-start.log and its own log, remove standby.signal if it is to be the primary, and start it`,
  });
