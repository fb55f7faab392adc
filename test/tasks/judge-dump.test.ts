import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  ConnectionFailed,
  type Failure,
  KeyUnusable,
  ObjectDamaged,
  ObjectMissing,
  RestoreFailed,
  StoreUnavailable,
} from '#model/failure';
import { hinderedProof, judgeDump, restoreDumpOperation } from '#tasks/judge-dump';

const detail = { operation: 'x', subject: 'y' };
const refused = (why: string) =>
  new RestoreFailed(`database shop cannot be restored: ${why}`, { operation: restoreDumpOperation, subject: 'shop' });

describe('a failure on the way of a proof', () => {
  test('that is damage says that the dump is broken, whatever else is the matter', () => {
    const log = ['2026 UTC [1] PANIC:  could not write: No space left on device'];
    for (const failure of [new ObjectDamaged('m', detail), new ObjectMissing('m', detail)])
      assert.equal(judgeDump(failure, log), 'broken');
  });

  test('that is a refusal of PostgreSQL says so, too', () => {
    for (const why of ['ERROR:  role "x" does not exist', 'ERROR:  syntax error', 'ERROR:  duplicate key value'])
      assert.equal(judgeDump(refused(why), ['x LOG:  checkpoint complete']), 'broken');
  });

  const hindrances: [what: string, failure: Error, log: string[]][] = [
    [
      'an extension of 15 to 17',
      refused('ERROR:  could not open extension control file "/x/postgis.control": No such file'),
      [],
    ],
    [
      'a page that had half a room',
      refused('ERROR:  could not extend file "base/1/2": wrote only 4096 of 8192 bytes'),
      [],
    ],
    ['a machine that is shut down', refused('FATAL:  terminating connection due to administrator command'), []],
    ['an extension of 18', refused('ERROR:  extension "postgis" is not available'), []],
    ['a locale of 15', refused('invalid locale name: "xx_XX"'), []],
    ['a locale of 16 and newer', refused('invalid LC_COLLATE locale name: "xx_XX"'), []],
    ['a library', refused('ERROR:  could not access file "$libdir/x": No such file or directory'), []],
    ['what has to be loaded at the start', refused('ERROR:  pg_cron must be loaded via shared_preload_libraries'), []],
    ['another server', refused('ERROR:  could not connect to server "far"'), []],
    ['a setting of another version', refused('unrecognized configuration parameter "old_snapshot_threshold"'), []],
    ['an archive of a newer pg_dump', refused('pg_restore: error: unsupported version (1.16) in file header'), []],
    ['a full disk', refused('ERROR:  could not extend file "base/1/2": No space left on device'), []],
    [
      'a full disk in the log',
      refused('server closed the connection'),
      ['x PANIC:  could not write: No space left on device'],
    ],
    [
      'a kill of the server',
      refused('server closed the connection'),
      ['x LOG:  server process (PID 7) was terminated by signal 9: Killed'],
    ],
    ['a kill of pg_restore', refused('pg_restore was terminated by signal 9'), []],
  ];
  for (const [what, failure, log] of hindrances) {
    test(`that is ${what} says nothing`, () => {
      assert.equal(judgeDump(failure, log), 'hindered');
      const told = hinderedProof(failure, log) as Failure;
      assert.match(told.message, /^the dump could not be restored here: /);
      assert.ok(told.hint);
    });
  }

  test('before anything was asked says nothing', () => {
    for (const failure of [
      new RestoreFailed('there is no program', { operation: 'prove dump', subject: '/x' }),
      new StoreUnavailable('m', detail),
      new KeyUnusable('m', detail),
      new ConnectionFailed('m', detail),
      new TypeError('m'),
    ]) {
      assert.equal(judgeDump(failure, []), 'hindered', String(failure));
      assert.equal(hinderedProof(failure, []), failure);
    }
  });

  test('is not taken for a hindrance by what stands in rows', () => {
    const log = [
      'x CONTEXT:  COPY t, line 1: "No space left on device"',
      '\tFATAL:  Permission denied',
      'x STATEMENT:  select',
    ];
    assert.equal(judgeDump(refused('ERROR:  duplicate key value'), log), 'broken');
  });
});
