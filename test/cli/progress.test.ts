import assert from 'node:assert/strict';
import { afterEach, beforeEach, mock, test } from 'node:test';
import { createProgress } from '#cli/progress';

beforeEach(() => mock.timers.enable({ apis: ['setInterval'] }));
afterEach(() => mock.timers.reset());

const screen = (isTTY: boolean) => {
  const written: string[] = [];
  return { written, isTTY, columns: 60, write: (text: string) => written.push(text) };
};

test('on a terminal one line is drawn over and over, and ends as a line', () => {
  const terminal = screen(true);
  const progress = createProgress('backup', 2000, terminal);
  progress.advance(1000);
  mock.timers.tick(400);
  assert.equal(terminal.written.length, 2);
  assert.ok(
    terminal.written.every((text) => text.startsWith('\r\x1b[Kbackup [##########..........] ') && !text.includes('\n')),
  );
  progress.end();
  assert.ok(terminal.written[2]!.startsWith('\r\x1b[Kbackup: 0.977 KiB, '));
  assert.match(terminal.written[2]!, /, took 0(\.\d)?s\n$/);
});

test('elsewhere there is a line every ten seconds', () => {
  const log = screen(false);
  const progress = createProgress('backup', undefined, log);
  mock.timers.tick(9_999);
  assert.deepEqual(log.written, []);
  progress.advance(5);
  mock.timers.tick(1);
  assert.match(log.written.join(''), /^backup: 5 B, .*\n$/);
  progress.end();
});

test('a better estimate is used from then on', () => {
  const terminal = screen(true);
  const progress = createProgress('backup', 100, terminal);
  progress.advance(50);
  progress.expect(50);
  mock.timers.tick(200);
  assert.match(terminal.written[0]!, /\(100 %\)/);
  progress.end();
});

test('after the end there is nothing more, however often it ends', () => {
  const log = screen(false);
  const progress = createProgress('backup', undefined, log);
  progress.advance(1);
  progress.end();
  progress.end();
  mock.timers.tick(60_000);
  assert.equal(log.written.length, 1);
});

test('what ends before anything was done tells no zeros; what has nothing to do does', () => {
  const log = screen(false);
  createProgress('shop', 1024, log).end();
  createProgress('shop', undefined, log).end();
  assert.deepEqual(log.written, []);
  createProgress('empty', 0, log).end();
  assert.match(log.written.join(''), /^empty: 0 B, /);
});

test('without a screen there is nothing', () => {
  const progress = createProgress('backup', 1, undefined);
  progress.advance(1);
  mock.timers.tick(60_000);
  progress.end();
});
