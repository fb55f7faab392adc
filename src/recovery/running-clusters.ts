import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { overlap, realPath } from '#recovery/overlapping-folders';

/**
 * Is it a folder of a running server, in one, or around one? To rename what is around a server is as bad as to rename
 * its own. Servers of other accounts are seen by root alone.
 */
export function isRunning(place: string): boolean {
  if (hasServer(place)) return true;
  return runningClusters()
    .flatMap(foldersOf)
    .some((folder) => overlap(folder, place));
}

function hasServer(dataDir: string): boolean {
  const pidFile = join(dataDir, 'postmaster.pid');
  const lines = existsSync(pidFile) ? unlessGone(() => readFileSync(pidFile, 'utf8')) : undefined;
  // A server in single-user mode writes its number with a minus sign.
  const pid = Math.abs(Number.parseInt(lines ?? '', 10));
  return Number.isInteger(pid) && existsSync(`/proc/${pid}`);
}

/** Servers end and folders go while we look. */
function unlessGone<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return undefined;
    throw error;
  }
}

/** Data directories that a server works in, as far as we may see its processes. */
function runningClusters(): string[] {
  if (!existsSync('/proc')) return [];
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  const folders = new Set(pids.map((pid) => linkTarget(`/proc/${pid}/cwd`)));
  return [...folders].filter((folder): folder is string => folder !== undefined && hasServer(folder));
}

function linkTarget(link: string): string | undefined {
  try {
    return readlinkSync(link);
  } catch {
    return undefined; // it is none, it has just gone, or it is somebody else's
  }
}

/** Tablespaces and a WAL directory know nothing of their cluster, but the cluster has links to them. */
function foldersOf(dataDir: string): string[] {
  const links = join(dataDir, 'pg_tblspc');
  const oids = existsSync(links) ? (unlessGone(() => readdirSync(links)) ?? []) : [];
  const folders = [dataDir, join(dataDir, 'pg_wal'), ...oids.map((oid) => join(links, oid))];
  return folders.map(realPath).filter((folder) => folder !== undefined);
}
