import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdir, mkdtemp, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { becomeOneDaemon } from '#local/one-daemon';
import { AlreadyRunning, InputInvalid } from '#model/failure';

const program = fileURLToPath(new URL('one-daemon-child.ts', import.meta.url));
const now = () => new Date('2026-11-20T05:13:45Z');

let parent: string;
let state: string;
let children: ChildProcess[];
beforeEach(async () => {
  parent = await mkdtemp(join(tmpdir(), 'lifeboat-daemon-'));
  state = join(parent, 'state');
  children = [];
});
afterEach(async () => {
  await Promise.all(children.map(kill));
  await rm(parent, { recursive: true });
});

async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGKILL');
  await once(child, 'exit');
}

/** Another process that tries; answers what it said. */
async function daemon(path = state): Promise<{ child: ChildProcess; said: string }> {
  const child = spawn(process.execPath, [program, path], { stdio: ['ignore', 'pipe', 'inherit'] });
  children.push(child);
  const [said] = await once(child.stdout!, 'data');
  return { child, said: String(said).trim() };
}

test('a second daemon is refused, and told which process is there and since when', async () => {
  const held = await becomeOneDaemon(state, { now });
  await assert.rejects(becomeOneDaemon(state, { now }), (failure) => {
    assert.ok(failure instanceof AlreadyRunning);
    assert.equal(
      failure.message,
      `${state}: lifeboat runs here already: process ${process.pid} on ${hostname()} since 2026-11-20T05:13:45.000Z`,
    );
    assert.match(failure.hint!, /stop it first/);
    return true;
  });
  assert.match((await daemon()).said, /^refused AlreadyRunning .* process \d+ on .* since 2026-11-20/);
  // neither of the attempts has loosened it
  assert.match((await daemon()).said, /^refused AlreadyRunning/);
  assert.ok(await held.holds());
  await held.release();
  assert.equal((await daemon()).said, 'one');
});

test('of many that start at once one runs, and all others name it', async () => {
  const all = await Promise.all(Array.from({ length: 6 }, () => daemon()));
  const ones = all.filter(({ said }) => said === 'one');
  assert.equal(ones.length, 1);
  for (const { said } of all.filter((other) => !ones.includes(other))) {
    assert.match(said, new RegExp(`already: process ${ones[0]!.child.pid} on `));
  }
});

test('a daemon that was killed is in nobody’s way, whatever it left', async () => {
  const { child, said } = await daemon();
  assert.equal(said, 'one');
  await kill(child);
  assert.ok(JSON.parse(await readFile(join(state, 'daemon.json'), 'utf8')).pid === child.pid);
  const next = await daemon();
  assert.equal(next.said, 'one');
  assert.match((await daemon()).said, new RegExp(`process ${next.child.pid} `));
});

test('a link to the directory is the directory', async () => {
  await daemon();
  await symlink(state, join(parent, 'link'));
  assert.match((await daemon(join(parent, 'link'))).said, /^refused AlreadyRunning/);
  assert.match((await daemon(join(parent, 'link', '..', 'state'))).said, /^refused AlreadyRunning/);
});

test('a copy of the directory is another one, and does not name the daemon of the first', async () => {
  const { child } = await daemon();
  await cp(state, join(parent, 'copy'), { recursive: true });
  const copied = await daemon(join(parent, 'copy'));
  assert.equal(copied.said, 'one');
  assert.match((await daemon(join(parent, 'copy'))).said, new RegExp(`process ${copied.child.pid} `));
  assert.match((await daemon()).said, new RegExp(`process ${child.pid} `));
});

test('a daemon whose directory was moved away or replaced knows it', async () => {
  const held = await becomeOneDaemon(state, { now });
  await rename(state, join(parent, 'aside'));
  assert.equal(await held.holds(), false);
  await mkdir(state);
  assert.equal((await daemon()).said, 'one');
  assert.equal(await held.holds(), false);
  // it still is the one of where it lies now
  assert.match((await daemon(join(parent, 'aside'))).said, /^refused AlreadyRunning/);
  await held.release();
});

test('what says who runs may be missing, torn or of another host', async () => {
  const held = await becomeOneDaemon(state, { now });
  const refusal = () =>
    becomeOneDaemon(state, { now }).then(
      () => assert.fail('it was taken'),
      (failure: Error) => failure.message,
    );
  await rm(join(state, 'daemon.json'));
  assert.match(await refusal(), /already: a process that did not say who$/);
  await writeFile(join(state, 'daemon.json'), '{"pid":');
  assert.match(await refusal(), /did not say who$/);
  await writeFile(join(state, 'daemon.json'), '{"host":"elsewhere","pid":1,"startedAt":"2026-11-20T00:00:00.000Z"}');
  assert.match(await refusal(), /process 1 on elsewhere since 2026-11-20T00:00:00\.000Z$/);
  // what a daemon wrote that was killed, read before the next one has written its own
  const { child } = await daemon(join(parent, 'another'));
  await kill(child);
  const gone = { host: hostname(), pid: child.pid, startedAt: '2026-11-20T00:00:00.000Z' };
  await writeFile(join(state, 'daemon.json'), JSON.stringify(gone));
  assert.match(await refusal(), /did not say who$/);
  await held.release();
});

test('a place that can be no state directory is refused with the reason', async () => {
  await writeFile(join(parent, 'file'), '');
  for (const path of [join(parent, 'file'), join(parent, 'file', 'below')]) {
    await assert.rejects(becomeOneDaemon(path, { now }), (failure) => {
      assert.ok(failure instanceof InputInvalid, String(failure));
      assert.match(failure.message, /^state: .* expected a directory .*(EEXIST|ENOTDIR)/);
      return true;
    });
  }
  await mkdir(join(state, 'lock'), { recursive: true });
  await assert.rejects(becomeOneDaemon(state, { now }), InputInvalid);
});
