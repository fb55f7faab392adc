import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, describe, test } from 'node:test';
import { type DeployedEngine, openDeployedEngine } from '#harness/deployed-engine';
import { type StrictAws, startStrictAws } from '#harness/strict-aws';
import { AuthenticationFailed } from '#model/failure';
import { type ChildEvent, ChildWatch } from '#runtime/child-watch';
import type { Machines } from '#runtime/machines';
import { stackMachines } from '#runtime/stack-machines';

const ada = { accessKeyId: 'AKIAADA', secretAccessKey: 'ada-secret', arn: 'arn:aws:iam::123456789012:user/ada' };
const apart = { Mode: 'DISTRIBUTED', ExecutionType: 'STANDARD' };
const map = (label: string, States: Record<string, { [name: string]: unknown }>, more = {}) => ({
  ...{ Type: 'Map', Label: label, ToleratedFailurePercentage: 100, End: true },
  ItemProcessor: { ProcessorConfig: apart, StartAt: Object.keys(States)[0], States },
  ...more,
});
const Wait = { Type: 'Wait', Seconds: 300, End: true };
const machineStates = {
  lanes: {
    Lanes: map(
      'Lanes',
      {
        Sources: map(
          'Sources',
          { Copy: { Type: 'Wait', Seconds: 0, End: true } },
          { Items: '{% $states.input.sources %}', MaxConcurrency: 1 },
        ),
      },
      { Items: '{% $states.input %}' },
    ),
  },
  waiting: {
    Lanes: map(
      'Lanes',
      { Sources: map('Sources', { Wait }, { Items: '{% $states.input.sources %}' }) },
      { Items: '{% $states.input %}' },
    ),
  },
  lasting: { Crowd: map('Crowd', { Wait }, { Items: '{% [1..60].{"source": "s" & $} %}' }) },
  failing: {
    Crowd: map(
      'Crowd',
      {
        Look: {
          Type: 'Choice',
          Choices: [{ Condition: '{% $states.input.source = "s3" %}', Next: 'Bad' }],
          Default: 'Good',
        },
        Good: { Type: 'Wait', Seconds: 0, End: true },
        Bad: { Type: 'Fail', Error: 'Broken', Cause: 'as it was planned' },
      },
      { Items: '{% [1..30].{"source": "s" & $} %}', MaxConcurrency: 1 },
    ),
  },
};

describe('what goes on within the Maps of an execution', { timeout: 120_000 }, () => {
  let folder: string;
  let aws: StrictAws;
  let deployed: DeployedEngine;
  let machines: Machines;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'lifeboat-children-'));
    for (const [name, States] of Object.entries(machineStates)) {
      const definition = { QueryLanguage: 'JSONata', StartAt: Object.keys(States)[0], States };
      await writeFile(join(folder, `${name}.asl.json`), JSON.stringify(definition));
    }
    deployed = await openDeployedEngine({ folder, stack: 'ours', environment: {}, machines: folder, functions: {} });
    aws = await startStrictAws([ada]);
    aws.forward = deployed.endpoint;
    const { MachineArnPrefix: machinePrefix, FunctionNamePrefix: functionPrefix } = deployed.outputs;
    const stack = { name: 'ours', region: 'eu-central-1', bucket: 's3://x', kmsKey: 'arn:x', planDigest: undefined };
    machines = stackMachines({ ...stack, machinePrefix, functionPrefix }, aws.environmentOf(ada));
  });
  after(async () => {
    machines.close();
    for (const { arn } of deployed.engine.executions.list({ status: 'RUNNING' }))
      await deployed.engine.executions.stop(arn);
    await deployed.engine.close();
    await aws.close();
    await rm(folder, { recursive: true });
  });
  beforeEach(() => {
    aws.requests.length = 0;
    aws.faults.length = 0;
  });

  async function ended(machine: string, input: unknown = {}): Promise<string> {
    const arn = await machines.start(machine, input as object);
    await deployed.engine.executions.ended(arn);
    return arn;
  }
  async function watch(arn: string): Promise<ChildWatch> {
    const found = new ChildWatch(machines);
    found.follow(await machines.history(arn));
    aws.requests.length = 0;
    return found;
  }
  const outline = (events: readonly ChildEvent[]) => events.map(({ about, event }) => `${about} ${event.type}`);
  const sources = (...names: string[]) => ({ sources: names.map((source) => ({ source })) });

  test('is told by what each child is about, and of the children of children', async () => {
    const children = await watch(await ended('lanes', [sources('a', 'b'), sources('c')]));
    const told = outline(await children.look(100));
    for (const [about, type] of [
      ['a, b', 'MapStateEntered'],
      ['c', 'MapStateEntered'],
      ['a', 'WaitStateEntered'],
      ['b', 'ExecutionSucceeded'],
      ['c', 'WaitStateEntered'],
    ])
      assert.equal(told.filter((one) => one === `${about} ${type}`).length, 1, `${about} ${type}: ${told.join('\n')}`);
    assert.equal(children.untold, 0);
    assert.equal(aws.requests.length, 1 + 2 + 2 + 3, 'a list of lanes, of the sources of two, and five histories');
    assert.deepEqual(await children.look(100), []);
    assert.equal(aws.requests.length, 8, 'what has ended is not asked for again');
  });

  test('is asked for as often as a look may, however many run, and each has its turn', async () => {
    const arn = await machines.start('lasting', {});
    let begun = 0;
    while (begun < 60) {
      const [run] = (await machines.history(arn)).flatMap((one) => one.mapRunStartedEventDetails?.mapRunArn ?? []);
      begun = run ? (await machines.children(run)).length : 0;
    }
    const known = (await machines.history(arn)).at(-1)!.id!;
    const children = await watch(arn);
    const told: ChildEvent[] = [];
    for (let look = 1; look <= 3; look++) {
      told.push(...(await children.look(8)));
      assert.equal(aws.requests.length, 8 * look);
    }
    const waiting = told.filter(({ event }) => event.type === 'WaitStateEntered').map(({ about }) => about);
    assert.equal(new Set(waiting).size, 20);
    assert.equal(children.untold, 40);
    aws.requests.length = 0;
    assert.deepEqual(await children.look(1000), []);
    assert.equal(aws.requests.length, 21);
    await machines.stop(arn, 'Stopped', 'by the test');
    await deployed.engine.executions.ended(arn);
    children.follow(await machines.history(arn, known));
    const last = outline(await children.look(60));
    assert.equal(last.filter((one) => one.endsWith('ExecutionAborted')).length, 20);
  });

  test('is not asked of a child that waits for children of its own', async () => {
    const arn = await machines.start('waiting', [sources('a')]);
    const told: string[] = [];
    const children = new ChildWatch(machines);
    let last = 0;
    while (!told.includes('a WaitStateEntered')) {
      const events = await machines.history(arn, last);
      last = events.at(-1)?.id ?? last;
      children.follow(events);
      told.push(...outline(await children.look(100)));
    }
    aws.requests.length = 0;
    assert.deepEqual(await children.look(100), []);
    assert.deepEqual(
      aws.requests.map((one) => one.split(' ')[0]).sort(),
      ['states:GetExecutionHistory', 'states:ListExecutions', 'states:ListExecutions'],
      'the lanes, the sources of one, and what that source does',
    );
    await machines.stop(arn, 'Stopped', 'by the test');
  });

  test('tells those that failed before the newest that went well', async () => {
    const children = await watch(await ended('failing'));
    const told = await children.look(100);
    const failed = told.find(({ event }) => event.type === 'ExecutionFailed');
    assert.equal(failed?.about, 's3');
    assert.equal(failed?.event.executionFailedEventDetails?.cause, 'as it was planned');
    assert.equal(new Set(told.map(({ about }) => about)).size, 20);
    assert.ok(told.some(({ about }) => about === 's30'));
    assert.equal(children.untold, 10);
  });

  test('is told in the next look when one was refused, and nothing is lost', async () => {
    const children = await watch(await ended('lanes', [sources('a')]));
    const fault = {
      operation: 'states:GetExecutionHistory',
      status: 400,
      code: 'AccessDeniedException',
      message: 'no',
    };
    aws.faults.push(fault);
    await assert.rejects(children.look(100), AuthenticationFailed);
    const told = outline(await children.look(100));
    assert.ok(told.includes('a MapStateEntered') && told.includes('a WaitStateEntered'), told.join('\n'));
  });

  test('is not there yet where a Map run is not known everywhere', async () => {
    const children = await watch(await ended('lanes', [sources('a')]));
    aws.faults.push({ operation: 'states:ListExecutions', status: 400, code: 'ResourceNotFound', message: 'unknown' });
    assert.deepEqual(await children.look(100), []);
    assert.ok((await children.look(100)).length > 0);
  });
});
