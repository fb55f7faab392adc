import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { Aborted, BackupIncomplete, StoreUnavailable } from '#model/failure';
import { streamProgram } from '#sources/stream-program';

const folder = mkdtempSync(join(tmpdir(), 'lifeboat-stream-'));
after(() => rmSync(folder, { recursive: true }));

/** A program of Node that does this. */
const call = (code: string, signal = new AbortController().signal) => ({
  program: process.execPath,
  args: ['-e', code],
  environment: { ONLY: 'this' },
  subject: 'a test',
  signal,
});

/** Writes, then goes on until SIGTERM, after which it takes a while and leaves a mark. */
const lingering = (mark: string) => `
  process.on('SIGTERM', () => setTimeout(() => { require('fs').writeFileSync('${mark}', ''); process.exit(0); }, 100));
  setTimeout(() => process.exit(9), 20000);
  process.stdout.write('first');`;

test('all bytes come, at the pace of whoever takes them, and what the program said is told', async () => {
  const code = `process.stdout.write(Buffer.alloc(3e6, 7)); console.error('a note'); console.error('');`;
  let bytes = 0;
  let busy = false;
  const said = await streamProgram(call(code), async (piece) => {
    assert.equal(busy, false);
    busy = true;
    await new Promise((resolve) => setImmediate(resolve));
    busy = false;
    bytes += piece.length;
  });
  assert.deepEqual([bytes, said], [3e6, ['a note']]);
});

test('the program learns nothing but what it is told', async () => {
  let text = '';
  await streamProgram(call('console.log(Object.keys(process.env).join())'), (piece) => {
    text += piece;
    return undefined;
  });
  assert.equal(text.trim(), 'ONLY');
});

test('another exit code, a signal or a program that is not there is no end, and the last words say why', async () => {
  const take = () => undefined;
  const words = `for (let i = 0; i < 5000; i++) console.error('word ' + i);`;
  await assert.rejects(
    streamProgram(call(`console.log('all'); ${words} process.exitCode = 3`), take),
    (failure: unknown) =>
      failure instanceof BackupIncomplete &&
      /^node of a test ended with exit code 3: word 4994; .*word 4999$/.test(failure.message),
  );
  const killed = streamProgram(call(`process.stdout.write('x', () => process.kill(process.pid, 'SIGKILL'))`), take);
  await assert.rejects(killed, /node of a test ended by SIGKILL/);
  await assert.rejects(
    streamProgram({ ...call(''), program: '/nowhere/pg_dump' }, take),
    /pg_dump of a test cannot be/,
  );
});

test('who cannot take the bytes ends the program, and waits until it has gone', async () => {
  const mark = join(folder, 'taken');
  const failure = new StoreUnavailable('full', { operation: 'put', subject: 'x' });
  await assert.rejects(
    streamProgram(call(lingering(mark)), () => Promise.reject(failure)),
    failure,
  );
  assert.ok(existsSync(mark));
});

test('who ends it from outside is told why, once the program has gone', async () => {
  const mark = join(folder, 'aborted');
  const controller = new AbortController();
  const reason = new Aborted('enough', { operation: 'x', subject: 'x' });
  const streamed = streamProgram(call(lingering(mark), controller.signal), () => void controller.abort(reason));
  await assert.rejects(streamed, reason);
  assert.ok(existsSync(mark));
  await assert.rejects(
    streamProgram(call('', controller.signal), () => undefined),
    reason,
  );
});
