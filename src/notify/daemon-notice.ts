import { dirname } from 'node:path';
import { formatDuration } from '#model/duration';
import type { NoticeInput } from '#model/notice';
import { diedUntold, executionNotice } from './execution-notice.ts';
import { shellWord } from './shell-word.ts';

/*
 * What the daemon tells of its own work. The key says what it is about, so that the same is told once and not every time.
 */

/** An event that no try could handle, or that is none. `tries`: 0 when none could be made */
export interface DeadEvent {
  /** undefined when nobody can say which object's it was */
  key: string | undefined;
  /** the file that is kept of it */
  place: string;
  tries: number;
  reason: string;
  /** when its object began to be put */
  begunAt: Date;
}

export function eventDead({ key, place, tries, reason, begunAt }: DeadEvent): NoticeInput {
  const source = key?.split('/')[0] || 'events';
  return {
    format: 'lifeboat-notice/1',
    occasion: 'failure',
    subject: source,
    title: 'an event could not be handled',
    what:
      `The event of ${key ?? place} ${tries === 0 ? '' : `was tried ${tries} times and `}is laid aside: ${reason}\n\n` +
      'Until it is handled, what depends on it is not checked or not listed. Once the cause is gone, move it back.',
    since: begunAt.toISOString(),
    todo: `mv ${shellWord(place)} ${shellWord(dirname(dirname(place)))}/`,
    // what fails one event fails many
    dedupe: `dead events ${source}`,
  };
}

/** The daemon did not end as it should have. `resumed`: what goes on */
export function startedAfterCrash(start: { host: string; startedAt: Date; resumed: readonly string[] }): NoticeInput {
  const { host, startedAt, resumed } = start;
  const goesOn =
    resumed.length === 0 ? ['Nothing was interrupted.'] : ['Going on:', ...resumed.map((one) => `- ${one}`)];
  return {
    format: 'lifeboat-notice/1',
    occasion: 'failure',
    subject: host,
    title: 'lifeboat started again after it had ended unexpectedly',
    what: ['When it ended is not known.', ...goesOn].join('\n'),
    since: startedAt.toISOString(),
    todo: 'lifeboat executions',
    dedupe: `crash ${startedAt.toISOString()}`,
  };
}

/** What a schedule begins cannot be begun, again and again. */
export interface StartFailing {
  /** a function or a machine */
  what: string;
  since: Date;
  /** of the last time */
  reason: string;
}

export const startFailing = ({ what, since, reason }: StartFailing): NoticeInput => ({
  format: 'lifeboat-notice/1',
  occasion: 'failure',
  subject: what,
  title: `the schedule's ${what} fails each time`,
  what:
    `${reason}\n\n` +
    (what === 'watch' ? 'Until it works again, nobody is told of what else goes wrong.' : 'It is tried again.'),
  since: since.toISOString(),
  todo: 'lifeboat status',
  dedupe: `start ${what}`,
});

/** Ends what was told with `startFailing`. */
export const startWorks = ({ what, since }: StartFailing, now: Date): NoticeInput => ({
  format: 'lifeboat-notice/1',
  occasion: 'success',
  subject: what,
  title: `over: the schedule's ${what} fails each time`,
  what: `It works again after ${formatDuration(Math.max(0, now.getTime() - since.getTime()))}.`,
  since: now.toISOString(),
  dedupe: `start ${what}`,
  recovered: true,
});

/** An execution that ended, as far as it matters here. */
export interface EndedExecution {
  arn: string;
  machine: string;
  name: string;
  startDate: string;
  ending: { status: string; error?: string; cause?: string } | undefined;
}

/** A machine tells of its failures itself, but not of its own death; undefined when there is nothing left to tell. */
export function executionDied({ arn, machine, name, startDate, ending }: EndedExecution): NoticeInput | undefined {
  if (!ending || ending.status === 'SUCCEEDED' || ending.status === 'ABORTED' || !diedUntold(ending)) return undefined;
  return executionNotice({ arn, machine, name, since: startDate, ...ending });
}
