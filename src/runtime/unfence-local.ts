import { setTimeout as sleep } from 'node:timers/promises';
import { FenceFailed } from '#failover/failures';
import type { FenceMemory } from '#failover/site-server';
import type { Control } from '#model/failover-site';
import type { Environment } from '#runtime/environment';
import { type LocalCluster, lookAtCluster, runsAsStandby, takesNoWrites } from '#runtime/local-cluster';
import { ownerOf } from '#runtime/owner-of';
import { serverAccount } from '#runtime/server-account';
import { findServerPrograms } from '#runtime/server-programs';
import { putStandbySignal, removeStandbySignal } from '#runtime/standby-signal';
import { type StartRequest, startLocalServer } from '#runtime/start-local-server';
import { stopLocalServer } from '#runtime/stop-local-server';

/**
 * Let the server of a data directory be what it was before its fence: standby.signal goes if it was not there, and the server
 * runs again if it ran. One that somebody started meanwhile came up as a standby and is stopped first.
 * @throws FenceFailed when it does not take writes again; one that ended, or could not be started, is fenced as it was
 */
export async function unfenceLocal(
  control: LocalControl,
  { memory, environment, signal }: { memory: FenceMemory; environment: Environment; signal: AbortSignal },
): Promise<void> {
  const { dataDir } = control;
  const cluster = await lookAtCluster(dataDir);
  if (!cluster || cluster.control.systemIdentifier !== memory.systemId)
    throw notUnfenced(dataDir, `it is not the cluster ${memory.systemId} any more`);
  const primary = memory.standbySignal === false;
  const programs = memory.ran === true ? await programsOf(control, cluster, environment) : undefined;
  if (primary) {
    if (runsAsStandby(cluster)) await stopLocalServer(dataDir, patience, signal);
    await removeStandbySignal(dataDir);
  }
  if (!programs) return;
  const outcome = await startLocalServer({ ...programs, dataDir, environment, waitMs: startMs, signal });
  if (outcome.state === 'starting') throw notUnfenced(dataDir, stillRecovers);
  if (outcome.state === 'failed') throw await ended(dataDir, `it ended: ${outcome.lastLines.join('; ')}`, primary);
  if (primary) await untilPrimary(dataDir, signal);
}

type LocalControl = Extract<Control, { kind: 'local' }>;

const patience = { fastMs: 30_000, immediateMs: 6_000 };
const startMs = 120_000;

const stillRecovers = 'it still recovers, and takes writes as soon as it has';

/** With what it is started: known before anything is changed. */
async function programsOf(
  { dataDir, binDir, runAs }: LocalControl,
  { control }: LocalCluster,
  environment: Environment,
): Promise<Pick<StartRequest, 'binDir' | 'account'>> {
  const programs = binDir ?? findServerPrograms(control.majorVersion, environment);
  if (programs === undefined)
    throw notUnfenced(dataDir, `no programs of PostgreSQL ${control.majorVersion} are found: name control.binDir`);
  const account = runAs === undefined ? await ownerOf(dataDir) : await serverAccount(runAs, 'control.runAs');
  return { binDir: programs, account };
}

/** Nobody knows of it but who reads of this failure, and it would come up as a primary at any time: so it may not. */
async function ended(dataDir: string, why: string, primary: boolean): Promise<FenceFailed> {
  if (!primary) return notUnfenced(dataDir, why);
  const runs = (await lookAtCluster(dataDir))?.processes.length !== 0;
  if (!runs) await putStandbySignal(dataDir);
  const cluster = await lookAtCluster(dataDir);
  const fenced = cluster !== undefined && takesNoWrites(cluster);
  return notUnfenced(dataDir, `${why}; ${fenced ? 'it can only come up as a standby, as before' : 'it IS NOT FENCED'}`);
}

/** It accepts connections once it is consistent; the file says so the moment that it also takes writes. */
async function untilPrimary(dataDir: string, signal: AbortSignal): Promise<void> {
  for (let waitedMs = 0; waitedMs < startMs; waitedMs += 50) {
    signal.throwIfAborted();
    const cluster = await lookAtCluster(dataDir);
    if (cluster?.postmaster && cluster.control.state === 'in production') return;
    if (!cluster?.postmaster) throw await ended(dataDir, 'it ended again', true);
    await sleep(50);
  }
  throw notUnfenced(dataDir, stillRecovers);
}

const notUnfenced = (dataDir: string, why: string): FenceFailed =>
  new FenceFailed(`the server of ${dataDir} does not take writes again: ${why}`, {
    operation: 'unfence',
    subject: dataDir,
    hint: `look into ${dataDir}/lifeboat-start.log and its own log, remove standby.signal if it is to be the primary, and start it`,
  });
