import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** What the directory of a restored cluster says about its restore: under way, or how it ended. */
export const recordName = 'lifeboat.restore.json';

/** Who restores. */
export interface Restorer {
  host: string;
  pid: number;
  /** the state machine's execution that it belongs to */
  execution?: string;
}

export interface FoundRecord extends Partial<Restorer> {
  state?: string;
}

export function writeRecord(dataDir: string, record: object): void {
  writeFileSync(join(dataDir, recordName), `${JSON.stringify(record, null, 2)}\n`, { mode: 0o600 });
}

/** undefined where there is none, and where it is none: killed while it was written, or somebody else's. */
export function readRecord(place: string): FoundRecord | undefined {
  const path = join(place, recordName);
  try {
    return existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as FoundRecord) : undefined;
  } catch {
    return undefined; // whoever looks at the place decides
  }
}

/** The mark of a restore that has not ended. */
export function restoringRecord(place: string): FoundRecord | undefined {
  const record = readRecord(place);
  return record?.state === 'restoring' ? record : undefined;
}

/** The mark of a restore whose process is gone. */
export const abandonedRecord = (place: string, restorer: Restorer): FoundRecord | undefined =>
  isBusy(place, restorer) ? undefined : restoringRecord(place);

/** Is the restore that marked this place still running here? A number that another program has by now is no restore. */
export function isBusy(place: string, { host, pid }: Restorer): boolean {
  const record = restoringRecord(place);
  if (record?.host !== host || record.pid === pid) return false;
  try {
    return readFileSync(`/proc/${record.pid}/cmdline`, 'utf8').includes('restore');
  } catch {
    return false; // it has ended
  }
}
