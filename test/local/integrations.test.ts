import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { callAwsSdk } from '#local/call-aws-service';
import { callLambda } from '#local/call-lambda';
import { FunctionHost } from '#local/function-host';
import { type Json, StatesError, type TaskCall } from '#local/integration';
import { publishNotice } from '#local/publish-notice';
import { runEcsTask } from '#local/run-ecs-task';
import { TaskProcesses } from '#local/task-processes';
import { FileTaskTokens } from '#local/task-tokens';
import { topicArn } from '#model/arn';
import { createAwsSdk } from '#runtime/call-aws-sdk';
import { readTaskLog } from './task-output.ts';

const never = new AbortController().signal;

function callOf(resource: string, given: Json, more: Partial<TaskCall> = {}): TaskCall {
  const execution = { arn: 'arn:aws:states:local:000000000000:execution:m:e', name: 'e', machine: 'm' };
  return {
    resource,
    pattern: 'request',
    arguments: given,
    id: 'abc',
    execution,
    token: undefined,
    signal: never,
    ...more,
  };
}

const failsAs = (error: string, cause: RegExp) => (thrown: unknown) => {
  assert.ok(thrown instanceof StatesError, String(thrown));
  assert.equal(thrown.error, error);
  assert.match(thrown.cause, cause);
  return true;
};

describe('lambda:invoke', () => {
  const seen: unknown[] = [];
  const handlers: Record<string, (event: never, context: never) => unknown> = {
    take: (event: { list: unknown[] }) => void event.list.push('changed'),
    see: (_: unknown, context: { getRemainingTimeInMillis(): number }) => seen.push(context.getRemainingTimeInMillis()),
    hang: () => new Promise(() => undefined),
    text: () => {
      throw 'no error';
    },
    big: () => ({ n: 1n }),
    nothing: () => undefined,
  };
  const functions = new FunctionHost(
    Object.fromEntries(Object.entries(handlers).map(([name, handler]) => [name, async () => ({ handler })])),
    { timeoutMs: 200 },
  );
  const lambda = callLambda(functions);
  const invoke = (FunctionName: string, Payload: Json = {}) =>
    lambda(callOf('lambda:invoke', { FunctionName, Payload }));

  test('the function gets an event of its own, and nothing that it answers is null', async () => {
    const payload = { list: ['as it was'] };
    const answer = (await invoke('take', payload)) as { [name: string]: Json };
    assert.deepEqual(payload, { list: ['as it was'] });
    assert.deepEqual([answer.StatusCode, answer.Payload, answer.ExecutedVersion], [200, null, '$LATEST']);
    assert.equal(((await invoke('nothing')) as { Payload: Json }).Payload, null);
    await invoke('see');
    assert.ok(Number(seen[0]) > 100 && Number(seen[0]) <= 200);
  });

  test('what goes wrong has the names that Lambda gives it', async () => {
    await assert.rejects(invoke('text'), failsAs('string', /"errorMessage":"no error"/));
    await assert.rejects(invoke('big'), failsAs('Runtime.MarshalError', /BigInt/));
    await assert.rejects(invoke('hang'), failsAs('Sandbox.Timedout', /Task timed out after 0.20 seconds/));
    await assert.rejects(
      invoke('other'),
      failsAs('Lambda.ResourceNotFoundException', /:function:other \(there are take, /),
    );
    await assert.rejects(invoke('constructor'), failsAs('Lambda.ResourceNotFoundException', /constructor/));
    await assert.rejects(lambda(callOf('lambda:invoke', { Function: 'x' })), failsAs('States.Runtime', /FunctionName/));
  });

  test('a module that cannot be loaded is the error of its function, and is loaded again', async () => {
    let loads = 0;
    const broken = callLambda(
      new FunctionHost({
        late: async () => {
          loads++;
          if (loads === 1) throw new SyntaxError('half written');
          return { handler: () => 'loaded' };
        },
      }),
    );
    const call = callOf('lambda:invoke', { FunctionName: 'late' });
    await assert.rejects(broken(call), failsAs('SyntaxError', /half written/));
    assert.equal(((await broken(call)) as { Payload: Json }).Payload, 'loaded');
  });
});

describe('sns:publish', () => {
  test('a message is made durable under the call, and objects are sent as JSON', async () => {
    const published: string[] = [];
    const sns = publishNotice(async (message, id) => published.push(`${id} ${message}`));
    const answer = (await sns(callOf('sns:publish', { TopicArn: topicArn, Message: { a: 1 } }))) as {
      MessageId: string;
    };
    assert.deepEqual(published, ['abc {"a":1}']);
    assert.match(answer.MessageId, /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
  });

  test('what SNS refuses is refused, and a full disk is an error that can be retried', async () => {
    const sns = publishNotice(() => Promise.reject(new Error('ENOSPC: no space left on device')));
    const publish = (given: { [name: string]: Json }) =>
      sns(callOf('sns:publish', { TopicArn: topicArn, Message: 'x', ...given }));
    await assert.rejects(publish({ TopicArn: 'arn:other' }), failsAs('SNS.NotFoundException', /arn:other/));
    await assert.rejects(publish({ Message: '' }), failsAs('SNS.InvalidParameterException', /Empty/));
    await assert.rejects(
      publish({ Message: 'x'.repeat(262_145) }),
      failsAs('SNS.InvalidParameterException', /too long/),
    );
    await assert.rejects(publish({ Massage: 'x' }), failsAs('States.Runtime', /Massage/));
    await assert.rejects(publish({}), failsAs('SNS.InternalErrorException', /ENOSPC/));
  });
});

describe('ecs:runTask.sync', () => {
  let folder: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'lifeboat-ecs-'));
  });
  after(() => rm(folder, { recursive: true }));

  const ecs = (more: Partial<{ folder: string; cwd: string; processes: TaskProcesses }> = {}) =>
    runEcsTask({
      processes:
        more.processes ??
        new TaskProcesses({ folder: more.folder ?? folder, environment: { ...process.env, FROM: 'daemon' } }),
      program: join(import.meta.dirname, 'show-task.ts'),
      cwd: more.cwd ?? folder,
      tasks: ['show'],
      leaving: never,
      looks: 5,
      lookAgainMs: 5,
    });
  const run = (id: string, given: { [name: string]: Json }, more = {}) =>
    ecs(more)(callOf('ecs:runTask', { TaskDefinition: 'show', ...given }, { id, pattern: 'sync' }));

  test("the task gets its name or its command, and its environment beside the daemon's", async () => {
    const container = { Name: 'c', Command: ['show', 'more'], Environment: [{ Name: 'OWN', Value: 'task' }] };
    const answer = (await run('one', {
      TaskDefinition: 'arn:aws:ecs:local:000000000000:task-definition/show:1',
      Overrides: { ContainerOverrides: [container] },
    })) as { TaskArn: string; Group: string };
    assert.equal(answer.TaskArn, 'arn:aws:ecs:local:000000000000:task/lifeboat/one');
    assert.equal(answer.Group, 'family:show');
    assert.deepEqual(JSON.parse(await readTaskLog(join(folder, 'one'))), {
      words: ['show', 'more'],
      own: 'task',
      from: 'daemon',
    });
  });

  test('a role, a capacity and a volume are taken, though there are none here; two ways to say where it runs are not', async () => {
    const CapacityProviderStrategy = [{ CapacityProvider: 'FARGATE_SPOT', Weight: 1 }];
    const VolumeConfigurations = [{ Name: 'work', ManagedEBSVolume: { SizeInGiB: 500 } }];
    const Overrides = { TaskRoleArn: 'arn:aws:iam::000000000000:role/lifeboat-local-orders' };
    await run('roles', { CapacityProviderStrategy, VolumeConfigurations, Overrides });
    assert.equal(JSON.parse(await readTaskLog(join(folder, 'roles'))).from, 'daemon');
    await assert.rejects(
      run('both', { CapacityProviderStrategy, LaunchType: 'FARGATE' }),
      failsAs('ECS.InvalidParameterException', /LaunchType/),
    );
  });

  test('what cannot be started has the names that ECS and Step Functions give it', async () => {
    await assert.rejects(run('two', { TaskDefinition: 'other:3' }), failsAs('ECS.ClientException', /there are show/));
    const wrong = { ContainerOverrides: [{ Name: 'c', Environment: [{ Name: 'N', Value: 1 }] }] };
    await assert.rejects(run('three', { Overrides: wrong }), failsAs('States.Runtime', /Environment.0.Value/));
    await assert.rejects(run('four', { Overides: {} }), failsAs('States.Runtime', /Overides/));
    await assert.rejects(
      run('five', {}, { cwd: join(folder, 'no') }),
      failsAs('States.TaskFailed', /TaskFailedToStart.*ENOENT/),
    );
    const noFolder = { folder: import.meta.filename };
    await assert.rejects(run('six', {}, noFolder), failsAs('ECS.AmazonECSException', /could not be started: ENOTDIR/));
  });

  test('one that cannot be followed for a moment is found again; for good, it is no error that begins another one', async () => {
    class Shaky extends TaskProcesses {
      left = 3;
      override async run(...given: Parameters<TaskProcesses['run']>) {
        if (this.left-- > 0) throw new Error('EMFILE: too many open files');
        return super.run(...given);
      }
    }
    const processes = new Shaky({ folder, environment: process.env });
    const answer = (await run('seven', {}, { processes })) as { Containers: { ExitCode: number }[] };
    assert.equal(answer.Containers[0]!.ExitCode, 0);
    processes.left = 1_000;
    const lost = failsAs('States.TaskFailed', /could not be followed, and may run on: EMFILE/);
    await assert.rejects(run('seven', {}, { processes }), lost);
    assert.equal(processes.left, 995);
  });
});

describe('aws-sdk', () => {
  const sdk = callAwsSdk(
    createAwsSdk(
      { AWS_ENDPOINT_URL: 'http://127.0.0.1:9', AWS_ACCESS_KEY_ID: 'x', AWS_SECRET_ACCESS_KEY: 'y' },
      () => ({
        sfn: { maxAttempts: 1 },
      }),
    ),
  );
  test('services and actions that there are not are named, with those that there are', async () => {
    const call = (resource: string) => sdk(callOf(resource, {}));
    await assert.rejects(
      call('aws-sdk:dynamodb:listTables'),
      failsAs('States.Runtime', /there are s3, sfn, sns, lambda, rds/),
    );
    await assert.rejects(call('aws-sdk:sns:publich'), failsAs('States.Runtime', /publish,/));
    await assert.rejects(call('aws-sdk:sfn:listStateMachines'), failsAs('Sfn.SfnException', /ECONNREFUSED/));
  });
});

describe('task tokens', () => {
  let folder: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'lifeboat-tokens-'));
  });
  after(() => rm(folder, { recursive: true }));
  const open = (leaving: AbortSignal = never) => new FileTaskTokens({ folder, leaving });
  const answer = (tokens: FileTaskTokens, token: string, signal: AbortSignal = never) =>
    tokens.answer(token, { signal, onHeartbeat: () => undefined });

  test('an answer that came while nobody waited is there for the one who waits next', async () => {
    await open().ask('early', 'arn');
    assert.equal(await open().sendSuccess('early', { a: 1 }), 'taken');
    assert.equal(await open().sendFailure('early', 'E', 'C'), 'over');
    assert.deepEqual(await answer(open(), 'early'), { a: 1 });
  });

  test('a token that nobody was told is unknown, and one that is no longer waited for is over', async () => {
    const tokens = open();
    assert.equal(await tokens.sendSuccess('unknown', 1), 'unknown');
    assert.equal(await tokens.sendHeartbeat('unknown'), 'unknown');
    await tokens.ask('late', 'arn');
    const stop = new AbortController();
    const waiting = answer(tokens, 'late', stop.signal);
    stop.abort(new Error('time is over'));
    await assert.rejects(waiting, /time is over/);
    assert.equal(await tokens.sendSuccess('late', 1), 'over');
    await tokens.ask('failed', 'arn');
    await tokens.end('failed');
    assert.equal(await tokens.sendSuccess('failed', 1), 'over');
  });

  test("a process that leaves takes nobody's answer away", async () => {
    const leaving = new AbortController();
    const tokens = open(leaving.signal);
    await tokens.ask('kept', 'arn');
    const waiting = answer(tokens, 'kept', leaving.signal);
    leaving.abort(new Error('leaving'));
    await assert.rejects(waiting, /leaving/);
    assert.equal(await open().sendFailure('kept', 'Rejected', 'no'), 'taken');
    await assert.rejects(answer(open(), 'kept'), failsAs('Rejected', /no/));
  });

  test('heartbeats reach the one who waits', async () => {
    const tokens = open();
    await tokens.ask('beating', 'arn');
    let beats = 0;
    const waiting = tokens.answer('beating', { signal: never, onHeartbeat: () => beats++ });
    await tokens.sendHeartbeat('beating');
    await tokens.sendHeartbeat('beating');
    await tokens.sendSuccess('beating', null);
    assert.equal(await waiting, null);
    assert.equal(beats, 2);
  });
});
