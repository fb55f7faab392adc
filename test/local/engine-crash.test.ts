import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { createFile } from '#local/durable-file';
import { openStateDirectory } from '#local/state-directory';
import { daemonMachines } from '#runtime/daemon-machines';
import type { Machines } from '#runtime/machines';
import { EngineScene, go, notedIn, until } from './engine-scene.ts';

/** Who asks an engine in another process. */
function machinesOf(scene: EngineScene): Machines {
  return daemonMachines(JSON.parse(readFileSync(join(scene.folder, 'state/endpoint.json'), 'utf8')));
}

describe('an engine that is killed', { timeout: 240_000 }, () => {
  let scene: EngineScene;
  const hosts: ChildProcess[] = [];

  before(async () => {
    scene = await EngineScene.make();
    await openStateDirectory(join(scene.folder, 'state'));
  });
  after(async () => {
    await Promise.all(hosts.map(kill));
    await scene.remove();
  });

  /** Ready to be asked. */
  async function start(): Promise<ChildProcess> {
    await Promise.all(hosts.map(kill));
    const host = launch();
    await once(host.stdout!, 'data');
    return host;
  }
  function launch(): ChildProcess {
    const host = spawn(process.execPath, [join(import.meta.dirname, 'engine-host.ts'), scene.folder], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    hosts.push(host);
    return host;
  }
  async function kill(host: ChildProcess): Promise<void> {
    if (host.exitCode !== null || host.signalCode !== null) return;
    const ended = once(host, 'exit');
    host.kill('SIGKILL');
    await ended;
  }
  async function ended(machines: Machines, arn: string) {
    let standing = await machines.describe(arn);
    while (standing.status === 'RUNNING') {
      await sleep(20);
      standing = await machines.describe(arn);
    }
    return standing;
  }

  test('at many moments of an execution: the next one ends it, and every task was started once', async () => {
    let host = await start();
    for (let round = 0; round < 12; round++) {
      const inputs = [scene.waiting(), scene.waiting(), scene.waiting()];
      let machines = machinesOf(scene);
      const arn = await machines.start('many', { items: inputs, notes: scene.notes });
      await sleep(round * 25);
      await kill(host);
      // and once more while the next one is just going on with it
      host = launch();
      await sleep(120 + round * 20);
      await kill(host);
      machines.close();
      host = await start();
      machines = machinesOf(scene);
      for (const input of inputs) go(input);
      const { status, output } = await ended(machines, arn);
      assert.equal(status, 'SUCCEEDED', `round ${round}`);
      assert.deepEqual(output, { copied: 3 });
      for (const input of inputs) assert.equal(notedIn(input, 'started').length, 1, `round ${round}`);
      machines.close();
    }
    const published = new Set(scene.noted('published').map((line) => line.split(' ')[1]));
    assert.equal(published.size, 12, 'each notice has one id, however often it was published');
    await kill(host);
  });

  test('while tasks run: they run on, and their ends are taken by the next one', async () => {
    const host = await start();
    let machines = machinesOf(scene);
    const [slow, quick] = [scene.waiting(), scene.waiting({ code: 3 })];
    const slowArn = await machines.start('copy', slow);
    const quickArn = await machines.start('copy', quick);
    await until(() => notedIn(slow, 'started').length > 0 && notedIn(quick, 'started').length > 0);
    await kill(host);
    go(quick);
    await until(() => notedIn(quick, 'ended').length > 0);
    await start();
    machines.close();
    machines = machinesOf(scene);
    assert.equal((await ended(machines, quickArn)).error, 'States.TaskFailed');
    go(slow);
    assert.equal((await ended(machines, slowArn)).status, 'SUCCEEDED');
    for (const input of [slow, quick]) assert.equal(notedIn(input, 'started').length, 1);
    machines.close();
  });

  test('one that is told to end does so at once by itself, and leaves its tasks running', async () => {
    const host = await start();
    let machines = machinesOf(scene);
    const input = scene.waiting();
    const arn = await machines.start('parent', input);
    await until(() => notedIn(input, 'started').length > 0);
    const since = Date.now();
    host.kill('SIGTERM');
    const [code] = await once(host, 'exit');
    assert.equal(code, 0);
    assert.ok(Date.now() - since < 3000, `${Date.now() - since} ms`);
    assert.equal(existsSync(join(scene.folder, 'state/endpoint.json')), false);
    assert.equal(notedIn(input, 'SIGTERM').length, 0);
    await start();
    machines.close();
    machines = machinesOf(scene);
    go(input);
    assert.equal((await ended(machines, arn)).status, 'SUCCEEDED');
    assert.equal(notedIn(input, 'started').length, 1);
    machines.close();
  });

  test('while it stops an execution: the next one stops it, and its task', async () => {
    const host = await start();
    let machines = machinesOf(scene);
    const input = scene.waiting();
    const arn = await machines.start('parent', input);
    await until(() => notedIn(input, 'started').length > 0);
    await sleep(50);
    // what the API writes down before it does it
    const folder = join(scene.folder, 'state/executions/parent', arn.split(':').at(-1)!);
    machines.close();
    const stopping = stopOver(scene, arn);
    await until(() => existsSync(join(folder, 'stop.json')));
    await kill(host);
    await stopping;
    await start();
    machines = machinesOf(scene);
    assert.equal((await ended(machines, arn)).status, 'ABORTED');
    const children = (await machines.list()).filter(
      ({ machine, status }) => machine === 'copy' && status === 'RUNNING',
    );
    for (const child of children) assert.equal((await ended(machines, child.arn)).status, 'ABORTED');
    await until(() => notedIn(input, 'SIGTERM').length > 0);
    assert.deepEqual(unendedTasks(scene), []);
    machines.close();
  });

  test('what a dead engine left of a task that nobody wants is ended', async () => {
    const host = await start();
    const machines = machinesOf(scene);
    const input = scene.waiting();
    const arn = await machines.start('copy', input);
    await until(() => notedIn(input, 'started').length > 0);
    await kill(host);
    // its execution has ended, as the journal of another crash would tell
    const end = { status: 'ABORTED', stopDate: new Date().toISOString() };
    await createFile(
      join(scene.folder, 'state/executions/copy', arn.split(':').at(-1)!, 'end.json'),
      JSON.stringify(end),
    );
    await start();
    assert.equal(notedIn(input, 'SIGTERM').length, 1);
    assert.deepEqual(unendedTasks(scene), []);
    machines.close();
  });
});

async function stopOver(scene: EngineScene, arn: string): Promise<void> {
  const { url, region, accessKeyId, secretAccessKey } = JSON.parse(
    readFileSync(join(scene.folder, 'state/endpoint.json'), 'utf8'),
  );
  const { SFNClient, StopExecutionCommand } = await import('@aws-sdk/client-sfn');
  const credentials = { accessKeyId, secretAccessKey };
  const client = new SFNClient({ endpoint: url, region, credentials, maxAttempts: 1 });
  await client.send(new StopExecutionCommand({ executionArn: arn })).catch(() => undefined);
  client.destroy();
}

function unendedTasks(scene: EngineScene): string[] {
  const folder = join(scene.folder, 'state/tasks');
  return readdirSync(folder).filter((id) => !existsSync(join(folder, id, 'exit.json')));
}
