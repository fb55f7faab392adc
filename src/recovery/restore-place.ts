import {
  accessSync,
  constants,
  existsSync,
  lchownSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readlinkSync,
  renameSync,
  rmSync,
  statfsSync,
  symlinkSync,
  unlinkSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { InputInvalid, RestoreFailed } from '#model/failure';
import { overlap } from '#recovery/overlapping-folders';
import { isBusy, type Restorer, recordName, restoringRecord, writeRecord } from '#recovery/restore-record';
import { isRunning } from '#recovery/running-clusters';
import { heldBack } from '#recovery/write-archive';

export interface PlaceOptions {
  /** rename what lies there instead of refusing */
  setAside: boolean;
  /** raw bytes that are going to be written to the data directory's file system */
  neededBytes: number;
  now: Date;
  /** what must never be renamed or written into: the bucket, where that is a directory */
  untouchable: readonly string[];
  /** who we are: a restore that is still under way is left alone */
  restorer: Restorer;
}

/** A directory, and what has to happen to it before a restore may write there. */
export type PlaceState = 'missing' | 'empty' | 'left over' | 'occupied';

/**
 * Look at every directory that will be written to, before any of them is touched.
 * @throws InputInvalid for a running server's or an occupied one; RestoreFailed when the disk is too small
 */
export function checkPlaces(places: readonly string[], options: PlaceOptions): void {
  for (const place of places) {
    const state = placeState(place);
    checkWritable(place);
    const touched = options.untouchable.find((folder) => overlap(folder, place));
    if (touched !== undefined) {
      throw new InputInvalid('restore directory', place, `one that is neither in ${touched} nor around it`);
    }
    if (isBusy(place, options.restorer)) {
      const hint = 'let it finish or stop it, or restore somewhere else';
      throw new InputInvalid('restore directory', place, 'one that no other restore is writing to', hint);
    }
    if (isRunning(place)) {
      const hint = existsSync(join(place, 'PG_VERSION'))
        ? `stop the server first: pg_ctl stop -D ${place}`
        : 'files of a running server lie there: restore somewhere else (--to, --tablespace OLD=NEW)';
      throw new InputInvalid('restore directory', place, 'one without a running server', hint);
    }
    if (state !== 'occupied') continue;
    if (options.setAside) continue;
    throw new InputInvalid(
      'restore directory',
      place,
      'a missing or empty directory',
      'restore somewhere else (--to, --tablespace OLD=NEW), or pass --set-aside to rename what lies there',
    );
  }
  checkSpace(places[0]!, options.neededBytes);
}

/** @throws InputInvalid for what is no directory, or none of ours */
export function placeState(place: string): PlaceState {
  const entries = entriesOf(place);
  if (entries === undefined) return 'missing';
  if (entries.length === 0) return 'empty';
  return isLeftOver(place) ? 'left over' : 'occupied';
}

function entriesOf(place: string): string[] | undefined {
  try {
    return readdirSync(place).filter((name) => name !== 'lost+found');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return undefined;
    throw placeUnusable(place, code);
  }
}

function placeUnusable(place: string, code = 'unknown error'): InputInvalid {
  return new InputInvalid(
    'restore directory',
    place,
    `a directory that this account may write to, got ${code}`,
    'restore somewhere else (--to, --tablespace OLD=NEW), or run as an account that may',
  );
}

/**
 * Of a restore that was killed: it has our record, and no server ever wrote there anything of its own. PostgreSQL
 * removes recovery.signal when it ends recovery, before it takes the first transaction.
 */
function isLeftOver(place: string): boolean {
  if (!restoringRecord(place)) return false;
  return !existsSync(join(place, heldBack.path)) || existsSync(join(place, 'recovery.signal'));
}

function checkWritable(place: string): void {
  try {
    accessSync(nearestExisting(place), constants.W_OK | constants.X_OK);
  } catch (error) {
    throw placeUnusable(place, (error as NodeJS.ErrnoException).code);
  }
}

function nearestExisting(place: string): string {
  let existing = place;
  while (!existsSync(existing)) existing = dirname(existing);
  return existing;
}

function checkSpace(place: string, neededBytes: number): void {
  const { bavail, bsize } = statfsSync(nearestExisting(place));
  const freeBytes = bavail * bsize;
  if (freeBytes >= neededBytes) return;
  throw new RestoreFailed(`${place}: ${neededBytes} bytes are needed, ${freeBytes} are free`, {
    operation: 'restore',
    subject: place,
    hint: 'make room, or restore to another disk',
  });
}

/** What was renamed: a place, and what it is called now. */
export type SetAside = ReadonlyMap<string, string>;

/** Make the places ready, and mark them. Answers where things were set aside. */
export function takePlaces(places: readonly string[], options: PlaceOptions): SetAside {
  const aside = new Map<string, string>();
  try {
    for (const place of places) {
      const state = placeState(place);
      if (state === 'occupied') aside.set(place, setAside(place, options.now));
      if (state === 'left over') empty(place);
      mkdirSync(place, { recursive: true, mode: 0o700 });
    }
    for (const name of aside.values()) relink(name, aside);
    const record = { state: 'restoring', startedAt: options.now.toISOString(), ...options.restorer };
    for (const place of places) writeRecord(place, record);
  } catch (failure) {
    putBack(aside);
    throw failure;
  }
  return aside;
}

function setAside(place: string, now: Date): string {
  const name = `${place}.set-aside-${now.toISOString().replace(/[-:]|\.\d+/g, '')}`;
  try {
    renameSync(place, name);
    return name;
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    throw new RestoreFailed(`${place} cannot be set aside: ${code}`, {
      operation: 'restore',
      subject: place,
      hint: 'a mount point cannot be renamed: restore to a folder inside it, or move what lies there yourself',
      cause,
    });
  }
}

/** From now on a server may run there: what lies in tablespaces is no longer ours to clear away. */
export function releaseTablespaces([, ...tablespaces]: readonly string[]): void {
  for (const place of tablespaces) rmSync(join(place, recordName), { force: true });
}

/** A command that the server began, and that outlives it for a moment, may still write there. */
const removal = { recursive: true, force: true, maxRetries: 10, retryDelay: 100 } as const;

/** A restore that failed before its control file was there leaves nothing, and what was set aside comes back. */
export function clearPlaces(places: readonly string[], aside: SetAside): void {
  for (const place of places) empty(place);
  putBack(aside);
}

/** Where something was set aside, what lies there now is ours alone. */
function putBack(aside: SetAside): void {
  const back = new Map([...aside].map(([place, name]) => [name, place]));
  for (const [place, name] of aside) {
    rmSync(place, removal);
    relink(name, back);
    renameSync(name, place);
  }
}

/** A cluster's links to its tablespaces follow them: else it would run on those of the restored one. */
function relink(dataDir: string, moved: ReadonlyMap<string, string>): void {
  const folder = join(dataDir, 'pg_tblspc');
  if (!existsSync(folder)) return;
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const link = join(folder, entry.name);
    const to = entry.isSymbolicLink() ? moved.get(readlinkSync(link)) : undefined;
    if (to === undefined) continue;
    const { uid, gid } = lstatSync(link);
    unlinkSync(link);
    symlinkSync(to, link);
    lchownSync(link, uid, gid);
  }
}

function empty(place: string): void {
  for (const name of readdirSync(place)) {
    if (name !== 'lost+found') rmSync(join(place, name), removal);
  }
}
