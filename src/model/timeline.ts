import { InputInvalid } from '#model/failure';
import { type Lsn, parseLsn } from '#model/lsn';

/** A timeline id: 1 for a fresh cluster, one more after each promotion. */
export type Timeline = number;

/** One ancestor in a history file: timeline `timeline` was left at `switchpoint` for the next one. */
export interface TimelineSwitch {
  timeline: Timeline;
  switchpoint: Lsn;
  reason: string;
}

/** The path to a timeline: its ancestors, oldest first, and itself. Timeline 1 has no ancestors. */
export interface TimelineHistory {
  timeline: Timeline;
  ancestors: readonly TimelineSwitch[];
}

/** As in WAL file names: eight hexadecimal digits. */
export const formatTimeline = (timeline: Timeline): string => timeline.toString(16).toUpperCase().padStart(8, '0');

export const historyFileName = (timeline: Timeline): string => `${formatTimeline(timeline)}.history`;

/**
 * Read a timeline history file: lines `parent<TAB>switchpoint<TAB>reason`, `#` begins a comment.
 * @throws InputInvalid for a line that is neither, or ancestors that do not increase.
 * Source: https://www.postgresql.org/docs/current/continuous-archiving.html#BACKUP-TIMELINES and timeline.c
 */
export function parseHistory(timeline: Timeline, content: string): TimelineHistory {
  const field = historyFileName(timeline);
  const ancestors: TimelineSwitch[] = [];
  for (const raw of content.split('\n')) {
    const line = raw.trim();
    if (line === '' || line.startsWith('#')) continue;
    const match = /^(\d{1,10})\s+([0-9A-Fa-f]+\/[0-9A-Fa-f]+)(?:\s+(.*))?$/.exec(line);
    if (!match) throw new InputInvalid(field, line, 'lines of timeline, switch point and reason');
    const ancestor = { timeline: Number(match[1]), switchpoint: parseLsn(match[2]!, field), reason: match[3] ?? '' };
    const previous = ancestors.at(-1);
    if (previous && (ancestor.timeline <= previous.timeline || ancestor.switchpoint < previous.switchpoint)) {
      throw new InputInvalid(field, line, 'timelines and switch points in increasing order');
    }
    ancestors.push(ancestor);
  }
  const last = ancestors.at(-1);
  if (last && last.timeline >= timeline) {
    throw new InputInvalid(field, last.timeline, `ancestors older than timeline ${timeline}`);
  }
  return { timeline, ancestors };
}

/**
 * Where a timeline begins and ends on a path: `[from, to)`; `to` is undefined for the path's last timeline.
 * undefined when the timeline is not on the path.
 */
export function spanOnPath(path: TimelineHistory, timeline: Timeline): { from: Lsn; to: Lsn | undefined } | undefined {
  let from = 0n as Lsn;
  for (const ancestor of path.ancestors) {
    if (ancestor.timeline === timeline) return { from, to: ancestor.switchpoint };
    from = ancestor.switchpoint;
  }
  return path.timeline === timeline ? { from, to: undefined } : undefined;
}

/** Does a cluster that was at `position` on `timeline` reach this path's timeline by replaying it? */
export function isOnPath(path: TimelineHistory, timeline: Timeline, position: Lsn): boolean {
  const span = spanOnPath(path, timeline);
  return span !== undefined && position >= span.from && (span.to === undefined || position <= span.to);
}
