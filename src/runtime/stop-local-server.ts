import { setTimeout as sleep } from 'node:timers/promises';
import { clusterProcesses, findPostmaster, isSuspended } from '#runtime/cluster-processes';
import { isAlive, type ProcessIdentity } from '#runtime/process-identity';

/** How long a server has for each way to end before it is asked less kindly. */
export interface StopPatience {
  /** disconnect everybody, checkpoint, let the standbys have everything */
  fastMs: number;
  /** as in a crash; the postmaster itself kills children that do not go within five seconds */
  immediateMs: number;
}

/**
 * End the server of a data directory, and whatever a dead one left: a backend whose postmaster was killed can commit until it
 * notices. True when nothing of it is left; a server that somebody started meanwhile is another one, and is left alone.
 * @throws when a process is not ours to signal
 * Source: https://www.postgresql.org/docs/current/server-shutdown.html
 */
export async function stopLocalServer(dataDir: string, patience: StopPatience, signal: AbortSignal): Promise<boolean> {
  const postmaster = findPostmaster(dataDir);
  if (postmaster) {
    await endBy('SIGINT', postmaster, patience.fastMs, signal);
    await endBy('SIGQUIT', postmaster, patience.immediateMs, signal);
  }
  for (let waitedMs = 0; waitedMs <= killMs; waitedMs += lookEveryMs) {
    const left = leftOf(dataDir, postmaster);
    if (left.length === 0) return true;
    for (const one of left) send('SIGKILL', one);
    await sleep(lookEveryMs);
  }
  return false;
}

/** What is killed goes at once, unless it waits for a disk that does not answer. */
const killMs = 5_000;
const lookEveryMs = 20;

/** Nothing that runs beside a postmaster that is not the one we ended is left of that: it would not have been able to start. */
function leftOf(dataDir: string, ended: ProcessIdentity | undefined): ProcessIdentity[] {
  const now = findPostmaster(dataDir);
  const another = now && !(ended && now.pid === ended.pid && now.startTime === ended.startTime);
  return another ? [] : clusterProcesses(dataDir);
}

async function endBy(how: 'SIGINT' | 'SIGQUIT', one: ProcessIdentity, patienceMs: number, signal: AbortSignal) {
  if (!isAlive(one)) return;
  send(how, one);
  for (let waitedMs = 0; waitedMs < patienceMs && isAlive(one) && !isSuspended(one.pid); waitedMs += lookEveryMs) {
    signal.throwIfAborted();
    await sleep(lookEveryMs);
  }
}

function send(how: NodeJS.Signals, one: ProcessIdentity): void {
  if (!isAlive(one)) return;
  try {
    process.kill(one.pid, how);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
