import { dirname } from 'node:path';
import type { NoticeInput } from '#model/notice';
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
