import { constants, copyFileSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { formatLsn, type Lsn } from '#model/lsn';
import { formatTimeline, type Timeline } from '#model/timeline';
import { isSegmentName, parseSegmentName, segmentAt, segmentName } from '#model/wal-segment';
import { syncFileSystem, syncFolder } from './durably.ts';

export interface Diverged {
  dataDir: string;
  site: string;
  systemId: string;
  segmentSize: number;
  /** where the primary left it, and the timeline that both were on there */
  divergedAt: Lsn;
  timeline: Timeline;
  /** where this server's own WAL ends, and on which timeline */
  end: Lsn;
  lastTimeline: Timeline;
  now: Date;
}

/**
 * Copy what a server wrote, and its primary never got, to a folder beside: the WAL from the fork on, its timelines, and
 * its pg_control. The folder is there under its name once all of it is. Answers the folder and how much that is.
 */
export function keepDiverged(diverged: Diverged): { path: string; bytes: number } {
  const { dataDir, now } = diverged;
  const path = `${dataDir}.diverged-${now.toISOString().replace(/[-:]|\.\d+/g, '')}`;
  const partial = `${path}.partial`;
  rmSync(partial, { recursive: true, force: true });
  mkdirSync(partial, { recursive: true, mode: 0o700 });
  const names = readdirSync(join(dataDir, 'pg_wal')).filter((name) => belongs(name, diverged));
  for (const name of names)
    copyFileSync(join(dataDir, 'pg_wal', name), join(partial, name), constants.COPYFILE_FICLONE);
  copyFileSync(join(dataDir, 'global', 'pg_control'), join(partial, 'pg_control'));
  writeFileSync(join(partial, 'README'), readme(diverged, path), { mode: 0o600 });
  syncFileSystem(partial);
  renameSync(partial, path);
  syncFolder(dirname(path));
  return { path, bytes: names.filter(isSegmentName).length * diverged.segmentSize };
}

/** Segments behind the end are old ones with the names of those to come. */
function belongs(name: string, { divergedAt, timeline, end, lastTimeline, segmentSize }: Diverged): boolean {
  const history = /^([0-9A-F]{8})\.history$/.exec(name)?.[1];
  if (history !== undefined) return Number.parseInt(history, 16) <= lastTimeline;
  if (!isSegmentName(name)) return false;
  const segment = parseSegmentName(name, segmentSize);
  const from = segmentAt(timeline, divergedAt, segmentSize).number;
  const to = segmentAt(timeline, end, segmentSize).number;
  return (
    segment.timeline >= timeline && segment.timeline <= lastTimeline && segment.number >= from && segment.number <= to
  );
}

function readme({ site, systemId, divergedAt, timeline, end, lastTimeline, segmentSize, now }: Diverged, path: string) {
  const first = segmentName(segmentAt(timeline, divergedAt, segmentSize), segmentSize);
  return [
    `What the PostgreSQL server at ${site} (system ${systemId}) wrote after its standby had become the primary, and what`,
    `nobody else has: its WAL from ${formatLsn(divergedAt)} on timeline ${timeline} to ${formatLsn(end)}` +
      `${lastTimeline === timeline ? '' : ` on timeline ${lastTimeline}`}, and its pg_control. Kept ${now.toISOString()},`,
    'before the server was made a standby. To see which tables were written to, and with what:',
    '',
    `    pg_waldump --path '${path}' --timeline ${timeline} --start ${formatLsn(divergedAt)} ${first}`,
    '',
    'A record of resource manager Heap names database and table by their oids (rel 1663/DATABASE/FILENODE: see',
    'pg_filenode_relation); COMMIT tells the time. The values stand in the records as they stand in the pages: search the',
    `segments for them, e.g. grep -a. With --save-fullpage=DIR (PostgreSQL 16 and later) whole pages can be taken out.`,
    `Remove this folder when nobody misses anything. Timeline ${formatTimeline(timeline)} is also in the bucket as far as it was stored.`,
    '',
  ].join('\n');
}
