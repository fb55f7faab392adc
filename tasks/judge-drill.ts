import { Failure, RestoreFailed } from '#model/failure';
import { isDamage } from './verify-parts.ts';

/**
 * What a failure on the way says about the backup.
 *
 * broken: it cannot be restored · hindered: nothing; this machine, this account or the store stood in the way ·
 * ask the wal: the server could not fetch WAL, and only reading it tells which of the two it is
 */
export type Judgement = 'broken' | 'hindered' | 'ask the wal';

/** `log`: what the restored server said. A hindrance is looked for first: a full disk makes servers say a lot. */
export function judgeDrill(failure: unknown, log: readonly string[]): Judgement {
  if (hindranceIn(failure, log) !== undefined) return 'hindered';
  if (isDamage(failure)) return 'broken';
  // before there was a server: a program, a place or a right was missing
  const replayed = failure instanceof RestoreFailed && ['replay', 'promote'].includes(failure.operation);
  if (!replayed) return 'hindered';
  return log.some((line) => line.startsWith('lifeboat: ')) ? 'ask the wal' : 'broken';
}

/** The words that name what stood in the way; undefined where none do. */
export function hindranceIn(failure: unknown, log: readonly string[]): string | undefined {
  const message = failure instanceof Error ? failure.message : String(failure);
  const said = [message, ...log];
  const fatal = [message, ...log.filter((line) => /\b(FATAL|PANIC): {2}|was terminated by signal/.test(line))];
  return said.find((line) => noRoom.test(line)) ?? fatal.find((line) => ofTheMachine.test(line));
}

/** The server would go on for ever without taking a connection. */
export const isHopeless = (line: string): boolean => line.includes('FATAL:  database locale is incompatible');

/** The last is what PostgreSQL says where some of a page still had room. */
const noRoom = /No space left on device|Disk quota exceeded|\b(ENOSPC|EDQUOT)\b|wrote only \d+ of \d+ bytes/i;

/** Rights, memory, a library or a locale that is not installed here, and a kill from outside. */
const ofTheMachine = new RegExp(
  [
    'Permission denied',
    'Operation not permitted',
    'Cannot allocate memory',
    'out of memory',
    'could not (?:map|create|resize) (?:anonymous )?shared memory',
    'Too many open files',
    'could not (?:access|load) (?:file|library) "[^"]*"?',
    'database locale is incompatible',
    'terminated by signal 9',
    'unexpected postmaster exit',
    'gave up \\(SIG(?:KILL|TERM)\\)',
  ].join('|'),
);

/** As the drill's own failure: it could not be carried out, which is nothing against the backup. */
export function hindered(failure: unknown, log: readonly string[]): unknown {
  const words = hindranceIn(failure, log);
  if (words === undefined) return failure;
  return new RestoreFailed(`the drill could not be carried out: ${words.replace(/^.*?\b(FATAL|PANIC): {2}/, '')}`, {
    operation: 'drill',
    subject: failure instanceof Failure ? failure.subject : 'drill',
    hint: noRoom.test(words)
      ? 'make room, or name a folder on a larger disk: LIFEBOAT_DRILL_DIR'
      : 'nothing is said about the backup: see to it that this machine can run a server of the source',
    cause: failure,
  });
}
