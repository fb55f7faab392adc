import { realpath, stat } from 'node:fs/promises';
import { FenceFailed } from '#failover/failures';
import type { ControlFacts, ServerControl } from '#failover/server-control';
import type { FenceMemory, FenceOutcome } from '#failover/site-server';
import type { Control } from '#model/failover-site';
import { leadsElsewhere } from '#runtime/elsewhere-local';
import type { Environment } from '#runtime/environment';
import { type LocalCluster, lookAtSettled, runsAsStandby, takesNoWrites } from '#runtime/local-cluster';
import { shutdownEnd } from '#runtime/shutdown-end';
import { putStandbySignal } from '#runtime/standby-signal';
import { type StopPatience, stopLocalServer } from '#runtime/stop-local-server';
import { unfenceLocal } from '#runtime/unfence-local';

export interface LocalControlOptions {
  environment: Environment;
  /** how long each way to end may take; by default long where nothing may be lost */
  patience?: { gently: StopPatience; atOnce: StopPatience };
}

/**
 * A server whose data directory is on this machine. It is fenced by standby.signal and by being stopped, in this order: killed
 * in between, it takes writes until it is fenced again, and whoever starts it afterwards (systemd, a boot, a person) gets
 * a standby. Its processes have to be seen from here: we are root or its account, and in no other container.
 */
export function controlLocal(
  control: Extract<Control, { kind: 'local' }>,
  options: LocalControlOptions,
): ServerControl {
  const { dataDir } = control;
  const patience = options.patience ?? defaultPatience;
  return {
    look: () => lookAt(dataDir),
    elsewhere: (connection, said, signal) =>
      leadsElsewhere(control, { connection, said, environment: options.environment, signal }),
    memory: () => rememberCluster(dataDir),
    fence: (how) => fence(dataDir, how.gently ? patience.gently : patience.atOnce, how),
    unfence: (memory, signal) => unfenceLocal(control, { memory, environment: options.environment, signal }),
  };
}

const defaultPatience = {
  gently: { fastMs: 60_000, immediateMs: 6_000 },
  atOnce: { fastMs: 5_000, immediateMs: 2_000 },
};

async function lookAt(dataDir: string): Promise<ControlFacts> {
  try {
    const cluster = await lookAtSettled(dataDir);
    if (!cluster) return { runs: null, exists: false, fence: noFence(`there is no cluster in ${dataDir}`) };
    const { systemIdentifier: systemId } = cluster.control;
    const fence = { ...(await fenceOf(dataDir, cluster)), of: await realpath(dataDir) };
    return { runs: runs(cluster), exists: true, systemId, fence };
  } catch (error) {
    return { runs: null, exists: null, fence: noFence(`${dataDir} cannot be read: ${(error as Error).message}`) };
  }
}

const noFence = (how: string): ControlFacts['fence'] => ({ strength: 'hard', fenced: false, possible: false, how });

const runs = ({ processes, hidden, unseen }: LocalCluster): boolean | null =>
  hidden ? null : unseen === true || processes.length > 0;

async function fenceOf(dataDir: string, cluster: LocalCluster): Promise<ControlFacts['fence']> {
  const unseen = await whyUnseen(dataDir, cluster);
  if (unseen !== undefined) return noFence(unseen);
  return { strength: 'hard', fenced: takesNoWrites(cluster), possible: true, how: describe(cluster) };
}

/** In words; undefined when all its processes can be seen. */
async function whyUnseen(dataDir: string, { hidden, unseen }: LocalCluster): Promise<string | undefined> {
  if (unseen) return worksElsewhere;
  const uid = process.getuid?.();
  if (!hidden && (uid === 0 || (await stat(dataDir)).uid === uid)) return undefined;
  return `${dataDir} is another account's, whose processes are seen by root alone`;
}

const worksElsewhere = 'its files change, by a server that is not seen: in another container, or on another machine';

function describe(cluster: LocalCluster): string {
  const { signal, processes, postmaster, unseen } = cluster;
  if (unseen) return worksElsewhere;
  if (processes.length === 0)
    return signal
      ? 'stopped; its data directory can only come up as a standby'
      : 'stopped; whoever starts it gets a primary';
  if (runsAsStandby(cluster)) return 'runs as a standby';
  if (!postmaster) return 'its postmaster is dead, and processes that it left may still commit';
  return signal ? 'runs; once stopped, it can only come up as a standby' : 'runs';
}

async function rememberCluster(dataDir: string): Promise<FenceMemory> {
  const cluster = await existing(dataDir);
  return {
    control: 'local',
    systemId: cluster.control.systemIdentifier,
    standbySignal: cluster.signal !== undefined,
    ran: cluster.processes.length > 0,
  };
}

/**
 * A standby that runs may have been told to promote, and only its startup process knows that until it is done: so it is
 * stopped, too. Gently it was the primary a moment ago, and has all its WAL.
 */
async function fence(
  dataDir: string,
  patience: StopPatience,
  { gently, signal }: { gently: boolean; signal: AbortSignal },
): Promise<FenceOutcome> {
  const before = await existing(dataDir);
  const unseen = await whyUnseen(dataDir, before);
  if (unseen !== undefined) throw notFenced(dataDir, unseen);
  if (!takesNoWrites(before) || (!gently && before.processes.length > 0)) await stopForGood(dataDir, patience, signal);
  const after = await existing(dataDir);
  if (!takesNoWrites(after)) throw notFenced(dataDir, describe(after));
  return { strength: 'hard', how: describe(after), end: await shutdownEnd(dataDir, after.control) };
}

async function stopForGood(dataDir: string, patience: StopPatience, signal: AbortSignal): Promise<void> {
  try {
    await putStandbySignal(dataDir);
    await stopLocalServer(dataDir, patience, signal);
  } catch (cause) {
    if (signal.aborted) throw signal.reason;
    throw notFenced(dataDir, (cause as Error).message, cause);
  }
}

async function existing(dataDir: string): Promise<LocalCluster> {
  const cluster = await lookAtSettled(dataDir).catch((cause: Error) => {
    throw notFenced(dataDir, cause.message, cause);
  });
  if (cluster) return cluster;
  throw notFenced(dataDir, 'there is no cluster: its disk may be gone, or come back');
}

const notFenced = (dataDir: string, why: string, cause?: unknown): FenceFailed =>
  new FenceFailed(`the server of ${dataDir} may still take writes: ${why}`, {
    operation: 'fence',
    subject: dataDir,
    hint: 'run as root or as its account where its disk and its processes can be seen, or make sure by hand that it is off',
    cause,
  });
