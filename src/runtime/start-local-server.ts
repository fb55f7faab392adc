import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { type FileHandle, open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Account } from '#postgres/server-process';
import { findPostmaster } from '#runtime/cluster-processes';
import type { Environment } from '#runtime/environment';
import { startArguments } from '#runtime/start-arguments';

export interface StartRequest {
  /** folder with the `postgres` program of the cluster's major version */
  binDir: string;
  dataDir: string;
  /** needed when we are root */
  account?: Account | undefined;
  /** for what the server starts itself, like restore_command; PG* variables but PGPASSFILE are left out */
  environment: Environment;
  waitMs: number;
  signal: AbortSignal;
}

export type StartOutcome =
  /** it accepts connections; or it recovers and never will, by its settings */
  | { state: 'runs'; pid: number }
  /** it recovers and does not yet accept any */
  | { state: 'starting'; pid: number | undefined }
  | { state: 'failed'; lastLines: string[] };

/** What it logs before its own logging begins, or all of it: in the data directory, of its latest start. */
export const startLogName = 'lifeboat-start.log';

/**
 * Start the server of a data directory so that it outlives us, as it was started the last time: `postgres -D` and what its
 * postmaster.opts has beside it. One that runs is left alone and waited for. Under systemd it belongs to our unit: whoever
 * wants it in its own restarts it there later.
 */
export async function startLocalServer(request: StartRequest): Promise<StartOutcome> {
  const launched = findPostmaster(request.dataDir) ? undefined : await launch(request);
  for (let waitedMs = 0; ; waitedMs += lookEveryMs) {
    request.signal.throwIfAborted();
    const gone = launched?.ended ?? false; // asked first: what is there afterwards is another one
    const postmaster = findPostmaster(request.dataDir);
    if (postmaster?.status === 'ready' || postmaster?.status === 'standby')
      return { state: 'runs', pid: postmaster.pid };
    if (!postmaster && (gone || !launched)) return { state: 'failed', lastLines: await lastLines(request.dataDir) };
    if (waitedMs >= request.waitMs) return { state: 'starting', pid: postmaster?.pid };
    await sleep(lookEveryMs);
  }
}

const lookEveryMs = 20;

interface Launched {
  ended: boolean;
}

async function launch({ binDir, dataDir, account, environment }: StartRequest): Promise<Launched> {
  const log = await openLog(dataDir, account);
  try {
    const child = spawn(join(binDir, 'postgres'), await startArguments(dataDir), {
      stdio: ['ignore', log.fd, log.fd],
      env: serverEnvironment(environment),
      cwd: '/',
      detached: true,
      ...account,
    });
    const launched: Launched = { ended: false };
    child.once('exit', () => {
      launched.ended = true;
    });
    await Promise.race([once(child, 'spawn'), once(child, 'error').then(([error]) => Promise.reject(error))]);
    child.unref();
    return launched;
  } catch (error) {
    await log.write(`${(error as Error).message}\n`);
    return { ended: true };
  } finally {
    await log.close();
  }
}

async function openLog(dataDir: string, account: Account | undefined): Promise<FileHandle> {
  const log = await open(join(dataDir, startLogName), 'w', 0o600);
  if (account) await log.chown(account.uid, account.gid);
  return log;
}

/** Nothing that makes it listen elsewhere, or tell our supervisor that we are ready. */
const serverEnvironment = (environment: Environment): Record<string, string | undefined> =>
  Object.fromEntries(
    Object.entries(environment).filter(
      ([name]) => name === 'PGPASSFILE' || !(name.startsWith('PG') || name === 'NOTIFY_SOCKET'),
    ),
  );

async function lastLines(dataDir: string): Promise<string[]> {
  const text = await readFile(join(dataDir, startLogName), 'utf8').catch(() => '');
  return text.trim().split('\n').slice(-10);
}
