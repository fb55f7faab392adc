import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { mkdir, readdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Engine } from '#local/engine';
import { ExecutionFolders } from '#local/execution-folder';
import { executionHistory } from '#local/execution-history';
import type { Json } from '#local/integration';
import { Refusal } from '#local/refusal';
import { AlreadyRunning } from '#model/failure';
import { EngineScene, go, notedIn, until } from './engine-scene.ts';

const refusedAs = (type: string, message: RegExp) => (error: unknown) =>
  error instanceof Refusal && error.type === type && message.test(error.message);

describe('executions', { timeout: 120_000 }, () => {
  let scene: EngineScene;
  let engine: Engine;

  before(async () => {
    scene = await EngineScene.make();
    engine = await scene.engine({ stopTimeoutMs: 500 });
  });
  after(() => scene.remove());

  const place = (name: string, file: string): string => join(scene.folder, 'state/executions', name, file);

  test('an execution runs its task and gives the answer that ECS gives', async () => {
    const { executions } = engine;
    const { arn } = await executions.start({ machine: 'copy', name: 'one', input: { notes: scene.notes } });
    assert.equal(arn, 'arn:aws:states:local:000000000000:execution:copy:one');
    const { status, ending, input } = await executions.ended(arn);
    assert.equal(status, 'SUCCEEDED');
    assert.deepEqual(input, { notes: scene.notes });
    const output = ending!.output as { [name: string]: Json };
    assert.equal(output.LastStatus, 'STOPPED');
    assert.equal(output.StopCode, 'EssentialContainerExited');
    assert.equal(output.TaskDefinitionArn, 'arn:aws:ecs:local:000000000000:task-definition/copy:1');
    const [container] = output.Containers as { [name: string]: Json }[];
    assert.deepEqual([container!.Name, container!.ExitCode], ['task', 0]);
    assert.ok(Number(output.StartedAt) <= Number(output.StoppedAt));
  });

  test('a task that ends with another code than 0 is States.TaskFailed, with its description as the cause', async () => {
    const { executions } = engine;
    const { arn } = await executions.start({ machine: 'copy', input: { notes: scene.notes, code: 3 } });
    const { status, ending } = await executions.ended(arn);
    assert.deepEqual([status, ending!.error], ['FAILED', 'States.TaskFailed']);
    assert.equal(JSON.parse(ending!.cause!).Containers[0].ExitCode, 3);
  });

  test('the same name with the same input is the same execution while it runs, and no other time', async () => {
    const { executions } = engine;
    const input = scene.waiting();
    const request = { machine: 'copy', name: 'twice', input };
    const answers = await Promise.all([
      executions.start(request),
      executions.start(request),
      executions.start(request),
    ]);
    assert.equal(new Set(answers.map(({ arn, startDate }) => `${arn} ${startDate}`)).size, 1);
    const exists = refusedAs('ExecutionAlreadyExists', /:copy:twice'/);
    await assert.rejects(executions.start({ ...request, input: { ...input, code: 1 } }), exists);
    go(input);
    await executions.ended(answers[0]!.arn);
    await assert.rejects(executions.start(request), exists);
    assert.equal((await readdir(place('copy', ''))).filter((name) => name.startsWith('.')).length, 0);
  });

  test('what cannot be started is refused as AWS refuses it', async () => {
    const { executions } = engine;
    const start = (request: object) => executions.start({ machine: 'nothing', input: {}, ...request });
    await assert.rejects(
      start({ machine: 'nope' }),
      refusedAs('StateMachineDoesNotExist', /there are apart, copy, many, nothing/),
    );
    for (const name of ['', 'a b', '..', '.x', 'a/b', 'é', 'a:b', 'x'.repeat(81), 'a*', 'a\n']) {
      await assert.rejects(start({ name }), refusedAs('InvalidName', /Invalid Name/), name);
    }
    await start({ name: 'x'.repeat(80) });
    await assert.rejects(start({ input: 'x'.repeat(262_144) }), refusedAs('InvalidExecutionInput', /262144/));
    await assert.rejects(executions.describe('arn:nothing'), refusedAs('InvalidArn', /arn:nothing/));
    const missing = 'arn:aws:states:local:000000000000:execution:nothing:missing';
    await assert.rejects(executions.stop(missing), refusedAs('ExecutionDoesNotExist', /missing/));
    for (const machine of ['__proto__', 'constructor', '..']) {
      await assert.rejects(start({ machine }), refusedAs('StateMachineDoesNotExist', /./));
    }
  });

  test('whatever its name looks like, an execution is still there after a restart; what was left half made is not', async () => {
    const { executions } = engine;
    const folders = new ExecutionFolders(join(scene.folder, 'state/executions'));
    for (const name of ['nightly.tmp', "it's(1)"]) {
      await executions.ended((await executions.start({ machine: 'nothing', name, input: {} })).arn);
    }
    await mkdir(place('nothing/.half', ''));
    await writeFile(place('nothing', 'torn.tmp'), '');
    const left = await readdir(place('nothing', ''));
    await folders.list();
    const kept = left.filter((name) => !['.half', 'torn.tmp'].includes(name));
    assert.deepEqual(await readdir(place('nothing', '')), kept);
    assert.ok(kept.includes('nightly.tmp'));
  });

  test('they are listed newest first, by machine and status', async () => {
    const { executions } = engine;
    const input = scene.waiting();
    const { arn } = await executions.start({ machine: 'copy', name: 'listed', input });
    const all = executions.list();
    assert.deepEqual(
      all.map(({ startDate }) => startDate),
      all
        .map(({ startDate }) => startDate)
        .sort()
        .reverse(),
    );
    assert.deepEqual(
      executions.list({ machine: 'copy', status: 'RUNNING' }).map((one) => one.arn),
      [arn],
    );
    assert.throws(() => executions.list({ machine: 'nope' }), refusedAs('StateMachineDoesNotExist', /nope/));
    go(input);
    await executions.ended(arn);
    assert.deepEqual(executions.list({ status: 'RUNNING' }), []);
  });

  test('one that is stopped is ABORTED for the reason that was given, and its task has ended', async () => {
    const { executions } = engine;
    for (const deaf of [false, true]) {
      const input = scene.waiting({ deaf });
      const { arn, name } = await executions.start({ machine: 'copy', input });
      await until(() => notedIn(input, 'started').length > 0);
      await sleep(50);
      await executions.stop(arn, 'Enough', 'somebody said so');
      const { status, ending } = await executions.describe(arn);
      assert.deepEqual([status, ending?.error, ending?.cause], ['ABORTED', 'Enough', 'somebody said so']);
      assert.equal(notedIn(input, 'SIGTERM').length, 1);
      assert.deepEqual(await unendedTasks(scene), []);
      assert.ok(readFileSync(place(`copy/${name}`, 'stop.json'), 'utf8').includes('Enough'));
      assert.deepEqual(await executions.stop(arn), new Date(ending!.stopDate), 'stopped once more');
    }
  });

  test('a child execution gives its output to the one that waits for it, and is stopped with it', async () => {
    const { executions } = engine;
    const good = await executions.start({ machine: 'parent', input: { notes: scene.notes } });
    const { ending } = await executions.ended(good.arn);
    const output = ending!.output as { Status: string; Output: { LastStatus: string }; Input: unknown };
    assert.deepEqual([output.Status, output.Output.LastStatus], ['SUCCEEDED', 'STOPPED']);
    assert.deepEqual(output.Input, { notes: scene.notes });

    const bad = await executions.start({ machine: 'parent', input: { notes: scene.notes, code: 7 } });
    const failed = (await executions.ended(bad.arn)).ending!;
    assert.equal(failed.error, 'States.TaskFailed');
    assert.equal(JSON.parse(failed.cause!).Error, 'States.TaskFailed');

    const endless = await executions.start({ machine: 'parent', input: scene.waiting() });
    await until(() => executions.list({ machine: 'copy', status: 'RUNNING' }).length === 1);
    const [child] = executions.list({ machine: 'copy', status: 'RUNNING' });
    await executions.stop(endless.arn);
    assert.equal((await executions.ended(child!.arn)).status, 'ABORTED');
    assert.equal((await executions.describe(endless.arn)).status, 'ABORTED');
  });

  test('an engine that closes leaves its tasks running, and the next one goes on with them', async () => {
    const input = scene.waiting();
    const { arn } = await engine.executions.start({ machine: 'parent', name: 'over', input });
    const token = await askedToken(engine, scene);
    await until(() => notedIn(input, 'started').length > 0);
    const closing = Date.now();
    await engine.close();
    assert.ok(Date.now() - closing < 3000);
    assert.equal((await unendedTasks(scene)).length, 1);
    assert.deepEqual(notedIn(input, 'SIGTERM'), []);
    assert.equal((await engine.executions.describe(arn)).status, 'RUNNING');
    await assert.rejects(
      engine.executions.start({ machine: 'nothing', input: {} }),
      refusedAs('ServiceUnavailable', /./),
    );

    // a machine's file that is another one now is for those that begin now
    const other = { QueryLanguage: 'JSONata', StartAt: 'X', States: { X: { Type: 'Succeed' } } };
    const saved = readFileSync(join(scene.folder, 'parent.asl.json'), 'utf8');
    await writeFile(join(scene.folder, 'parent.asl.json'), JSON.stringify(other));
    engine = await scene.engine({ stopTimeoutMs: 500 });
    assert.equal((await engine.resume()).length, 3);
    await writeFile(join(scene.folder, 'parent.asl.json'), saved);
    go(input);
    const { status, ending } = await engine.executions.ended(arn);
    assert.equal(status, 'SUCCEEDED');
    assert.ok((ending!.output as { Output: object }).Output);
    assert.equal(notedIn(input, 'started').length, 1);
    assert.equal(await engine.tokens.sendSuccess(token, { answer: 42 }), 'taken');
    assert.deepEqual((await engine.executions.ended(questionArn)).ending!.output, { answer: 42 });
  });

  test('one whose journal is damaged stands still, is told, and can be stopped', async () => {
    const input = scene.waiting();
    const { arn } = await engine.executions.start({ machine: 'copy', name: 'damaged', input });
    await until(async () => (await unendedTasks(scene)).length === 1);
    await engine.close();
    const journal = place('copy/damaged', 'journal.jsonl');
    const lines = readFileSync(journal, 'utf8').split('\n');
    writeFileSync(journal, ['{"nonsense":1}', ...lines.slice(1)].join('\n'));
    engine = await scene.engine({ stopTimeoutMs: 500 });
    await engine.resume();
    await until(() => engine.executions.problems().has(arn));
    assert.match(engine.executions.problems().get(arn)!, /line 1/);
    assert.match(scene.log, /copy\/damaged stands still/);
    assert.equal((await engine.executions.describe(arn)).status, 'RUNNING');
    await engine.executions.stop(arn, 'Damaged', '');
    assert.equal((await engine.executions.describe(arn)).status, 'ABORTED');
    assert.deepEqual(await unendedTasks(scene), []);
    assert.equal(engine.executions.problems().size, 0);
  });

  test('a second engine is not let into the same state directory', async () => {
    await assert.rejects(
      scene.engine(),
      (error) => error instanceof AlreadyRunning && /runs here already/.test(error.message),
    );
  });

  test('a folder that is no execution keeps nobody from starting', async () => {
    await engine.close();
    await mkdir(place('copy/empty', ''), { recursive: true });
    await mkdir(place('copy/garbled', ''), { recursive: true });
    await writeFile(place('copy/garbled', 'execution.json'), '{');
    engine = await scene.engine();
    await engine.resume();
    assert.match(scene.log, /copy\/garbled cannot be read/);
    const { arn } = await engine.executions.start({ machine: 'nothing', input: { x: 1 } });
    assert.deepEqual((await engine.executions.ended(arn)).ending!.output, { x: 1 });
  });

  test('what ended long ago is forgotten, and what runs is not', async () => {
    const other = await EngineScene.make();
    try {
      const old = await other.engine();
      const { arn } = await old.executions.start({ machine: 'copy', name: 'old', input: { notes: other.notes } });
      await old.executions.ended(arn);
      const input = other.waiting();
      const running = await old.executions.start({ machine: 'copy', input });
      await until(() => notedIn(input, 'started').length > 0);
      await old.forget(new Date(Date.now() - 60_000));
      assert.equal(old.executions.list().length, 2);
      await old.forget(new Date(Date.now() + 60_000));
      assert.deepEqual(
        old.executions.list().map((one) => one.arn),
        [running.arn],
      );
      assert.equal((await readdir(join(other.folder, 'state/tasks'))).length, 1);
      await assert.rejects(old.executions.describe(arn), refusedAs('ExecutionDoesNotExist', /old/));
      go(input);
      assert.equal((await old.executions.ended(running.arn)).status, 'SUCCEEDED');
      await old.executions.start({ machine: 'nothing', name: 'old', input: {} });
    } finally {
      await other.remove();
    }
  });

  test('what lies in the state directory is for its owner only', async () => {
    for (const path of ['', 'executions', 'tasks', 'tokens', 'executions/copy/one', 'tasks']) {
      assert.equal((await stat(join(scene.folder, 'state', path))).mode & 0o777, 0o700, path);
    }
    for (const path of ['endpoint.json', 'aws-credentials', 'executions/copy/one/execution.json']) {
      assert.equal((await stat(join(scene.folder, 'state', path))).mode & 0o777, 0o600, path);
    }
  });

  test('the history is there while it runs and when it ended', async () => {
    const arn = 'arn:aws:states:local:000000000000:execution:copy:one';
    const events = await executionHistory(await engine.executions.journalOf(arn));
    assert.equal(events[0]!.type, 'ExecutionStarted');
    assert.equal(events.at(-1)!.type, 'ExecutionSucceeded');
  });
});

const questionArn = 'arn:aws:states:local:000000000000:execution:question:asked';

async function askedToken(engine: Engine, scene: EngineScene): Promise<string> {
  await engine.executions.start({ machine: 'question', name: 'asked', input: { timeoutSeconds: 60 } });
  return scene.token();
}

async function unendedTasks(scene: EngineScene): Promise<string[]> {
  const folder = join(scene.folder, 'state/tasks');
  const found = await readdir(folder);
  const ended = await Promise.all(
    found.map((id) =>
      stat(join(folder, id, 'exit.json')).then(
        () => true,
        () => false,
      ),
    ),
  );
  return found.filter((_, i) => !ended[i]);
}
