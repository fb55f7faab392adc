import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { isWorthTelling, PhaseLog, ProgressLog } from '#tasks/progress-log';
import { createTaskLog } from '#tasks/task-log';

function logLines() {
  const lines: string[] = [];
  const log = createTaskLog({ write: (line) => lines.push(line), common: { task: 'x' }, now: () => new Date(0) });
  return { log, read: () => lines.splice(0).map((line) => JSON.parse(line)) };
}

describe('progress', () => {
  const told = { atMs: 0, done: 100 };

  test('is told once a second at most', () => {
    assert.equal(isWorthTelling(told, { atMs: 999, done: 1000 }, 1000), false);
    assert.equal(isWorthTelling(told, { atMs: 1000, done: 1000 }, 1000), true);
  });

  test('is told by the hundredth, or once a minute', () => {
    assert.equal(isWorthTelling(told, { atMs: 59_999, done: 109 }, 1000), false);
    assert.equal(isWorthTelling(told, { atMs: 59_999, done: 110 }, 1000), true);
    assert.equal(isWorthTelling(told, { atMs: 60_000, done: 100 }, 1000), true);
  });

  test('tells bytes, rate and time left', () => {
    const { log, read } = logLines();
    const progress = new ProgressLog(log, 'copy', 0);
    progress.show(50, 1000, 'Bytes', 500);
    progress.show(250, 1000, 'Bytes', 1000);
    progress.show(260, 1000, 'Bytes', 1500);
    progress.show(1000, 1000, 'Bytes', 4000);
    const common = { time: '1970-01-01T00:00:00.000Z', level: 'INFO', message: 'copy', task: 'x' };
    assert.deepEqual(read(), [
      { ...common, doneBytes: 250, bytesPerSecond: 250, totalBytes: 1000, secondsLeft: 3 },
      { ...common, doneBytes: 1000, bytesPerSecond: 250, totalBytes: 1000, secondsLeft: 0 },
    ]);
  });

  test('without a known total tells no time left, and before the first byte neither', () => {
    const { log, read } = logLines();
    new ProgressLog(log, 'copy', 0).show(250, 0, 'Bytes', 1000);
    new ProgressLog(log, 'copy', 0).show(0, 1000, 'Bytes', 60_000);
    assert.deepEqual(
      read().map(({ doneBytes, secondsLeft }) => [doneBytes, secondsLeft]),
      [
        [250, undefined],
        [0, undefined],
      ],
    );
  });

  test('of several phases says when each begins', () => {
    const { log, read } = logLines();
    const phases = new PhaseLog(log);
    for (const phase of ['files', 'files', 'replay']) phases.show(phase);
    assert.deepEqual(
      read().map(({ message }) => message),
      ['files begins', 'replay begins'],
    );
  });
});

test('a log line holds bigints as text', () => {
  const { log, read } = logLines();
  log.warn('large', { bytes: 2n ** 60n });
  assert.equal(read()[0].bytes, '1152921504606846976');
});
