import { existsSync, readdirSync, readFileSync, readlinkSync, realpathSync } from 'node:fs';
import { basename, join } from 'node:path';
import { identify, type ProcessIdentity } from '#runtime/process-identity';

/** The one that accepts connections and starts all others. */
export interface Postmaster extends ProcessIdentity {
  /** by the clock of that moment, in whole seconds */
  startedAtSeconds: number;
  /** `ready`: connections are accepted; `standby`: it recovers and accepts none */
  status: 'starting' | 'stopping' | 'ready' | 'standby' | 'unknown';
  /** the first of its sockets' folders and of its addresses; empty: none, or while it starts none yet */
  listens: { port: number; socketFolder: string; address: string };
}

/**
 * All processes of PostgreSQL that work in a data directory: the postmaster, its children, and children that outlived it.
 * They stay in it for as long as they live, whatever they are called. Those of other accounts are seen by root alone, and
 * those of other containers by nobody.
 */
export function clusterProcesses(dataDir: string): ProcessIdentity[] {
  const place = realFolder(dataDir);
  if (place === undefined) return [];
  return readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry) && worksIn(entry, place))
    .map((entry) => identify(Number(entry)))
    .filter((one) => one !== undefined);
}

/**
 * The one that postmaster.pid names, if it is there and works there: its number may be another program's by now.
 * Source: https://github.com/postgres/postgres/blob/REL_18_STABLE/src/include/utils/pidfile.h
 */
export function findPostmaster(dataDir: string): Postmaster | undefined {
  const place = realFolder(dataDir);
  const lines = readPidFile(dataDir);
  if (place === undefined || lines === undefined) return undefined;
  const [pid = '', , startedAt = '', port = '', socketFolder = '', address = '', , status = ''] = lines;
  const number = Math.abs(Number.parseInt(pid, 10)); // with a minus sign in single-user mode
  if (!Number.isInteger(number) || !worksIn(String(number), place)) return undefined;
  const identity = identify(number);
  if (!identity) return undefined;
  const listens = { port: Number(port), socketFolder: socketFolder.trim(), address: address.trim() };
  return { ...identity, startedAtSeconds: Number(startedAt), status: statusOf(status.trim()), listens };
}

/** Whether postmaster.pid names a process that is there, but cannot be looked into. */
export function isHidden(dataDir: string): boolean {
  const pid = Math.abs(Number.parseInt(readPidFile(dataDir)?.[0] ?? '', 10));
  if (!Number.isInteger(pid) || !existsSync(`/proc/${pid}`)) return false;
  try {
    readlinkSync(`/proc/${pid}/cwd`);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EACCES';
  }
}

/** By SIGSTOP: it heeds no other signal than SIGKILL, however long one waits. */
export function isSuspended(pid: number): boolean {
  try {
    return /^State:\tT /m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false; // it has ended
  }
}

const states = ['starting', 'stopping', 'ready', 'standby'] as const;
const statusOf = (text: string): Postmaster['status'] => states.find((state) => state === text) ?? 'unknown';

/** Somebody's shell in that folder is none of PostgreSQL's. After an upgrade the program may be deleted already. */
function worksIn(pid: string, place: string): boolean {
  try {
    if (readlinkSync(`/proc/${pid}/cwd`) !== place) return false;
    return basename(readlinkSync(`/proc/${pid}/exe`)).includes('postgres');
  } catch {
    return false; // it has ended, or is somebody else's
  }
}

function readPidFile(dataDir: string): string[] | undefined {
  try {
    return readFileSync(join(dataDir, 'postmaster.pid'), 'utf8').split('\n');
  } catch {
    return undefined; // no server has run since the last clean stop
  }
}

function realFolder(path: string): string | undefined {
  try {
    return realpathSync(path);
  } catch {
    return undefined;
  }
}
