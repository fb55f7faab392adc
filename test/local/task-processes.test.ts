import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { TaskNotStarted, TaskProcesses } from '#local/task-processes';
import { readTaskState, type TaskSpec } from '#local/task-record';
import { identify } from '#runtime/process-identity';
import { readTaskLog } from './task-output.ts';

const program = join(import.meta.dirname, 'task-child.ts');
const never = new AbortController().signal;

describe('tasks under their supervisors', { timeout: 120_000 }, () => {
  let folder: string;
  let tasks: TaskProcesses;
  let count = 0;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'lifeboat-tasks-'));
    tasks = new TaskProcesses({ folder, environment: process.env });
  });
  after(async () => {
    // what a test left when it failed
    for (const spec of await tasks.unended()) await tasks.run(spec, { stop: AbortSignal.abort() });
    await rm(folder, { recursive: true });
  });

  function specOf(...words: string[]): TaskSpec & { notes: string; go: string } {
    const id = `task-${++count}`;
    const notes = join(folder, `.${id}-notes`);
    const go = join(folder, `.${id}-go`);
    const rest = words.map((word) => (word === 'GO' ? go : word));
    return {
      id,
      arguments: [program, notes, ...rest],
      environment: { GREETING: 'hello' },
      cwd: folder,
      stopTimeoutMs: 30_000,
      execution: null,
      notes,
      go,
    };
  }
  const notesOf = (spec: { notes: string }): string[] =>
    existsSync(spec.notes) ? readFileSync(spec.notes, 'utf8').trimEnd().split('\n') : [];
  const startsOf = (spec: { notes: string }): number =>
    notesOf(spec).filter((line) => line.startsWith('started')).length;
  const pidOf = (spec: { notes: string }): number => Number(/started (\d+)/.exec(notesOf(spec)[0]!)![1]);
  const go = (spec: { go: string }): void => writeFileSync(spec.go, '');

  async function until(what: () => boolean | Promise<boolean>): Promise<void> {
    while (!(await what())) await sleep(10);
  }
  async function supervisorOf(spec: TaskSpec): Promise<number> {
    const state = await readTaskState(tasks.folderOf(spec.id));
    assert.equal(state.phase, 'running');
    return state.phase === 'running' ? state.supervisor.pid : 0;
  }

  test('what cannot be looked at is told, and not taken for ended; what is damaged is nobody’s', async () => {
    const other = await mkdtemp(join(tmpdir(), 'lifeboat-tasks-'));
    const all = new TaskProcesses({ folder: other, environment: {} });
    for (let number = 0; number < 50; number++) {
      await mkdir(join(other, `task-${number}`));
      await writeFile(
        join(other, `task-${number}`, 'spec.json'),
        JSON.stringify({ ...specOf(), id: `task-${number}` }),
      );
    }
    await writeFile(join(other, 'task-7', 'spec.json'), 'damaged');
    assert.equal((await all.unended()).length, 49);
    await mkdir(join(other, 'task-9', 'exit.json'));
    await assert.rejects(all.unended(), /EISDIR/);
    await rm(join(other, 'task-9'), { recursive: true });
    assert.equal((await all.unended()).length, 48);
    const ended = {
      exitCode: 0,
      signal: null,
      problem: null,
      stoppedAt: '2026-11-20T05:00:00Z',
      stopRequestedAt: null,
    };
    await writeFile(join(other, 'task-8', 'exit.json'), JSON.stringify(ended));
    for (let again = 0; again < 2; again++) assert.equal((await all.unended()).length, 47);
    await rm(other, { recursive: true });
  });

  test('a task that ends with 0 or 3 is told with that code, and asked again it is not started again', async () => {
    for (const code of [0, 3]) {
      const spec = specOf('exit', String(code));
      const end = await tasks.run(spec, { stop: never });
      assert.equal(end.exitCode, code);
      assert.equal(end.problem, null);
      assert.ok(end.startedAt! <= end.stoppedAt);
      assert.deepEqual(await tasks.run(spec, { stop: never }), end);
      assert.equal(startsOf(spec), 1);
    }
  });

  test('a program that does not exist is a task that failed', async () => {
    const spec = { ...specOf('exit', '0'), arguments: [join(folder, 'nothing.ts')] };
    assert.equal((await tasks.run(spec, { stop: never })).exitCode, 1);
    assert.match(await readTaskLog(tasks.folderOf(spec.id)), /Cannot find module/);
  });

  test('a folder to work in that does not exist is an end with a problem and without a code', async () => {
    const spec = { ...specOf('exit', '0'), cwd: join(folder, 'nowhere') };
    const end = await tasks.run(spec, { stop: never });
    assert.equal(end.exitCode, null);
    assert.match(end.problem!, /ENOENT/);
  });

  test('one task that ten ask for at the same time is started once', async () => {
    const spec = specOf('wait', 'GO');
    const all = Array.from({ length: 10 }, () => tasks.run(spec, { stop: never }));
    await until(() => startsOf(spec) > 0);
    await sleep(300);
    go(spec);
    for (const end of await Promise.all(all)) assert.equal(end.exitCode, 0);
    assert.equal(startsOf(spec), 1);
  });

  test('whoever asks is killed at many moments: the task is started once, and the next one learns its end', async () => {
    for (const afterMs of [0, 60, 90, 120, 150, 180, 210, 250, 300, 500]) {
      const spec = specOf('wait', 'GO');
      const asker = spawn(
        process.execPath,
        [join(import.meta.dirname, 'task-asker.ts'), folder, JSON.stringify(spec)],
        {
          stdio: 'ignore',
        },
      );
      await sleep(afterMs);
      asker.kill('SIGKILL');
      await once(asker, 'exit');
      const next = tasks.run(spec, { stop: never });
      await until(() => startsOf(spec) > 0);
      go(spec);
      assert.equal((await next).exitCode, 0, `killed after ${afterMs} ms`);
      assert.equal(startsOf(spec), 1, `killed after ${afterMs} ms`);
    }
  });

  test('a crash after the folder was made leads to one start', async () => {
    const spec = specOf('exit', '0');
    await mkdir(tasks.folderOf(spec.id));
    await writeFile(join(tasks.folderOf(spec.id), 'spec.json'), JSON.stringify(spec));
    assert.equal((await tasks.run(spec, { stop: never })).exitCode, 0);
    assert.equal(startsOf(spec), 1);
  });

  test('a supervisor that is killed: its task is ended and told as lost, and never started again', async () => {
    for (const words of [
      ['wait', 'GO'],
      ['ignore', ''],
    ]) {
      const spec = { ...specOf(...words), stopTimeoutMs: 500 };
      const ended = tasks.run(spec, { stop: never });
      await until(() => startsOf(spec) > 0);
      process.kill(await supervisorOf(spec), 'SIGKILL');
      const end = await ended;
      assert.equal(end.exitCode, null);
      assert.match(end.problem!, /was killed/);
      assert.equal(identify(pidOf(spec)), undefined);
      assert.deepEqual(await tasks.run(spec, { stop: never }), end);
      assert.equal(startsOf(spec), 1);
      assert.deepEqual(
        (await readdir(tasks.folderOf(spec.id))).filter((name) => name.endsWith('.tmp')),
        [],
      );
    }
  });

  test('a supervisor that is killed before it took the task is replaced', async () => {
    for (const afterMs of [1, 5, 10, 20, 30, 40, 50, 60]) {
      const spec = specOf('wait', 'GO');
      const ended = tasks.run(spec, { stop: never });
      await sleep(afterMs);
      await killSupervisors(tasks.folderOf(spec.id));
      let over = false;
      ended.finally(() => {
        over = true;
      });
      await until(() => startsOf(spec) > 0 || over);
      go(spec);
      const end = await ended;
      assert.ok(startsOf(spec) <= 1);
      assert.ok(end.exitCode === 0 ? startsOf(spec) === 1 : end.problem !== null, JSON.stringify(end));
    }
  });

  test('a task that is killed ends with its signal', async () => {
    const spec = specOf('wait', 'GO');
    const ended = tasks.run(spec, { stop: never });
    await until(() => startsOf(spec) > 0);
    process.kill(pidOf(spec), 'SIGKILL');
    const end = await ended;
    assert.deepEqual([end.exitCode, end.signal], [null, 'SIGKILL']);
  });

  test('a task that is to stop gets SIGTERM, and its end is waited for', async () => {
    const spec = specOf('wait', 'GO');
    const stop = new AbortController();
    const ended = tasks.run(spec, { stop: stop.signal });
    await until(() => startsOf(spec) > 0);
    await sleep(100);
    stop.abort();
    const end = await ended;
    assert.equal(end.exitCode, 130);
    assert.ok(end.stopRequestedAt);
    assert.deepEqual(notesOf(spec).slice(1), ['SIGTERM']);
  });

  test('one that does not listen is killed when its time is over', async () => {
    const spec = { ...specOf('ignore'), stopTimeoutMs: 300 };
    const stop = new AbortController();
    const ended = tasks.run(spec, { stop: stop.signal });
    await until(() => notesOf(spec).includes('ready'));
    stop.abort();
    const end = await ended;
    assert.deepEqual([end.exitCode, end.signal], [null, 'SIGKILL']);
    assert.ok(notesOf(spec).includes('SIGTERM'));
    assert.equal(identify(pidOf(spec)), undefined);
  });

  test('one that was to stop before it was started never starts', async () => {
    const spec = specOf('exit', '0');
    const end = await tasks.run(spec, { stop: AbortSignal.abort() });
    assert.equal(end.startedAt, null);
    assert.equal((await tasks.run(spec, { stop: never })).startedAt, null);
    await sleep(200);
    assert.equal(startsOf(spec), 0);
  });

  test('one that is stopped at any moment of its start has ended when that is told', async () => {
    for (const afterMs of [1, 10, 30, 45, 60, 80, 120]) {
      const spec = { ...specOf('wait', 'GO'), stopTimeoutMs: 5000 };
      const end = await tasks.run(spec, { stop: AbortSignal.timeout(afterMs) });
      assert.notEqual(end.exitCode, 0);
      const starts = startsOf(spec);
      if (starts > 0) assert.equal(identify(pidOf(spec)), undefined);
      await sleep(150);
      assert.equal(startsOf(spec), starts, `stopped after ${afterMs} ms`);
    }
  });

  test('whoever leaves without a word leaves the task running', async () => {
    const spec = specOf('wait', 'GO');
    const leave = new AbortController();
    const left = tasks.run(spec, { stop: never, detached: leave.signal });
    await until(() => startsOf(spec) > 0);
    leave.abort(new Error('shut down'));
    await assert.rejects(left, /shut down/);
    assert.ok(identify(pidOf(spec)));
    const next = tasks.run(spec, { stop: never });
    go(spec);
    assert.equal((await next).exitCode, 0);
    assert.equal(startsOf(spec), 1);
  });

  test('what a task leaves behind ends with it, in whatever session it hides', async () => {
    const spec = specOf('leave');
    assert.equal((await tasks.run(spec, { stop: never })).exitCode, 0);
    const [, pid] = /left (\d+)/.exec(notesOf(spec)[1]!)!;
    assert.equal(identify(Number(pid)), undefined);
  });

  test('100 MB of output keep the first MiB and the end, and need no memory', async () => {
    const spec = specOf('talk', '100');
    let mostKib = 0;
    const ended = tasks.run(spec, { stop: never });
    const watch = setInterval(async () => {
      const state = await readTaskState(tasks.folderOf(spec.id)).catch(() => undefined);
      if (state?.phase === 'running') mostKib = Math.max(mostKib, privateKibOf(state.supervisor.pid));
    }, 20);
    assert.equal((await ended).exitCode, 0);
    clearInterval(watch);
    assert.ok(mostKib > 0 && mostKib < 96 * 1024, `${mostKib} KiB`);
    const at = (name: string) => join(tasks.folderOf(spec.id), name);
    const kept = ['log', 'log.before', 'log.tail'].reduce((sum, name) => sum + statSync(at(name)).size, 0);
    assert.ok(kept >= 5 * 1024 * 1024 && kept <= 9 * 1024 * 1024, `${kept} bytes`);
    const log = await readTaskLog(tasks.folderOf(spec.id));
    assert.ok(log.startsWith('the first line\n'));
    assert.match(log, /\n\[some of the output was left out here\]\n/);
    assert.ok(log.endsWith('the last line\n'));
    assert.match(await readFile(at('exit.json'), 'utf8'), /"logBytes":1048576\d\d/);
  });

  test('a number that another process has now is not taken for the supervisor', async () => {
    const spec = specOf('exit', '0');
    const mine = identify(process.pid)!;
    await mkdir(tasks.folderOf(spec.id));
    const write = (name: string, value: unknown) =>
      writeFile(join(tasks.folderOf(spec.id), name), JSON.stringify(value));
    await write('spec.json', spec);
    const supervisor = { ...mine, startTime: '1' };
    await write('started.json', { format: 'lifeboat-started/1', supervisor, startedAt: '2026-11-20T05:13:45.123Z' });
    const end = await tasks.run(spec, { stop: AbortSignal.abort() });
    assert.match(end.problem!, /was killed/);
    assert.equal(startsOf(spec), 0);
  });

  test('a supervisor that cannot write its record starts nothing and says why', async () => {
    const spec = specOf('exit', '0');
    await mkdir(tasks.folderOf(spec.id));
    await writeFile(join(tasks.folderOf(spec.id), 'spec.json'), 'no JSON');
    await assert.rejects(
      tasks.run(spec, { stop: never }),
      (error) => error instanceof TaskNotStarted && /SyntaxError/.test(error.message),
    );
  });
});

/** What a process has for itself, without what all share of the program's file. */
function privateKibOf(pid: number): number {
  try {
    return Number(/RssAnon:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0);
  } catch {
    return 0;
  }
}

async function killSupervisors(folder: string): Promise<void> {
  for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
    const words = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
    if (words.includes('task-supervisor') && words.includes(`${folder}\0`)) process.kill(Number(pid), 'SIGKILL');
  }
}
