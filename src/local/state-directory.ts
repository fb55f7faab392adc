import { mkdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { LeaseHeld, StoreUnavailable } from '#model/failure';
import { DirectoryLock } from '#store/directory-lock';

/**
 * Where one machine keeps what AWS keeps for its services. Everything in it is for its owner's eyes: folders 0700.
 *
 *   endpoint.json, aws-credentials       how to reach the daemon
 *   executions/<machine>/<name>/         execution.json, definition.json, journal.jsonl, stop.json, end.json
 *   tasks/<id>/                          spec.json, started.json, exit.json, log
 *   tokens/<sha256>.asked, .json         task tokens that are waited for, and their answers
 *   events/, schedules.json, notices/, drills/
 */
export interface StateDirectory {
  path: string;
  endpoint: string;
  awsCredentials: string;
  executions: string;
  tasks: string;
  tokens: string;
  events: string;
  schedules: string;
  notices: string;
  drills: string;
  /** @throws LeaseHeld when another daemon works in it; the kernel takes the lock back when its holder dies */
  lock(): Promise<{ release(): Promise<void> }>;
}

/** Made where it is missing. */
export async function openStateDirectory(given: string): Promise<StateDirectory> {
  const path = resolve(given);
  const at = (name: string): string => join(path, name);
  for (const folder of ['', 'executions', 'tasks', 'tokens', 'events', 'notices', 'drills']) {
    await mkdir(at(folder), { recursive: true, mode: 0o700 });
  }
  return {
    path,
    endpoint: at('endpoint.json'),
    awsCredentials: at('aws-credentials'),
    executions: at('executions'),
    tasks: at('tasks'),
    tokens: at('tokens'),
    events: at('events'),
    schedules: at('schedules.json'),
    notices: at('notices'),
    drills: at('drills'),
    lock: () => lockDirectory(path),
  };
}

async function lockDirectory(path: string): Promise<{ release(): Promise<void> }> {
  const lock = new DirectoryLock(join(path, 'lock'), { patienceMs: 500 });
  const { promise: over, resolve: release } = Promise.withResolvers<void>();
  const { promise: taken, resolve: take } = Promise.withResolvers<void>();
  const held = lock.hold(async () => {
    take();
    await over;
  });
  try {
    await Promise.race([taken, held]);
  } catch (failure) {
    if (!(failure instanceof StoreUnavailable)) throw failure;
    throw new LeaseHeld(`${path}: another lifeboat works with this state directory`, {
      operation: 'lock',
      subject: path,
      hint: 'let that one do the work, or stop it first, or name another directory',
      cause: failure,
    });
  }
  return {
    release: async () => {
      release();
      await held;
    },
  };
}
