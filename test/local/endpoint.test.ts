import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { request } from 'node:http';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import {
  DescribeExecutionCommand,
  DescribeStateMachineCommand,
  GetExecutionHistoryCommand,
  ListExecutionsCommand,
  ListStateMachinesCommand,
  SendTaskFailureCommand,
  SendTaskHeartbeatCommand,
  SendTaskSuccessCommand,
  SFNClient,
  StartExecutionCommand,
  StopExecutionCommand,
} from '@aws-sdk/client-sfn';
import type { Engine } from '#local/engine';
import { machineArn } from '#model/arn';
import { AwsSdkRefused, createAwsSdk } from '#runtime/call-aws-sdk';
import { EngineScene, until } from './engine-scene.ts';

describe('the endpoint', { timeout: 120_000 }, () => {
  let scene: EngineScene;
  let engine: Engine;
  let states: SFNClient;
  let lambda: LambdaClient;

  before(async () => {
    scene = await EngineScene.make();
    engine = await scene.engine({ stopTimeoutMs: 500 });
    const { url: endpoint, region, accessKeyId, secretAccessKey } = await record();
    const config = { endpoint, region, credentials: { accessKeyId, secretAccessKey }, maxAttempts: 1 };
    states = new SFNClient(config);
    lambda = new LambdaClient(config);
  });
  after(async () => {
    states.destroy();
    lambda.destroy();
    await scene.remove();
  });

  const record = async () => JSON.parse(await readFile(join(scene.folder, 'state/endpoint.json'), 'utf8'));
  const start = (machine: string, input: unknown, name?: string) => {
    const text = typeof input === 'string' ? input : JSON.stringify(input);
    return states.send(
      new StartExecutionCommand({ stateMachineArn: machineArn(machine), input: text, ...(name && { name }) }),
    );
  };
  async function ended(executionArn: string) {
    await engine.executions.ended(executionArn);
    return states.send(new DescribeExecutionCommand({ executionArn }));
  }
  const named =
    (name: string, message = /./) =>
    (error: unknown) => {
      assert.ok(error instanceof Error);
      assert.equal(error.name, name);
      assert.match(error.message, message);
      return true;
    };

  test('the SDK starts an execution, describes it and reads its history page by page', async () => {
    const { executionArn, startDate } = await start('copy', { notes: scene.notes }, 'first');
    assert.ok(Math.abs(startDate!.getTime() - Date.now()) < 5000);
    const described = await ended(executionArn!);
    assert.equal(described.status, 'SUCCEEDED');
    assert.equal(described.name, 'first');
    assert.equal(described.stateMachineArn, machineArn('copy'));
    assert.deepEqual(JSON.parse(described.input!), { notes: scene.notes });
    assert.equal(JSON.parse(described.output!).LastStatus, 'STOPPED');
    assert.ok(described.stopDate! >= described.startDate!);

    const all = (await states.send(new GetExecutionHistoryCommand({ executionArn }))).events!;
    assert.equal(all[0]!.type, 'ExecutionStarted');
    assert.ok(Math.abs(all[0]!.timestamp!.getTime() - Date.now()) < 60_000);
    const paged = [];
    let nextToken: string | undefined;
    do {
      const page = await states.send(
        new GetExecutionHistoryCommand({
          executionArn,
          maxResults: 2,
          reverseOrder: true,
          ...(nextToken && { nextToken }),
        }),
      );
      assert.ok(page.events!.length <= 2);
      paged.push(...page.events!);
      nextToken = page.nextToken;
    } while (nextToken);
    assert.deepEqual(paged.toReversed(), all);
    const bare = await states.send(new GetExecutionHistoryCommand({ executionArn, includeExecutionData: false }));
    assert.equal(bare.events![0]!.executionStartedEventDetails!.input, undefined);
    assert.ok(all[0]!.executionStartedEventDetails!.input);
    await assert.rejects(
      states.send(new GetExecutionHistoryCommand({ executionArn, nextToken: 'nonsense' })),
      named('InvalidToken'),
    );
  });

  test('the SDK lists machines and executions', async () => {
    const { stateMachines } = await states.send(new ListStateMachinesCommand({}));
    assert.deepEqual(
      stateMachines!.map(({ name }) => name),
      ['apart', 'copy', 'many', 'nothing', 'parent', 'question', 'refused'],
    );
    for (const name of ['a', 'b', 'c']) await ended((await start('nothing', {}, name)).executionArn!);
    const list = { stateMachineArn: machineArn('nothing'), statusFilter: 'SUCCEEDED' as const };
    const first = await states.send(new ListExecutionsCommand({ ...list, maxResults: 2 }));
    const rest = await states.send(new ListExecutionsCommand({ ...list, nextToken: first.nextToken! }));
    assert.deepEqual(
      [...first.executions!, ...rest.executions!].map(({ name }) => name),
      ['c', 'b', 'a'],
    );
    const machine = await states.send(new DescribeStateMachineCommand({ stateMachineArn: machineArn('nothing') }));
    assert.equal(JSON.parse(machine.definition!).StartAt, 'Pass');
    assert.doesNotMatch(
      (await states.send(new DescribeStateMachineCommand({ stateMachineArn: machineArn('copy') }))).definition!,
      /\$\{/,
    );
  });

  test('the SDK lists the children of a Map, describes them and reads their histories', async () => {
    const { executionArn } = await start('apart', { items: [0, 300, 0] });
    let mapRunArn: string | undefined;
    const list = (more: object) => states.send(new ListExecutionsCommand({ mapRunArn: mapRunArn!, ...more }));
    await until(async () => {
      const { events } = await states.send(new GetExecutionHistoryCommand({ executionArn }));
      mapRunArn = events!.find(({ type }) => type === 'MapRunStarted')?.mapRunStartedEventDetails?.mapRunArn;
      return mapRunArn !== undefined && (await list({ statusFilter: 'SUCCEEDED' })).executions!.length === 2;
    });
    const first = await list({ maxResults: 2 });
    const rest = await list({ nextToken: first.nextToken! });
    const all = [...first.executions!, ...rest.executions!];
    assert.deepEqual(
      all.map(({ status }) => status),
      ['SUCCEEDED', 'RUNNING', 'SUCCEEDED'],
    );
    const [running] = (await list({ statusFilter: 'RUNNING' })).executions!;
    assert.deepEqual(running, all[1]);
    assert.deepEqual([running!.mapRunArn, running!.stopDate], [mapRunArn, undefined]);
    const child = { executionArn: running!.executionArn };
    const described = await states.send(new DescribeExecutionCommand(child));
    assert.deepEqual([described.status, described.input, described.mapRunArn], ['RUNNING', '300', mapRunArn]);
    const { events } = await states.send(new GetExecutionHistoryCommand({ ...child, reverseOrder: true }));
    assert.deepEqual(
      events!.map(({ type }) => type),
      ['WaitStateEntered', 'ExecutionStarted'],
    );

    await states.send(new StopExecutionCommand({ executionArn }));
    await ended(executionArn!);
    const after = await states.send(new DescribeExecutionCommand(child));
    assert.deepEqual([after.status, after.output, after.stopDate! >= after.startDate!], ['ABORTED', undefined, true]);
    assert.equal((await list({ statusFilter: 'RUNNING' })).executions!.length, 0);
  });

  test('the SDK stops an execution', async () => {
    const { executionArn } = await start('copy', scene.waiting());
    const { stopDate } = await states.send(new StopExecutionCommand({ executionArn, error: 'E', cause: 'C' }));
    assert.ok(stopDate);
    const { status, error, cause } = await ended(executionArn!);
    assert.deepEqual([status, error, cause], ['ABORTED', 'E', 'C']);
  });

  test('the first answer to a token counts, and what comes later is told that it is too late', async () => {
    const ask = async (timeoutSeconds = 60) => {
      const { executionArn } = await start('question', { timeoutSeconds });
      return { executionArn: executionArn!, taskToken: await scene.token() };
    };
    const good = await ask();
    await states.send(new SendTaskHeartbeatCommand({ taskToken: good.taskToken }));
    await states.send(new SendTaskSuccessCommand({ ...good, output: '{"yes":true}' }));
    assert.equal((await ended(good.executionArn)).output, '{"yes":true}');
    for (const late of [
      new SendTaskSuccessCommand({ ...good, output: '{}' }),
      new SendTaskFailureCommand(good),
      new SendTaskHeartbeatCommand(good),
    ]) {
      await assert.rejects(states.send(late as SendTaskHeartbeatCommand), named('TaskTimedOut'));
    }
    const bad = await ask();
    await states.send(new SendTaskFailureCommand({ ...bad, error: 'Rejected', cause: 'no' }));
    const failed = await ended(bad.executionArn);
    assert.deepEqual([failed.status, failed.error, failed.cause], ['FAILED', 'Rejected', 'no']);

    const forgotten = await ask(1);
    assert.equal((await ended(forgotten.executionArn)).error, 'States.Timeout');
    await assert.rejects(
      states.send(new SendTaskSuccessCommand({ ...forgotten, output: '{}' })),
      named('TaskTimedOut'),
    );
    const unasked = await start('refused', {});
    assert.equal((await ended(unasked.executionArn!)).cause?.includes('nobody could be asked'), true);
    const kept = { taskToken: await scene.token(), output: '{}' };
    await assert.rejects(states.send(new SendTaskSuccessCommand(kept)), named('TaskTimedOut'));
    const stopped = await ask();
    await states.send(new StopExecutionCommand(stopped));
    await assert.rejects(states.send(new SendTaskSuccessCommand({ ...stopped, output: '{}' })), named('TaskTimedOut'));
  });

  test('of many who answer one token at the same time, one is told that it counts', async () => {
    const { executionArn } = await start('question', { timeoutSeconds: 60 });
    const taskToken = await scene.token();
    const answers = await Promise.allSettled(
      Array.from({ length: 20 }, (_, i) => states.send(new SendTaskSuccessCommand({ taskToken, output: `${i}` }))),
    );
    const winners = answers.flatMap(({ status }, i) => (status === 'fulfilled' ? [i] : []));
    assert.equal(winners.length, 1);
    assert.equal((await ended(executionArn!)).output, `${winners[0]}`);
  });

  test('refusals have the names that the SDK knows', async () => {
    const missing = 'arn:aws:states:local:000000000000:execution:copy:missing';
    const send = (command: unknown) => states.send(command as DescribeExecutionCommand);
    await assert.rejects(send(new DescribeExecutionCommand({ executionArn: missing })), named('ExecutionDoesNotExist'));
    await assert.rejects(send(new DescribeExecutionCommand({ executionArn: 'x' })), named('InvalidArn'));
    await assert.rejects(start('nope', {}), named('StateMachineDoesNotExist', /apart, copy, many/));
    await assert.rejects(start('nothing', {}, 'a b'), named('InvalidName'));
    await assert.rejects(start('nothing', '{'), named('InvalidExecutionInput'));
    await assert.rejects(start('nothing', JSON.stringify('x'.repeat(262_200))), named('InvalidExecutionInput'));
    await assert.rejects(start('nothing', {}, 'a'), named('ExecutionAlreadyExists'));
    const token = { taskToken: 'abc' };
    await assert.rejects(send(new SendTaskSuccessCommand({ ...token, output: '{}' })), named('TaskDoesNotExist'));
    await assert.rejects(send(new SendTaskSuccessCommand({ ...token, output: '{' })), named('InvalidOutput'));
    await assert.rejects(send(new SendTaskHeartbeatCommand({ taskToken: '../..' })), named('InvalidToken'));
    await assert.rejects(
      send(new SendTaskFailureCommand({ ...token, cause: 'x'.repeat(40_000) })),
      named('ValidationException'),
    );
    await assert.rejects(send(new ListExecutionsCommand({})), named('ValidationException', /stateMachineArn/));
    const mapRunArn = 'arn:aws:states:local:000000000000:mapRun:apart/Each:x';
    const both = { stateMachineArn: machineArn('apart'), mapRunArn };
    await assert.rejects(send(new ListExecutionsCommand(both)), named('ValidationException', /not both/));
    await assert.rejects(send(new ListExecutionsCommand({ mapRunArn })), named('ResourceNotFound'));
    const child = { executionArn: 'arn:aws:states:local:000000000000:execution:apart/Each:x' };
    await assert.rejects(send(new DescribeExecutionCommand(child)), named('ExecutionDoesNotExist'));
    await assert.rejects(send(new GetExecutionHistoryCommand(child)), named('ExecutionDoesNotExist'));
  });

  test('the SDK invokes functions: answers, failures and what does not exist', async () => {
    const invoke = async (FunctionName: string, payload?: string) => {
      const input = { FunctionName, ...(payload !== undefined && { Payload: Buffer.from(payload) }) };
      const answer = await lambda.send(new InvokeCommand(input));
      return { ...answer, payload: JSON.parse(Buffer.from(answer.Payload!).toString()) };
    };
    const good = await invoke('echo', '{"a":[1,"ü"]}');
    assert.deepEqual([good.StatusCode, good.FunctionError, good.ExecutedVersion], [200, undefined, '$LATEST']);
    assert.deepEqual(good.payload.event, { a: [1, 'ü'] });
    assert.equal(good.payload.functionName, 'echo');
    assert.equal(good.payload.invokedFunctionArn, 'arn:aws:lambda:local:000000000000:function:echo');
    assert.match(good.payload.awsRequestId, /^[0-9a-f-]{36}$/);
    assert.deepEqual((await invoke('arn:aws:lambda:local:000000000000:function:echo')).payload.event, {});
    const bad = await invoke('fail', '{}');
    assert.deepEqual([bad.StatusCode, bad.FunctionError], [200, 'Unhandled']);
    assert.deepEqual([bad.payload.errorType, bad.payload.errorMessage], ['RangeError', 'too much']);
    assert.equal(bad.payload.trace[0], 'RangeError: too much');
    await assert.rejects(invoke('nope', '{}'), named('ResourceNotFoundException'));
    await assert.rejects(invoke('echo', '{'), named('InvalidRequestContentException'));
    const event = new InvokeCommand({ FunctionName: 'echo', InvocationType: 'Event' });
    await assert.rejects(lambda.send(event), named('InvalidParameterValueException'));
  });

  test('machines call it through the SDK, with their own names for parameters and errors', async () => {
    const { url: endpoint, region, accessKeyId, secretAccessKey } = await record();
    const config = { endpoint, region, credentials: { accessKeyId, secretAccessKey } };
    const sdk = createAwsSdk({}, () => ({ sfn: config, lambda: config }));
    const call = (service: string, action: string, given: object) =>
      sdk({ service, action, given, signal: new AbortController().signal });
    const { executionArn } = await start('nothing', { a: 1 });
    await ended(executionArn!);
    const described = (await call('sfn', 'describeExecution', { ExecutionArn: executionArn })) as Record<
      string,
      string
    >;
    assert.deepEqual([described.Status, described.Input, described.Output], ['SUCCEEDED', '{"a":1}', '{"a":1}']);
    assert.match(described.StartDate!, /^\d{4}-\d\d-\d\dT.*Z$/);
    const invoked = (await call('lambda', 'invoke', { FunctionName: 'echo' })) as { Payload: string };
    assert.equal(JSON.parse(invoked.Payload).functionName, 'echo');
    const missing = { ExecutionArn: `${executionArn}x` };
    await assert.rejects(
      call('sfn', 'describeExecution', missing),
      (error) => error instanceof AwsSdkRefused && error.error === 'Sfn.ExecutionDoesNotExistException',
    );
  });

  test('whoever does not know the secret is refused', async () => {
    const { url: endpoint, region, accessKeyId, secretAccessKey } = await record();
    const ask = async (credentials: { accessKeyId: string; secretAccessKey: string }, more = {}) => {
      const client = new SFNClient({ endpoint, region, credentials, maxAttempts: 1, ...more });
      try {
        return await client.send(new ListStateMachinesCommand({}));
      } finally {
        client.destroy();
      }
    };
    await assert.rejects(ask({ accessKeyId, secretAccessKey: 'x' }), named('InvalidSignatureException'));
    await assert.rejects(ask({ accessKeyId: 'AKIAX', secretAccessKey }), named('UnrecognizedClientException'));
    await assert.rejects(
      ask({ accessKeyId, secretAccessKey }, { systemClockOffset: -20 * 60_000 }),
      named('InvalidSignatureException', /Signature expired/),
    );
    assert.ok(await ask({ accessKeyId, secretAccessKey }, { region: 'eu-central-1' }));
  });

  test('requests that are no requests are refused, and the next one is answered', async () => {
    const { url } = await record();
    const target = { 'x-amz-target': 'AWSStepFunctions.ListStateMachines' };
    assert.deepEqual(await raw(url, { headers: target, body: '{}' }), [403, 'MissingAuthenticationTokenException']);
    assert.deepEqual(await raw(url, { headers: { ...target, authorization: 'Basic eDp5' } }), [
      403,
      'IncompleteSignatureException',
    ]);
    assert.deepEqual(await raw(url, { headers: { host: 'evil.example' } }), [403, 'AccessDeniedException']);
    assert.deepEqual(await raw(url, { body: 'x'.repeat(7 * 1024 * 1024) }), [413, 'RequestEntityTooLargeException']);
    await start('nothing', {});
  });

  test('it answers on loopback only', async () => {
    const { port } = new URL((await record()).url);
    const others = Object.values(networkInterfaces())
      .flat()
      .filter((one) => one && !one.internal && one.family === 'IPv4');
    for (const { address } of others as { address: string }[]) {
      await assert.rejects(raw(`http://${address}:${port}`, {}), /ECONNREFUSED/);
    }
    await assert.rejects(raw(`http://127.0.0.2:${port}`, {}), /ECONNREFUSED/);
  });

  test('the aws command works with the files of the state directory', async () => {
    const { url } = await record();
    const environment = { ...process.env, AWS_SHARED_CREDENTIALS_FILE: join(scene.folder, 'state/aws-credentials') };
    const aws = (...words: string[]) => runAws([...words, '--endpoint-url', url, '--output', 'json'], environment);
    const started = await aws(
      'stepfunctions',
      'start-execution',
      '--state-machine-arn',
      machineArn('nothing'),
      '--input',
      '{"by":"aws"}',
    );
    const described = await aws('stepfunctions', 'describe-execution', '--execution-arn', started.executionArn);
    assert.equal(described.output ?? '{"by":"aws"}', '{"by":"aws"}');
    const file = join(scene.folder, 'answer');
    const invoked = await aws(
      'lambda',
      'invoke',
      '--function-name',
      'arn:aws:lambda:local:000000000000:function:echo',
      file,
    );
    assert.equal(invoked.StatusCode, 200);
    assert.equal(JSON.parse(await readFile(file, 'utf8')).functionName, 'echo');
  });
});

async function runAws(
  words: string[],
  environment: NodeJS.ProcessEnv,
): Promise<{ executionArn: string; output: string; StatusCode: number }> {
  for (const name of ['AWS_PROFILE', 'AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY', 'AWS_REGION', 'AWS_DEFAULT_REGION'])
    delete environment[name];
  const child = spawn('aws', words, { env: { ...environment, AWS_PAGER: '', AWS_EC2_METADATA_DISABLED: 'true' } });
  const failed = once(child, 'error').then(() => {
    throw new Error('the aws command is missing\nHINT: apt-get install awscli, or pip install awscli');
  });
  const ended = Promise.all([child.stdout.toArray(), child.stderr.toArray(), once(child, 'close')]);
  const [out, err, [code]] = await Promise.race([ended, failed]);
  assert.equal(code, 0, Buffer.concat(err).toString());
  return JSON.parse(Buffer.concat(out).toString());
}

/** Status and name of a request that nobody signed. */
async function raw(
  url: string,
  { headers = {}, body = '' }: { headers?: Record<string, string>; body?: string },
): Promise<unknown[]> {
  const asked = request(url, { method: 'POST', headers });
  asked.on('error', () => undefined);
  asked.end(body);
  const [response] = await once(asked, 'response');
  response.resume();
  return [response.statusCode, response.headers['x-amzn-errortype']];
}
