import { formatDuration } from '#model/duration';
import type { NoticeInput } from '#model/notice';
import { shellWord } from './shell-word.ts';

/*
 * Notices that no state machine publishes: what the watch and the daemon find. Each has a key of its own (`receiver main`), so
 * that it is told once and not every minute, and that `fineAgain` with the same key ends it.
 */

export const noticeKeys = {
  gap: (source: string, after: string) => `gap ${source} ${after}`,
  receiver: (source: string) => `receiver ${source}`,
  rpo: (source: string) => `rpo ${source}`,
  rto: (source: string) => `rto ${source}`,
  overdue: (source: string, kind: 'full' | 'incremental' | 'drill') => `overdue ${source} ${kind}`,
  deadEvent: (id: string) => `dead event ${id}`,
  crash: (startedAt: string) => `crash ${startedAt}`,
};

/** WAL that must be continuous is not. LSNs as PostgreSQL prints them; `foundAt` is when the gap was seen. */
export function walGap(gap: {
  source: string;
  timeline: number;
  /** stored up to here, and again from there */
  after: string;
  before: string;
  foundAt: Date;
}): NoticeInput {
  const { source, timeline, after, before, foundAt } = gap;
  return failure(source, 'the stored WAL has a gap', {
    what:
      `Between ${after} and ${before} on timeline ${timeline} no WAL is stored. No backup that was taken before the gap reaches ` +
      'a point behind it. Everything before the gap can be restored; what is written from now on is only protected by a new full backup.',
    since: foundAt,
    todo: `lifeboat backup --source ${shellWord(source)} --type full`,
    dedupe: noticeKeys.gap(source, after),
  });
}

/** The receiver runs and stores nothing, or does not run. `lastStoredAt` undefined: nothing is stored yet. */
export function receiverStands(receiver: {
  source: string;
  lastStoredAt: Date | undefined;
  reason: string;
  now: Date;
}): NoticeInput {
  const { source, lastStoredAt, reason, now } = receiver;
  const lost =
    lastStoredAt === undefined
      ? 'No WAL is stored yet.'
      : `The last WAL was stored ${ago(lastStoredAt, now)} ago. If the server's machine were lost now, all that was written since would be.`;
  return failure(source, 'the WAL receiver stands still', {
    what: `${lost} The server keeps its WAL for the slot until its disk is full.\n\n${reason}`.trim(),
    since: lastStoredAt,
    todo: `lifeboat status --source ${shellWord(source)}`,
    dedupe: noticeKeys.receiver(source),
  });
}

export function rpoAboveTier(measured: {
  source: string;
  rpoMs: number;
  promisedMs: number;
  since: Date;
}): NoticeInput {
  const { source, rpoMs, promisedMs, since } = measured;
  return failure(source, `${formatDuration(rpoMs)} could be lost, promised are ${formatDuration(promisedMs)}`, {
    what: `If the source died now, what was written in the last ${formatDuration(rpoMs)} would be lost. The plan promises at most ${formatDuration(promisedMs)}.`,
    since,
    todo: `lifeboat status --source ${shellWord(source)}`,
    dedupe: noticeKeys.rpo(source),
  });
}

export function rtoAboveTier(measured: {
  source: string;
  rtoMs: number;
  promisedMs: number;
  backup: string;
  since: Date;
}): NoticeInput {
  const { source, rtoMs, promisedMs, backup, since } = measured;
  return failure(source, `a restore takes ${formatDuration(rtoMs)}, promised are ${formatDuration(promisedMs)}`, {
    what:
      `Measured by restoring ${backup}. The plan promises to be back in ${formatDuration(promisedMs)}. ` +
      'More frequent full backups leave less WAL to replay; a faster disk or bucket shortens the rest.',
    since,
    todo: `lifeboat drill --source ${shellWord(source)}`,
    dedupe: noticeKeys.rto(source),
  });
}

/** The plan's schedule says that one should be there. `lastAt` undefined: there is none at all. */
export function overdue(missing: {
  source: string;
  kind: 'full' | 'incremental' | 'drill';
  dueAt: Date;
  lastAt: Date | undefined;
}): NoticeInput {
  const { source, kind, dueAt, lastAt } = missing;
  const thing = kind === 'drill' ? 'drill' : `${kind} backup`;
  const command = kind === 'drill' ? 'drill' : 'backup';
  const type = kind === 'drill' ? '' : ` --type ${kind}`;
  return failure(source, `a ${thing} is overdue`, {
    what: `It was due at ${dueAt.toISOString()}. ${lastAt === undefined ? 'There has been none at all.' : `The last one ended at ${lastAt.toISOString()}.`}`,
    since: dueAt,
    todo: `lifeboat ${command} --source ${shellWord(source)}${type}`,
    dedupe: noticeKeys.overdue(source, kind),
  });
}

/** An event that no try could handle lies aside. */
export function eventDead(event: {
  id: string;
  about: string;
  target: string;
  tries: number;
  reason: string;
  firstAt: Date;
}): NoticeInput {
  const { id, about, target, tries, reason, firstAt } = event;
  return failure(about, `an event could not be handled by ${target}`, {
    what: `It was tried ${tries} times and is laid aside. Last time: ${reason}\n\nUntil it is handled, what depends on it is not checked or not listed.`,
    since: firstAt,
    todo: 'lifeboat status',
    dedupe: noticeKeys.deadEvent(id),
  });
}

/** The daemon did not end as it should have. `resumed`: what goes on; `left`: what somebody has to look at. */
export function startedAfterCrash(start: {
  host: string;
  startedAt: Date;
  lastSeenAt: Date | undefined;
  resumed: readonly string[];
  left: readonly string[];
}): NoticeInput {
  const { host, startedAt, lastSeenAt, resumed, left } = start;
  const listed = (title: string, items: readonly string[]) =>
    items.length === 0 ? [] : [title, ...items.map((item) => `- ${item}`)];
  return failure(host, 'lifeboat started again after it had ended unexpectedly', {
    what: [
      lastSeenAt === undefined ? 'When it ended is not known.' : `It was last alive at ${lastSeenAt.toISOString()}.`,
      ...listed('Going on:', resumed),
      ...listed('NOT going on:', left),
      ...(resumed.length + left.length === 0 ? ['Nothing was interrupted.'] : []),
    ].join('\n'),
    since: lastSeenAt ?? startedAt,
    todo: 'lifeboat executions',
    dedupe: noticeKeys.crash(startedAt.toISOString()),
  });
}

/** Ends what was told with that key. Who was told of the failure is told this, too. */
export function fineAgain(over: {
  subject: string;
  title: string;
  dedupe: string;
  since: Date;
  now: Date;
}): NoticeInput {
  const { subject, title, dedupe, since, now } = over;
  return {
    format: 'lifeboat-notice/1',
    occasion: 'success',
    subject,
    title,
    what: `It is fine again after ${ago(since, now)}.`,
    since: now.toISOString(),
    dedupe,
    recovered: true,
  };
}

function failure(
  subject: string,
  title: string,
  { since, ...rest }: { what: string; since: Date | undefined; todo: string; dedupe: string },
): NoticeInput {
  return {
    format: 'lifeboat-notice/1',
    occasion: 'failure',
    subject,
    title,
    since: since?.toISOString() ?? null,
    ...rest,
  };
}

const ago = (then: Date, now: Date): string => formatDuration(Math.max(0, now.getTime() - then.getTime()));
