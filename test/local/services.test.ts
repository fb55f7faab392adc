import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { Services } from '#local/services';
import { TaskProcesses } from '#local/task-processes';
import { identify } from '#runtime/process-identity';
import { until } from './engine-scene.ts';

describe('services', { timeout: 60_000 }, () => {
  let folder: string;
  let tasks: string;
  let notes: string;
  let log: string[];

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'lifeboat-services-'));
    tasks = join(folder, 'tasks');
    notes = join(folder, 'notes');
    log = [];
    await mkdir(tasks);
  });
  afterEach(async () => {
    const processes = new TaskProcesses({ folder: tasks, environment: {} });
    for (const spec of await processes.unended()) await processes.run(spec, { stop: AbortSignal.abort() });
    await rm(folder, { recursive: true });
  });

  const open = (more = {}) =>
    new Services({
      folder: tasks,
      processes: new TaskProcesses({ folder: tasks, environment: process.env }),
      program: join(import.meta.dirname, 'service-task.ts'),
      cwd: folder,
      log: { info: () => undefined, warn: (line) => log.push(line), error: (line) => log.push(line) },
      firstBackoffMs: 20,
      longestBackoffMs: 100,
      soundAfterMs: 10_000,
      ...more,
    });
  const spec = (more = {}) => ({
    name: 'wal-main',
    task: 'receive-wal',
    input: { notes, endWhen: join(folder, 'end'), ...more },
  });
  const noted = (begin: string) =>
    existsSync(notes)
      ? readFileSync(notes, 'utf8')
          .split('\n')
          .filter((line) => line.startsWith(begin))
      : [];

  test('one that runs is told with its process, and ends when all are stopped', async () => {
    const services = open();
    services.keep(spec());
    services.keep(spec());
    await until(() => noted('started').length === 1);
    await until(async () => (await services.state())[0]!.pid !== null);
    const [state] = await services.state();
    assert.equal(state!.name, 'wal-main');
    assert.equal(`started ${state!.pid}`, noted('started')[0]);
    assert.ok(Date.now() - Date.parse(state!.runningSince!) < 5000);
    assert.deepEqual([state!.restarts, state!.lastExit], [0, null]);
    await services.stopAll();
    assert.equal(identify(state!.pid!), undefined);
    assert.deepEqual([noted('started').length, noted('SIGTERM').length], [1, 1]);
    assert.deepEqual(await services.state(), []);
  });

  test('one that ends is started again, later each time', async () => {
    const services = open();
    await writeFile(join(folder, 'end'), '');
    services.keep(spec());
    await until(() => noted('started').length === 5);
    await services.stopAll();
    const waits = log.map((line) => /ended with code 4: it is started again in ([\d.]+) s/.exec(line)![1]);
    assert.deepEqual(waits.slice(0, 4), ['0.02', '0.04', '0.08', '0.1']);
  });

  test('one that ran well before begins with the shortest wait again', async () => {
    const services = open({ soundAfterMs: 0 });
    await writeFile(join(folder, 'end'), '');
    services.keep(spec());
    await until(() => log.length === 4);
    await services.stopAll();
    for (const line of log) assert.match(line, /in 0.02 s/);
  });

  test('one that cannot be started, or looked after, is tried again until it can, and never runs twice', async () => {
    await rm(tasks, { recursive: true });
    const services = open();
    services.keep(spec());
    await until(() => log.length === 2);
    assert.match(log[1]!, /could not be started: ENOENT.* it is started again in 0.04 s$/);
    await mkdir(tasks);
    await until(() => noted('started').length === 1);
    await until(async () => (await services.state())[0]!.pid !== null);
    const started = join(tasks, 'service-wal-main-1', 'started.json');
    const whole = readFileSync(started, 'utf8');
    await writeFile(started, 'damaged for a moment');
    await until(() => log.some((line) => line.includes('could not be started: Unexpected token')));
    await writeFile(started, whole);
    await until(async () => (await services.state().catch(() => []))[0]?.pid !== null);
    await services.stopAll();
    assert.deepEqual([noted('started').length, noted('SIGTERM').length], [1, 1]);
  });

  test('only the last runs are kept', async () => {
    const services = open({ longestBackoffMs: 20 });
    await writeFile(join(folder, 'end'), '');
    services.keep(spec());
    await until(() => noted('started').length === 9);
    await services.stopAll();
    assert.ok((await readdir(tasks)).length <= 7, `${await readdir(tasks)}`);
  });

  test('one that is killed, and one whose supervisor is killed, is started again', async () => {
    const services = open();
    services.keep(spec());
    await until(() => noted('started').length === 1);
    process.kill((await services.state())[0]!.pid!, 'SIGKILL');
    await until(() => noted('started').length === 2);
    const id = (await readdir(tasks)).find((name) => name.endsWith('-2'))!;
    const { supervisor } = JSON.parse(readFileSync(join(tasks, id, 'started.json'), 'utf8'));
    process.kill(supervisor.pid, 'SIGKILL');
    await until(() => noted('started').length === 3);
    const alive = noted('started').map((line) => identify(Number(line.split(' ')[1])));
    assert.deepEqual(alive.map(Boolean), [false, false, true]);
    await services.stopAll();
  });

  test('the next daemon goes on with one that runs, and ends it with its own', async () => {
    const first = open();
    first.keep(spec());
    await until(() => noted('started').length === 1);
    await first.leave();
    assert.equal(noted('SIGTERM').length, 0);
    const next = open();
    next.keep(spec());
    await until(async () => (await next.state())[0]?.pid !== null);
    assert.equal(`started ${(await next.state())[0]!.pid}`, noted('started')[0]);
    await next.stopAll();
    assert.deepEqual([noted('started').length, noted('SIGTERM').length], [1, 1]);
  });

  test('one that is to do something else now is ended and started anew, one that nobody wants is ended', async () => {
    const first = open();
    first.keep(spec());
    first.keep({ ...spec(), name: 'wal-other' });
    await until(() => noted('started').length === 2);
    await first.leave();
    const next = open();
    next.keep(spec({ changed: true }));
    await next.stopOthers();
    await until(() => noted('started').length === 3);
    assert.equal(noted('SIGTERM').length, 2);
    await next.stopAll();
    assert.equal(noted('SIGTERM').length, 3);
  });
});
