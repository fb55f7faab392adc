import type { Lsn } from '#model/lsn';
import type { Timeline, TimelineHistory } from '#model/timeline';
import type { ControlFile } from '#postgres/control-file';

/** How a server's files can become a standby of the primary, the cheapest way first. */
export type RebuildChoice =
  /** they end where the primary's timeline has forked off, or before: it only has to be told whom to follow */
  | {
      how: 'followed';
      /** of a standby: where its timeline was left; WAL beyond, received and never replayed, may lie in its pg_wal */
      left?: { at: Lsn; timeline: Timeline };
    }
  /** they go on where the primary has gone another way: what is beyond has to be taken back */
  | { how: 'rewound'; divergedAt: Lsn; timeline: Timeline; end: Lsn }
  /** nothing says where they part */
  | { how: 'restored'; why: string }
  /** where the files end is not known before their crash recovery */
  | { how: 'settled first' };

type Ended = Pick<
  ControlFile,
  'state' | 'timeline' | 'checkpoint' | 'minRecoveryPoint' | 'minRecoveryPointTimeline' | 'backupStartPoint'
>;

/**
 * `own`: the history of the timeline that `timelineOf` tells; `primary`: that of the timeline which the primary writes.
 * A fork is the end of a record that both have, so a record that begins before it is the same on both sides. Whoever was
 * shut down as a primary ends with the record of a checkpoint; whoever was as a standby, at its minimum recovery point.
 */
export function chooseRebuild(control: Ended, own: TimelineHistory, primary: TimelineHistory): RebuildChoice {
  if (control.backupStartPoint !== 0n)
    return { how: 'restored', why: 'its files are of a copy that was never complete' };
  const asPrimary = control.state === 'shut down';
  if (!asPrimary && control.state !== 'shut down in recovery') return { how: 'settled first' };
  const end = endOf(control);
  const fork = forkOf(own, primary);
  if (!fork) return { how: 'restored', why: `timeline ${own.timeline} has nothing in common with the primary's` };
  if (fork.at === undefined) {
    if (!asPrimary) return { how: 'followed' };
    return { how: 'restored', why: `it was a primary on the timeline ${own.timeline}, which another one writes now` };
  }
  const shared = asPrimary ? end < fork.at : end <= fork.at;
  if (shared && fork.timeline === own.timeline)
    return { how: 'followed', ...(!asPrimary && { left: { at: fork.at, timeline: fork.timeline } }) };
  return { how: 'rewound', divergedAt: fork.at, timeline: fork.timeline, end };
}

/** The timeline at the end of its WAL, as far as pg_control knows. */
export const timelineOf = ({ timeline, minRecoveryPointTimeline }: Ended): Timeline =>
  Math.max(timeline, minRecoveryPointTimeline);

const endOf = ({ checkpoint, minRecoveryPoint }: Ended): Lsn =>
  minRecoveryPoint > checkpoint ? minRecoveryPoint : checkpoint;

/** The last timeline that both are on, and where the first of them left it; `at` undefined: neither has. */
function forkOf(a: TimelineHistory, b: TimelineHistory): { timeline: Timeline; at: Lsn | undefined } | undefined {
  const [first, second] = [stepsOf(a), stepsOf(b)];
  const common = first.filter(({ timeline }, index) => second[index]?.timeline === timeline).length;
  if (common === 0) return undefined;
  const left = [first, second].map((steps) => steps[common - 1]!.left).filter((position) => position !== undefined);
  return { timeline: first[common - 1]!.timeline, at: left.sort((x, y) => (x < y ? -1 : 1))[0] };
}

const stepsOf = ({ timeline, ancestors }: TimelineHistory): { timeline: Timeline; left: Lsn | undefined }[] => [
  ...ancestors.map((ancestor) => ({ timeline: ancestor.timeline, left: ancestor.switchpoint })),
  { timeline, left: undefined },
];
