import { setTimeout as sleep } from 'node:timers/promises';
import type { ControlFile } from '#postgres/control-file';
import { clusterProcesses, findPostmaster, isHidden, type Postmaster } from '#runtime/cluster-processes';
import type { ProcessIdentity } from '#runtime/process-identity';
import { readControlFile } from '#runtime/read-control-file';
import { findStandbySignal } from '#runtime/standby-signal';
import { mayRunUnseen, worksUnseen } from '#runtime/unseen-server';

/** What can be seen of a cluster whose data directory is on this machine, without its server. */
export interface LocalCluster {
  control: ControlFile;
  /** all that work in it, the postmaster among them */
  processes: ProcessIdentity[];
  postmaster: Postmaster | undefined;
  /** a server seems to run that we may not look at */
  hidden: boolean;
  /** nothing is seen that runs, and its files change all the same: its server is in another container, or on another machine */
  unseen?: true;
  /** undefined: whoever starts it gets a primary */
  signal: { writtenAt: Date } | undefined;
}

/** undefined where there is no cluster. @throws ObjectDamaged, InputInvalid, and what the file system says */
export async function lookAtCluster(dataDir: string): Promise<LocalCluster | undefined> {
  const control = await readControlFile(dataDir);
  if (!control) return undefined;
  // in this order: a server that starts in between is seen, and has found the signal
  const signal = await findStandbySignal(dataDir);
  const [postmaster, processes] = [findPostmaster(dataDir), clusterProcesses(dataDir)];
  return { control, processes, postmaster, hidden: isHidden(dataDir), signal };
}

/**
 * The same, once a server that was started a moment ago has got to say in pg_control what it became: until then that says what
 * the one before was. Where a server was not ended and is not seen, its files are watched for some seconds.
 */
export async function lookAtSettled(dataDir: string): Promise<LocalCluster | undefined> {
  for (;;) {
    const cluster = await lookAtBegun(dataDir);
    if (!cluster || !takesNoWrites(cluster) || cluster.processes.length > 0) return cluster;
    if (!mayRunUnseen(dataDir, cluster.control) || !(await worksUnseen(dataDir))) return cluster;
    // by one that was started here meanwhile
    if (clusterProcesses(dataDir).length === 0) return { ...cluster, unseen: true };
  }
}

async function lookAtBegun(dataDir: string): Promise<LocalCluster | undefined> {
  for (let waitedMs = 0; ; waitedMs += lookEveryMs) {
    const cluster = await lookAtCluster(dataDir);
    if (!cluster?.signal || takesNoWrites(cluster) || !mayBegin(cluster) || waitedMs >= settlesMs) return cluster;
    await sleep(lookEveryMs);
  }
}

const settlesMs = 3_000;
const lookEveryMs = 20;

/** It works in its data directory before it writes postmaster.pid, and has written that before it says there that it starts. */
const mayBegin = ({ postmaster }: LocalCluster): boolean =>
  postmaster === undefined || postmaster.status === 'starting' || postmaster.status === 'unknown';

/**
 * Whether its server, as it runs, came up as a standby and still is one: it was started after standby.signal was written,
 * and a promotion would have removed that. Within the same second only the control file can tell.
 */
export function runsAsStandby({ postmaster, signal, control }: LocalCluster): boolean {
  if (!postmaster || !signal || control.state === 'in production') return false;
  const writtenAtSeconds = Math.floor(signal.writtenAt.getTime() / 1000);
  if (postmaster.startedAtSeconds === writtenAtSeconds) return control.state === 'in archive recovery';
  return postmaster.startedAtSeconds > writtenAtSeconds;
}

/** Nothing runs in it that could take a write, and whoever starts it gets a standby. */
export const takesNoWrites = (cluster: LocalCluster): boolean =>
  cluster.signal !== undefined &&
  !cluster.hidden &&
  !cluster.unseen &&
  (cluster.processes.length === 0 || runsAsStandby(cluster));
