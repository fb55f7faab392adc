import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statfsSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { InputInvalid, RestoreFailed } from '#model/failure';
import { heldBack } from '#recovery/write-archive';

/** What the directory of a restored cluster says about its restore: under way, or how it ended. */
export const recordName = 'lifeboat.restore.json';

export interface PlaceOptions {
  /** rename what lies there instead of refusing */
  setAside: boolean;
  /** raw bytes that are going to be written to the data directory's file system */
  neededBytes: number;
  now: Date;
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
    if (state !== 'occupied') continue;
    if (isRunning(place)) {
      throw new InputInvalid('restore directory', place, 'one without a running server', 'stop the server first');
    }
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

export function placeState(place: string): PlaceState {
  if (!existsSync(place)) return 'missing';
  const entries = readdirSync(place).filter((name) => name !== 'lost+found');
  if (entries.length === 0) return 'empty';
  return isLeftOver(place) ? 'left over' : 'occupied';
}

/** Of a restore that was killed: it has our record, and no control file yet, so that no server ever ran on it. */
function isLeftOver(place: string): boolean {
  const record = join(place, recordName);
  return (
    existsSync(record) &&
    !existsSync(join(place, heldBack.path)) &&
    readFileSync(record, 'utf8').includes('"restoring"')
  );
}

const isRunning = (place: string): boolean => {
  const pidFile = join(place, 'postmaster.pid');
  if (!existsSync(pidFile)) return false;
  const pid = Number.parseInt(readFileSync(pidFile, 'utf8'), 10);
  return Number.isInteger(pid) && existsSync(`/proc/${pid}`);
};

function checkSpace(place: string, neededBytes: number): void {
  let existing = place;
  while (!existsSync(existing)) existing = dirname(existing);
  const { bavail, bsize } = statfsSync(existing);
  const freeBytes = bavail * bsize;
  if (freeBytes >= neededBytes) return;
  throw new RestoreFailed(`${place}: ${neededBytes} bytes are needed, ${freeBytes} are free`, {
    operation: 'restore',
    subject: place,
    hint: 'make room, or restore to another disk',
  });
}

/** Make the places ready, and mark the data directory. Answers where things were set aside. */
export function takePlaces(places: readonly string[], options: PlaceOptions): string[] {
  const aside: string[] = [];
  for (const place of places) {
    const state = placeState(place);
    if (state === 'occupied') {
      const name = `${place}.set-aside-${options.now.toISOString().replace(/[-:]|\.\d+/g, '')}`;
      renameSync(place, name);
      aside.push(name);
    }
    if (state === 'left over') empty(place);
    mkdirSync(place, { recursive: true, mode: 0o700 });
  }
  writeRecord(places[0]!, { state: 'restoring', startedAt: options.now.toISOString() });
  return aside;
}

/** A restore that failed before its control file was there leaves nothing. */
export function clearPlaces(places: readonly string[]): void {
  for (const place of places) empty(place);
}

function empty(place: string): void {
  for (const name of readdirSync(place)) {
    if (name !== 'lost+found') rmSync(join(place, name), { recursive: true, force: true });
  }
}

export function writeRecord(dataDir: string, record: object): void {
  writeFileSync(join(dataDir, recordName), `${JSON.stringify(record, null, 2)}\n`, { mode: 0o600 });
}
