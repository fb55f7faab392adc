import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { describeProgress, describeTask } from '#cli/describe-progress';
import { lastLogLine } from '#local/last-log-line';

const folder = mkdtempSync(join(tmpdir(), 'lifeboat-log-'));
after(() => rmSync(folder, { recursive: true }));
const line = (message: string, more: object = {}) =>
  `${JSON.stringify({ time: '2026-11-20T06:00:00.000Z', level: 'INFO', message, ...more })}\n`;

describe('what a task said last', () => {
  test('is nothing before it said anything', async () => {
    assert.equal(await lastLogLine(join(folder, 'missing')), undefined);
  });

  test('is its last line that is one of ours, torn lines and foreign ones passed over', async () => {
    writeFileSync(join(folder, 'log'), `${line('copy begins')}a warning of Node\n${line('copy').slice(0, 30)}`);
    assert.equal((await lastLogLine(folder))?.message, 'copy begins');
  });

  test('is found at the end of a long log, and behind the part that is full', async () => {
    writeFileSync(join(folder, 'log'), line('early').repeat(1000));
    writeFileSync(join(folder, 'log.tail'), line('late', { doneBytes: 5 }).repeat(1000));
    const { message, doneBytes } = (await lastLogLine(folder))!;
    assert.deepEqual({ message, doneBytes }, { message: 'late', doneBytes: 5 });
  });
});

describe('the progress of an execution', () => {
  const task = (execution: string, message: string, time: string, more: object = {}) => ({
    id: 'x',
    execution,
    task: 'base-backup',
    about: 'orders',
    said: { time, message, ...more },
  });

  test('is what its newest task said, with bytes, rate and time left', () => {
    const figures = { doneBytes: 2 ** 20, totalBytes: 2 ** 22, bytesPerSecond: 2 ** 19, secondsLeft: 6 };
    const tasks = [task('a', 'copy', '2', figures), task('a', 'older', '1'), task('b', 'other', '3')];
    assert.deepEqual(describeProgress('a', tasks), { doing: 'orders: copy: 1.00 MiB of 4.00 MiB, 512 KiB/s, 6s left' });
    assert.equal(describeTask(tasks[1]!), 'orders: older');
  });

  test('says what it is about, where that is known', () => {
    const one = [task('a', 'copy', '2'), task('b', 'other', '3')];
    assert.deepEqual(describeProgress('a', [...one, { ...task('a', 'x', '1'), said: undefined }]), {
      doing: 'orders: copy',
    });
    assert.equal(describeTask({ ...one[0]!, said: undefined }), undefined);
    assert.equal(describeTask({ ...one[0]!, about: null }), 'copy');
  });

  test('is nothing where no task of it runs', () => {
    assert.deepEqual(describeProgress('c', [task('a', 'copy', '2')]), {});
  });
});
