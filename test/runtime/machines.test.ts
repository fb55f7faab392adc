import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, describe, test } from 'node:test';
import { type DeployedEngine, openDeployedEngine } from '#harness/deployed-engine';
import { type AwsFault, type StrictAws, startStrictAws } from '#harness/strict-aws';
import { AuthenticationFailed, ConnectionFailed, type Failure, InputInvalid, ServerUnsuitable } from '#model/failure';
import { daemonMachines } from '#runtime/daemon-machines';
import type { Machines } from '#runtime/machines';
import { RemoteFailure } from '#runtime/remote-failure';
import { findStack } from '#runtime/stack';
import { stackMachines } from '#runtime/stack-machines';

const ada = { accessKeyId: 'AKIAADA', secretAccessKey: 'ada-secret', arn: 'arn:aws:iam::123456789012:user/ada' };
const states = {
  ours_pass: { Pass: { Type: 'Pass', End: true } },
  ours_other: { Pass: { Type: 'Pass', End: true } },
  ours_wait: { Wait: { Type: 'Wait', Seconds: 300, End: true } },
};
const functions = {
  echo: async () => ({ handler: async (event: object) => ({ echo: event }) }),
  refuse: async () => ({
    handler: async () => {
      throw Object.assign(new Error('it is not so\nHINT: change it'), { name: 'ApprovalRefused' });
    },
  }),
};

describe('the machines of a stack', { timeout: 120_000 }, () => {
  let folder: string;
  let aws: StrictAws;
  let deployed: DeployedEngine;
  let machines: Machines;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'lifeboat-machines-'));
    // a stack whose name begins like ours has its machines in the same account
    for (const [name, States] of Object.entries({ ...states, 'ours-too_pass': states.ours_pass })) {
      const definition = { QueryLanguage: 'JSONata', StartAt: Object.keys(States)[0], States };
      await writeFile(join(folder, `${name}.asl.json`), JSON.stringify(definition));
    }
    deployed = await openDeployedEngine({ folder, stack: 'lifeboat', environment: {}, machines: folder, functions });
    aws = await startStrictAws([ada]);
    aws.forward = deployed.endpoint;
    const { MachineArnPrefix, FunctionNamePrefix } = deployed.outputs;
    aws.stacks.set('lifeboat-ours', {
      status: 'CREATE_COMPLETE',
      outputs: {
        BucketUrl: 's3://bucket',
        BackupKeyArn: 'arn:aws:kms:eu-central-1:123456789012:key/k',
        MachineArnPrefix: `${MachineArnPrefix}ours_`,
        FunctionNamePrefix,
      },
    });
    machines = await open();
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

  async function open(more: Record<string, string> = {}): Promise<Machines> {
    const environment = { ...aws.environmentOf(ada), AWS_REGION: 'eu-central-1' };
    return stackMachines(await findStack('lifeboat-ours', environment), { ...environment, ...more });
  }
  const run = async (machine: string, name: string, input = {}) => {
    const arn = await machines.start(machine, input, name);
    await deployed.engine.executions.ended(arn);
    return arn;
  };
  const asked = (operation: string): number => aws.requests.filter((one) => one.startsWith(operation)).length;

  test('are called by their own names, though their ARNs have the name of the stack', async () => {
    const arn = await run('pass', 'first', { a: 1 });
    assert.equal(arn, 'arn:aws:states:local:000000000000:execution:lifeboat_ours_pass:first');
    const { machine, name, status, input, output } = await machines.describe(arn);
    assert.deepEqual([machine, name, status, input, output], ['pass', 'first', 'SUCCEEDED', { a: 1 }, { a: 1 }]);
    assert.deepEqual(await machines.invoke('echo', { b: 2 }), { echo: { b: 2 } });
    assert.ok(aws.requests.every((one) => one.endsWith(ada.arn)));
  });

  test('tell their newest executions without those of others, in one request each however many there are', async () => {
    await deployed.engine.executions.ended(
      (await deployed.engine.executions.start({ machine: 'lifeboat_ours-too_pass', name: 'foreign', input: {} })).arn,
    );
    for (let number = 0; number < 30; number++) await run(number % 2 ? 'pass' : 'other', `many-${number}`);
    aws.requests.length = 0;
    const newest = await machines.list(undefined, 10);
    assert.deepEqual(
      newest.map(({ machine, name }) => `${machine}:${name}`),
      [29, 28, 27, 26, 25, 24, 23, 22, 21, 20].map((number) => `${number % 2 ? 'pass' : 'other'}:many-${number}`),
    );
    assert.equal(asked('states:ListExecutions'), 3);
    assert.deepEqual(
      (await machines.list()).filter(({ name }) => name === 'foreign'),
      [],
    );
    assert.deepEqual(await machines.list('RUNNING'), []);
  });

  test('find an execution by its whole name without listing any, and by the beginning of its name', async () => {
    await run('pass', 'find-me-whole');
    await run('pass', 'find-twice');
    await run('other', 'find-twice');
    aws.requests.length = 0;
    assert.equal((await machines.find('find-me-whole')).machine, 'pass');
    assert.equal((await machines.find('other:find-twice')).machine, 'other');
    assert.equal(asked('states:ListExecutions'), 0);
    assert.equal((await machines.find('find-me')).name, 'find-me-whole');
    await assert.rejects(machines.find('find-twice'), /one execution, not all of \w+:find-twice, \w+:find-twice/);
    await assert.rejects(machines.find('no such: thing'), InputInvalid);
    await assert.rejects(
      machines.find('nobody'),
      /execution: "nobody" is not allowed: expected the id of an execution$/,
    );
  });

  test('know no execution of another stack, by its ARN neither', async () => {
    const foreign = 'arn:aws:states:local:000000000000:execution:lifeboat_ours-too_pass:foreign';
    await assert.rejects(machines.describe(foreign), (failure) => {
      assert.ok(failure instanceof InputInvalid);
      assert.match(
        failure.message,
        /expected an execution here: arn:aws:states:local:000000000000:execution:lifeboat_ours_…/,
      );
      return true;
    });
    assert.deepEqual(aws.requests, []);
  });

  test('tell what happened, from the beginning or from where somebody has looked already', async () => {
    const arn = await run('pass', 'history');
    const all = await machines.history(arn);
    assert.deepEqual(
      all.map(({ id, type }) => `${id} ${type}`),
      ['1 ExecutionStarted', '2 PassStateEntered', '3 PassStateExited', '4 ExecutionSucceeded'],
    );
    assert.deepEqual(await machines.history(arn, 2), all.slice(2));
    assert.deepEqual(await machines.history(arn, 4), []);
  });

  test('end one that somebody stops', async () => {
    const arn = await machines.start('wait', {});
    await machines.stop(arn, 'Stopped', 'by Ada');
    await deployed.engine.executions.ended(arn);
    const { status, error, cause } = await machines.describe(arn);
    assert.deepEqual([status, error, cause], ['ABORTED', 'Stopped', 'by Ada']);
  });

  test('are asked again for what was started just now and is not known everywhere yet', async () => {
    const arn = await run('pass', 'settles');
    const fault = { operation: 'states:DescribeExecution', status: 400, code: 'ExecutionDoesNotExist' };
    aws.faults.push(fault);
    assert.equal((await machines.describe(arn)).status, 'SUCCEEDED');
    aws.faults.push({ ...fault, times: 1 });
    const another = await open();
    await assert.rejects(another.describe(arn), InputInvalid, 'another process has not started it');
    another.close();
  });

  test('pass on what a function fails with', async () => {
    await assert.rejects(machines.invoke('refuse', {}), (failure) => {
      assert.ok(failure instanceof RemoteFailure);
      assert.deepEqual([failure.name, failure.message, failure.hint], ['ApprovalRefused', 'it is not so', 'change it']);
      return true;
    });
  });

  const refusals: [string, Partial<AwsFault>, new (...args: never[]) => Failure, RegExp][] = [
    [
      'a right that is missing, by its name',
      {
        status: 400,
        code: 'AccessDeniedException',
        message: `User: ${ada.arn} is not authorized to perform: states:StartExecution on resource: arn:x`,
      },
      AuthenticationFailed,
      /^stack lifeboat-ours in eu-central-1 refuses states:StartExecution on pass: User: .* is not authorized/,
    ],
    [
      'a token that has expired',
      { status: 400, code: 'ExpiredTokenException', message: 'The security token included in the request is expired' },
      AuthenticationFailed,
      /^stack lifeboat-ours in eu-central-1: the credentials have expired: /,
    ],
    [
      'a key that nobody knows',
      {
        status: 400,
        code: 'UnrecognizedClientException',
        message: 'The security token included in the request is invalid.',
      },
      AuthenticationFailed,
      /^stack lifeboat-ours in eu-central-1: the credentials are not known there: /,
    ],
    [
      'a limit that was met',
      { status: 400, code: 'ExecutionLimitExceeded', message: 'too many running executions' },
      ServerUnsuitable,
      /refuses states:StartExecution on pass: ExecutionLimitExceeded: too many/,
    ],
    [
      'throttling that does not end',
      { status: 400, code: 'ThrottlingException', message: 'Rate exceeded', times: 5 },
      ConnectionFailed,
      /is asked too often for states:StartExecution: Rate exceeded/,
    ],
  ];
  for (const [what, fault, kind, message] of refusals) {
    test(`tell ${what}, with what to do`, async () => {
      aws.faults.push({ operation: 'states:StartExecution', status: 400, code: '', ...fault });
      await assert.rejects(machines.start('pass', {}), (failure) => {
        assert.ok(failure instanceof kind, String(failure));
        assert.match(failure.message, message);
        assert.ok(failure.hint);
        return true;
      });
    });
  }

  test('are asked again after throttling and a broken connection', async () => {
    const operation = 'states:StartExecution';
    aws.faults.push(
      { operation, status: 400, code: 'ThrottlingException' },
      { operation, status: 0, code: '', reset: 'before' },
    );
    assert.match(await machines.start('pass', {}, 'after-all'), /:after-all$/);
    assert.deepEqual(aws.faults, []);
  });

  test('start one execution, though the answer was lost and it has ended when they are asked again', async () => {
    const before = (await machines.list()).length;
    aws.faults.push({ operation: 'states:StartExecution', status: 0, code: '', reset: 'after' });
    const arn = await machines.start('pass', {});
    await deployed.engine.executions.ended(arn);
    assert.equal(asked('states:StartExecution'), 2);
    assert.equal((await machines.list()).length, before + 1);
  });

  test('tell a function that is not there from one that may not be invoked', async () => {
    const failed = (promise: Promise<unknown>) =>
      promise.then(
        () => assert.fail(),
        (failure: Failure) => failure,
      );
    const missing = await failed(machines.invoke('rekey', {}));
    assert.ok(missing instanceof ServerUnsuitable);
    assert.match(missing.message, /^stack lifeboat-ours in eu-central-1 has no rekey: /);
    assert.match(missing.hint!, /another version/);
    aws.faults.push({ operation: 'lambda:InvokeFunction', status: 403, code: 'AccessDeniedException', message: 'no' });
    const refused = await failed(machines.invoke('echo', {}));
    assert.ok(refused instanceof AuthenticationFailed);
    assert.match(refused.message, /refuses lambda:InvokeFunction on echo: no$/);
  });

  test('are nowhere when nobody answers', async () => {
    const gone = await open({ AWS_ENDPOINT_URL_SFN: 'http://127.0.0.1:9' });
    await assert.rejects(gone.start('pass', {}), (failure) => {
      assert.ok(failure instanceof ConnectionFailed);
      assert.match(failure.message, /did not answer states:StartExecution: ECONNREFUSED/);
      return true;
    });
    gone.close();
  });

  test('of a daemon are the same, under their plain names', async () => {
    const { url, accessKeyId, secretAccessKey } = deployed.endpoint;
    const endpoint = { url, accessKeyId, secretAccessKey, region: 'local', pid: 1, startedAt: '' };
    const local = daemonMachines(endpoint);
    assert.ok(await local.answer());
    const arn = await local.start('lifeboat_ours_pass', {}, 'by-daemon');
    await deployed.engine.executions.ended(arn);
    assert.equal((await local.find('by-daemon')).machine, 'lifeboat_ours_pass');
    local.close();
    const nobody = daemonMachines({ ...endpoint, url: 'http://127.0.0.1:9' });
    assert.ok(!(await nobody.answer()));
    await assert.rejects(nobody.start('x', {}), /the daemon at http:\/\/127.0.0.1:9 did not answer/);
    nobody.close();
  });
});
