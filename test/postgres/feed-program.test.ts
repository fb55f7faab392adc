import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ObjectDamaged } from '#model/failure';
import { type FedProgram, feedProgram } from '#postgres/feed-program';

const environment = { PATH: process.env.PATH ?? '' };
const signal = new AbortController().signal;

/** So many blocks of 64 KiB; counts those that were taken. */
function blocks(count: number, end?: Error) {
  const read = { blocks: 0, closed: false };
  async function* content() {
    try {
      for (; read.blocks < count; read.blocks++) yield Buffer.alloc(1 << 16, 'x');
      if (end) throw end;
    } finally {
      read.closed = true;
    }
  }
  return { read, content: content() };
}

const feed = (over: Partial<FedProgram> & Pick<FedProgram, 'program' | 'content'>) =>
  feedProgram({ args: [], environment, toEnd: true, signal, ...over });

test('a program gets all of a content, and all that it writes is there', async () => {
  const { content } = blocks(50);
  const end = await feed({ program: 'wc', args: ['-c'], content });
  assert.deepEqual([end.exitCode, String(end.stdout).trim()], [0, String(50 << 16)]);
  let bytes = 0;
  const taken = await feed({
    program: 'cat',
    content: blocks(50).content,
    take(piece) {
      bytes += piece.length;
      return undefined;
    },
  });
  assert.deepEqual([taken.exitCode, bytes], [0, 50 << 16]);
});

test('a program that takes only the beginning is done well, and the content is read to its end where that is wanted', async () => {
  const whole = blocks(200);
  const end = await feed({ program: 'head', args: ['-c', '10'], content: whole.content });
  assert.deepEqual([end.exitCode, String(end.stdout), whole.read.blocks], [0, 'xxxxxxxxxx', 200]);
  const part = blocks(1_000_000);
  const early = await feed({ program: 'head', args: ['-c', '10'], content: part.content, toEnd: false });
  assert.equal(early.exitCode, 0);
  assert.ok(part.read.blocks < 1_000_000);
  assert.equal(part.read.closed, true);
});

test('a content that fails is the failure, even where the program is content or has gone', async () => {
  const damaged = new ObjectDamaged('m', { operation: 'x', subject: 'y' });
  for (const program of ['cat', 'true', 'false']) {
    const { content } = blocks(50, damaged);
    await assert.rejects(feed({ program, content }), damaged);
  }
});

test('how a program ended is told, with its last words', async () => {
  const failed = await feed({ program: 'ls', args: ['/no such folder'], content: blocks(0).content });
  assert.notEqual(failed.exitCode, 0);
  assert.match(failed.stderr.join(), /no such folder/);
  await assert.rejects(feed({ program: '/no/such/program', content: blocks(3).content }), /ENOENT/);
});

test('a signal ends the program, and is why', async () => {
  const stop = new AbortController();
  const reason = new Error('stopped');
  const waiting = feed({ program: 'sleep', args: ['3600'], content: blocks(0).content, signal: stop.signal });
  setTimeout(() => stop.abort(reason), 50);
  await assert.rejects(waiting, reason);
  const stuck = new AbortController();
  const full = feed({ program: 'sleep', args: ['3600'], content: blocks(1000).content, signal: stuck.signal });
  setTimeout(() => stuck.abort(reason), 50);
  await assert.rejects(full, reason);
});
