import { existsSync, readFileSync, readlinkSync, realpathSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { RestoreFailed } from '#model/failure';
import { socketFolderPrefix } from '#recovery/private-server';

/**
 * End the private server of a restore whose process was killed: nobody else can reach it, and nobody would stop it.
 * A server that anybody else started is left alone. False when there is none.
 * @throws RestoreFailed when it does not end
 */
export async function stopOrphanedServer(dataDir: string): Promise<boolean> {
  const found = readPidFile(dataDir);
  if (!found || !basename(found.socketFolder).startsWith(socketFolderPrefix)) return false;
  const wasRunning = worksIn(found.pid, dataDir);
  for (const signal of ['SIGQUIT', 'SIGKILL'] as const) {
    if (worksIn(found.pid, dataDir)) process.kill(found.pid, signal);
    for (let waitedMs = 0; waitedMs < patienceMs && worksIn(found.pid, dataDir); waitedMs += 20) await sleep(20);
  }
  if (worksIn(found.pid, dataDir)) throw stillThere(found.pid, dataDir);
  rmSync(found.socketFolder, { recursive: true, force: true });
  return wasRunning;
}

const patienceMs = 5_000;

/** Source: https://www.postgresql.org/docs/current/storage-file-layout.html, postmaster.pid */
function readPidFile(dataDir: string): { pid: number; socketFolder: string } | undefined {
  const path = join(dataDir, 'postmaster.pid');
  if (!existsSync(path)) return undefined;
  const [pid = '', , , , socketFolder = ''] = readFileSync(path, 'utf8').split('\n');
  return /^\d+$/.test(pid) ? { pid: Number(pid), socketFolder } : undefined;
}

/** A server's processes stay in its data directory. A number that another program has by now is not it. */
export function worksIn(pid: number, dataDir: string): boolean {
  try {
    return readlinkSync(`/proc/${pid}/cwd`) === realpathSync(dataDir);
  } catch {
    return false; // it has ended
  }
}

const stillThere = (pid: number, dataDir: string): RestoreFailed =>
  new RestoreFailed(`the server ${pid} of a restore that was killed does not end`, {
    operation: 'clear up',
    subject: dataDir,
    hint: `look what it waits for, or end it: kill -9 ${pid}`,
  });
