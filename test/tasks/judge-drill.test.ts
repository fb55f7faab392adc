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
  WalBroken,
} from '#model/failure';
import { hindered, hindranceIn, judgeDrill } from '#tasks/judge-drill';

const detail = { operation: 'x', subject: 'y' };
const inReplay = (message: string) => new RestoreFailed(message, { operation: 'replay', subject: '/drill' });
const gaveUp = inReplay('the restored server gave up (exit 1): could not locate a valid checkpoint record');

describe('a failure on the way of a drill', () => {
  test('that is damage says that the backup is broken', () => {
    for (const failure of [
      new ObjectDamaged('m', detail),
      new ObjectMissing('m', detail),
      new WalBroken('m', detail),
    ]) {
      assert.equal(judgeDrill(failure, []), 'broken', failure.name);
    }
  });

  test('of the replay says so, too', () => {
    assert.equal(judgeDrill(gaveUp, ['x FATAL:  could not locate a valid checkpoint record']), 'broken');
    assert.equal(judgeDrill(inReplay('the restored server needs a larger setting'), []), 'broken');
  });

  test('to fetch WAL is looked into', () => {
    assert.equal(judgeDrill(gaveUp, ['lifeboat: orders/wal/1/x: changed']), 'ask the wal');
  });

  test('before there is a server says nothing', () => {
    for (const failure of [
      new RestoreFailed('no such program', { operation: 'restore', subject: '/x' }),
      new RestoreFailed('postgres cannot be started', { operation: 'start server', subject: '/x' }),
      new StoreUnavailable('m', detail),
      new KeyUnusable('m', detail),
      new ConnectionFailed('m', detail),
      new TypeError('m'),
      'm',
    ]) {
      assert.equal(judgeDrill(failure, []), 'hindered', String(failure));
      assert.equal(hindered(failure, []), failure);
    }
  });

  const hindrances: [what: string, failure: unknown, log: string[]][] = [
    ['a full disk', gaveUp, ['PANIC:  could not write to file "pg_wal/xlogtemp.1": No space left on device']],
    ['a full disk that we met', new Error('ENOSPC: no space left on device, write'), []],
    ['a full disk that wal-fetch met', gaveUp, ['lifeboat: put pg_wal/RECOVERYXLOG: ENOSPC']],
    ['a quota', gaveUp, ['ERROR:  could not extend file "base/1/2": Disk quota exceeded']],
    ['a right that is missing', gaveUp, ['FATAL:  could not access directory "/drill": Permission denied']],
    ['too little memory', gaveUp, ['FATAL:  could not map anonymous shared memory: Cannot allocate memory']],
    ['an extension that is not installed', gaveUp, ['FATAL:  could not access file "timescaledb": No such file']],
    ['a locale that is not installed', gaveUp, ['FATAL:  database locale is incompatible with operating system']],
    ['a kill', inReplay('the restored server gave up (SIGKILL): nothing'), []],
    ["a kill of the server's child", gaveUp, ['LOG:  startup process (PID 7) was terminated by signal 9: Killed']],
  ];
  for (const [what, failure, log] of hindrances) {
    test(`that is ${what} says nothing, whatever the server said besides`, () => {
      const said = ['LOG:  starting backup recovery', ...log, 'FATAL:  startup process failed', 'lifeboat: stopped'];
      assert.equal(judgeDrill(failure, said), 'hindered');
      const told = hindered(failure, said) as Failure;
      assert.ok(told instanceof RestoreFailed);
      assert.match(told.message, /^the drill could not be carried out: /);
      assert.doesNotMatch(told.message, /FATAL|PANIC/);
      assert.ok(told.hint);
    });
  }

  test('is not taken for a hindrance by what a harmless line says', () => {
    const log = ['LOG:  could not open usermap file: Permission denied', 'WARNING:  out of memory for hints'];
    assert.equal(hindranceIn(gaveUp, log), undefined);
    assert.equal(judgeDrill(gaveUp, log), 'broken');
  });

  test('that is damage on a full disk waits for room', () => {
    assert.equal(judgeDrill(new ObjectDamaged('m', detail), ['PANIC:  x: No space left on device']), 'hindered');
  });
});
