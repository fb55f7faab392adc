import { Failure, RestoreFailed } from '#model/failure';
import { hindranceIn } from './judge-drill.ts';
import { isDamage } from './verify-parts.ts';

/** What a server or pg_restore refused of a dump carries this as its operation. */
export const restoreDumpOperation = 'restore dump';

/**
 * What a failure on the way of a proof says about the dump: `broken`, or `hindered`: nothing; this machine, this account
 * or the store stood in the way. Damage counts first, unlike in drills: the bytes were compared as they came out of the
 * store, and no full disk is between.
 */
export function judgeDump(failure: unknown, log: readonly string[]): 'broken' | 'hindered' {
  if (isDamage(failure)) return 'broken';
  const refused = failure instanceof RestoreFailed && failure.operation === restoreDumpOperation;
  return refused && wordsOf(failure, log) === undefined ? 'broken' : 'hindered';
}

/** As the proof's own failure: it could not be carried out, which is nothing against the dump. */
export function hinderedProof(failure: unknown, log: readonly string[]): unknown {
  const words = wordsOf(failure, log);
  if (words === undefined) return failure;
  return new RestoreFailed(`the dump could not be restored here: ${words}`, {
    operation: 'prove dump',
    subject: failure instanceof Failure ? failure.subject : 'dump',
    hint: /No space left|ENOSPC|quota|wrote only/i.test(words)
      ? 'make room, or name a folder on a larger disk: LIFEBOAT_DRILL_DIR'
      : 'nothing is said about the dump: this machine lacks what the databases use (an extension, a locale, memory): install it, ' +
        'or let the plan say restoreTest: false',
    cause: failure,
  });
}

function wordsOf(failure: unknown, log: readonly string[]): string | undefined {
  const message = failure instanceof Error ? failure.message : String(failure);
  // what stands behind CONTEXT and STATEMENT, and in lines that go on, may be somebody's rows
  const told = log.filter((line) => /^\S.*\b(?:LOG|WARNING|ERROR|FATAL|PANIC): {2}/.test(line));
  return notInstalled.test(message) ? message : hindranceIn(failure, told);
}

/**
 * What databases may use and a machine need not have, as servers say it: the first is 15 to 17 on extensions, the second
 * 18; then locales (15; 16 and newer), a library that wants to be loaded when the server starts, another server that a
 * materialized view is made from, a setting of a role that this version does not know any more, and somebody who ends the server.
 */
const notInstalled = new RegExp(
  [
    'could not open extension control file',
    'extension "[^"]*" is not available',
    'extension "[^"]*" has no (?:installation script|update path)',
    'invalid (?:LC_COLLATE |LC_CTYPE )?locale name',
    'could not open collator for locale',
    'ICU is not supported in this build',
    'must be loaded via "?shared_preload_libraries"?',
    'could not connect to server "',
    'unrecognized configuration parameter',
    'unsupported version \\(',
    'terminating connection due to administrator command',
  ].join('|'),
);
