import {
  chmodSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { isAbsolute, join, resolve } from 'node:path';
import { RestoreFailed } from '#model/failure';
import type { Tablespace } from '#postgres/base-backup';
import type { Environment } from '#runtime/environment';
import { stopOrphanedServer } from '#runtime/orphaned-server';
import { markOfThisProcess, type ProcessMark, stateOf } from '#runtime/process-identity';

/*
 * Where drills restore to: a folder for each, with the cluster and a note of whose it is.
 *
 *     <LIFEBOAT_DRILL_DIR, else the folder for temporary files>/<execution name>-<step>/
 *         lifeboat.drill.json    which process works here
 *         data/  tablespaces/<oid>/
 *
 * A drill removes its folder however it ends. What a drill that was killed left, its server included, is removed by the
 * next one.
 */
const ownerName = 'lifeboat.drill.json';

export interface DrillPlace {
  folder: string;
  dataDir: string;
  /** for planLayout: a place in the folder for each tablespace */
  mappings(tablespaces: readonly Tablespace[]): string[];
  remove(): void;
}

/** The folder that holds the drills' folders. */
export const drillsFolder = ({ LIFEBOAT_DRILL_DIR }: Environment): string => resolve(LIFEBOAT_DRILL_DIR || tmpdir());

/** @throws RestoreFailed when the folder cannot be made, or another drill works there */
export function takeDrillPlace(parent: string, name: string): DrillPlace {
  const folder = join(parent, name);
  const spaces = join(folder, 'tablespaces');
  try {
    mkdirSync(parent, { recursive: true });
    makeFolder(mkdtempSync(`${folder}.`), folder);
  } catch (cause) {
    throw placeUnusable(folder, cause as NodeJS.ErrnoException);
  }
  return {
    folder,
    dataDir: join(folder, 'data'),
    // one inside the data directory stays there
    mappings: (tablespaces) =>
      tablespaces.filter(({ location }) => isAbsolute(location)).map(({ oid }) => `${oid}=${join(spaces, oid)}`),
    remove: () => removeFolder(folder),
  };
}

/** It gets its name when it says whose it is. The server's account has to get through, and need not look around. */
function makeFolder(made: string, folder: string): void {
  try {
    writeFileSync(join(made, ownerName), `${JSON.stringify(markOfThisProcess())}\n`, { mode: 0o600 });
    mkdirSync(join(made, 'tablespaces'));
    for (const path of [made, join(made, 'tablespaces')]) chmodSync(path, 0o711);
    renameSync(made, folder);
  } catch (error) {
    rmSync(made, { recursive: true, force: true });
    throw error;
  }
}

function placeUnusable(folder: string, cause: NodeJS.ErrnoException): RestoreFailed {
  const isTaken = cause.code === 'ENOTEMPTY' || cause.code === 'EEXIST' || cause.code === 'ENOTDIR';
  return new RestoreFailed(`${folder} cannot be made for a drill: ${cause.code}`, {
    operation: 'drill',
    subject: folder,
    hint: isTaken
      ? 'another drill works there, or something else of that name has to be removed'
      : 'name a folder that this account may write to: LIFEBOAT_DRILL_DIR',
    cause,
  });
}

/** Removes what drills left whose process is gone. Answers their folders. */
export async function removeDeadDrills(parent: string): Promise<string[]> {
  const removed: string[] = [];
  // what is no folder is told when a drill wants its place there
  const names = statSync(parent, { throwIfNoEntry: false })?.isDirectory() ? readdirSync(parent) : [];
  for (const name of names.sort()) {
    const folder = join(parent, name);
    if (!isDead(folder)) continue;
    await stopOrphanedServer(join(folder, 'data'));
    removeFolder(folder);
    removed.push(folder);
  }
  return removed;
}

function isDead(folder: string): boolean {
  try {
    // In a folder where everybody may write, others could lay out what we then remove for them.
    const found = lstatSync(folder);
    if (!found.isDirectory() || found.uid !== userInfo().uid) return false;
    return stateOf(JSON.parse(readFileSync(join(folder, ownerName), 'utf8')) as ProcessMark) === 'gone';
  } catch {
    return false; // none of ours, or it has just gone
  }
}

/** What says whose it is goes last: a removal that is killed is taken up again. */
function removeFolder(folder: string): void {
  for (const name of ['data', 'tablespaces', '']) {
    // a command that the server began may still be writing there
    rmSync(join(folder, name), { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
  }
}
