import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, utimesSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { after, test } from 'node:test';
import { openHeartbeat } from '#runtime/heartbeat';

const folder = mkdtempSync(join(tmpdir(), 'lifeboat-heartbeat-'));
after(() => rmSync(folder, { recursive: true }));
const path = join(folder, 'heartbeat');
const program = join(import.meta.dirname, '../../src/runtime/check-heartbeat.mjs');

/** The health check, as a container runs it. */
async function check(LIFEBOAT_HEARTBEAT: string | undefined): Promise<{ code: number; said: string }> {
  const child = spawn(process.execPath, [program], {
    env: { ...(LIFEBOAT_HEARTBEAT === undefined ? {} : { LIFEBOAT_HEARTBEAT }) },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const [[code], said] = await Promise.all([once(child, 'close'), text(child.stderr)]);
  return { code, said };
}

const age = (seconds: number) => utimesSync(path, Date.now() / 1000 - seconds, Date.now() / 1000 - seconds);

test('a task that works is healthy, one that has not gone on for minutes is not, and may become so again', async () => {
  const alive = openHeartbeat(path);
  alive();
  assert.deepEqual(await check(path), { code: 0, said: '' });
  age(240);
  assert.equal((await check(path)).code, 0, 'a put that is repeated takes minutes');
  age(310);
  assert.deepEqual(await check(path), { code: 1, said: 'nothing has gone on for 310 s\n' });
  alive();
  assert.equal((await check(path)).code, 0);
});

test('a task that has not said anything yet, and a container that names no file, are not healthy', async () => {
  const { code, said } = await check(join(folder, 'none'));
  assert.equal(code, 1);
  assert.match(said, /ENOENT/);
  assert.deepEqual(await check(undefined), { code: 1, said: 'LIFEBOAT_HEARTBEAT names no file\n' });
});

test('where nobody looks nothing is written, and where nothing can be written work goes on', () => {
  openHeartbeat(undefined)();
  openHeartbeat('')();
  openHeartbeat(join(folder, 'no/such/folder'))();
  assert.ok(!existsSync(join(folder, 'no')));
});
