import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, describe, test } from 'node:test';
import { type Engine, openEngine } from '#local/engine';
import { loadMachines } from '#local/machine-definitions';
import { localStarter } from '#local/start-target';
import { openStateDirectory } from '#local/state-directory';
import { executionArn, machineArn } from '#model/arn';
import { parsePlan } from '#model/plan';
import type { Environment } from '#runtime/environment';
import { provideWorld } from '#runtime/function-world';
import { httpServer } from '../runtime/http-server.ts';

// read when the function is loaded
process.env.POWERTOOLS_LOG_LEVEL ??= 'SILENT';
const { handler } = await import('#functions/start-scheduled');

const plan = parsePlan(
  JSON.stringify({
    bucket: './bucket',
    encryption: 'none',
    sources: {
      main: {
        connection: { host: 'localhost', user: 'backup' },
        schedules: {
          full: 'cron(0 2 ? * SUN *)',
          incremental: 'cron(0 2 ? * MON-SAT *)',
          drill: 'cron(0 5 1 * ? *)',
          scrub: 'rate(1 day)',
          timezone: 'Europe/Berlin',
          windowMinutes: 30,
        },
      },
    },
  }),
  'plan.yml',
);

let now: Date;
let environment: Environment;

beforeEach(() => {
  now = new Date('2026-11-22T01:00:20Z');
});

const context = { functionName: 'start-scheduled', awsRequestId: 'r', getRemainingTimeInMillis: () => 60_000 };
type Answer = { execution: string; outcome: string; why?: string };

/** As EventBridge Scheduler invokes it. */
function fire(schedule: string, scheduledTime = '2026-11-22T01:00:00Z'): Promise<Answer> {
  provideWorld({ plan, vault: {} as never, environment, now: () => now });
  return handler({ schedule, scheduledTime }, context as never) as Promise<Answer>;
}

describe('against Step Functions as the daemon speaks it', () => {
  let folder: string;
  let engine: Engine;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'lifeboat-scheduled-'));
    // a backup that is incremental takes a day, everything else ends at once
    const seconds = "{% $states.context.Execution.Input.type = 'incremental' ? 86400 : 0 %}";
    const states = { Wait: { Type: 'Wait', Seconds: seconds, End: true } };
    for (const machine of ['backup', 'drill', 'scrub']) {
      const definition = { QueryLanguage: 'JSONata', StartAt: 'Wait', States: states };
      await writeFile(join(folder, `${machine}.asl.json`), JSON.stringify(definition));
    }
    const say = () => undefined;
    engine = await openEngine({
      state: await openStateDirectory(join(folder, 'state')),
      machines: await loadMachines(folder, {}),
      functions: {},
      tasks: [],
      taskProgram: 'none',
      cwd: folder,
      environment: {},
      publish: async () => undefined,
      port: 0,
      pid: process.pid,
      log: { info: say, warn: say, error: say },
    });
    const { url, region, credentials } = engine.endpoint;
    environment = {
      AWS_ENDPOINT_URL_SFN: url,
      AWS_REGION: region,
      AWS_ACCESS_KEY_ID: credentials.accessKeyId,
      AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
      LIFEBOAT_MACHINES: machineArn(''),
    };
  });
  after(async () => {
    await engine.close();
    await rm(folder, { recursive: true });
  });

  async function fullBackupsEnded(): Promise<void> {
    const running = engine.executions.list({ machine: 'backup', status: 'RUNNING' });
    for (const { arn, name } of running) if (name.startsWith('full-')) await engine.executions.ended(arn);
  }

  const described = (machine: string, name: string) => engine.executions.find(executionArn(machine, name));

  test('a firing starts its machine with what the plan says, under the name that the local scheduler gives it', async () => {
    assert.deepEqual(await fire('full-main'), { execution: 'full-main-20261122T010000Z', outcome: 'started' });
    const execution = await described('backup', 'full-main-20261122T010000Z');
    assert.deepEqual(execution?.input, { source: 'main', type: 'full', scheduledTime: '2026-11-22T01:00:00Z' });
  });

  test('the same firing again starts nothing, whether the execution runs or has ended', async () => {
    await fire('full-main');
    await engine.executions.ended(executionArn('backup', 'full-main-20261122T010000Z'));
    assert.equal((await fire('full-main')).outcome, 'started before');
    const before = engine.executions.list({ machine: 'backup' }).length;
    now = new Date('2026-11-23T01:00:20Z');
    await fire('incremental-main', '2026-11-23T01:00:00Z');
    assert.notEqual((await fire('incremental-main', '2026-11-23T01:00:00Z')).outcome, 'skipped');
    assert.equal(engine.executions.list({ machine: 'backup' }).length, before + 1);
  });

  test('nothing is started while what the same schedule started before still runs', async () => {
    now = new Date('2026-11-24T01:00:20Z');
    const { outcome, why } = await fire('incremental-main', '2026-11-24T01:00:00Z');
    assert.deepEqual([outcome, why], ['skipped', 'incremental-main-20261123T010000Z still runs']);
    assert.equal(await described('backup', 'incremental-main-20261124T010000Z'), undefined);
    // another schedule of the same machine goes its own way
    now = new Date('2026-11-29T01:00:20Z');
    assert.equal((await fire('full-main', '2026-11-29T01:00:00Z')).outcome, 'started');
  });

  test('a firing that comes late is started, until the next one has surely begun', async () => {
    await fullBackupsEnded();
    now = new Date('2026-12-13T01:34:59Z');
    assert.equal((await fire('full-main', '2026-12-06T01:00:00Z')).outcome, 'started');
    now = new Date('2026-12-20T01:35:00Z');
    const { outcome, why } = await fire('full-main', '2026-12-13T01:00:00Z');
    assert.deepEqual(
      [outcome, why],
      ['skipped', 'it comes so late that the next one was due at 2026-12-20T01:00:00.000Z'],
    );
    assert.equal(await described('backup', 'full-main-20261213T010000Z'), undefined);
  });

  test('a rate counts from the firing that comes', async () => {
    now = new Date('2026-12-01T11:17:42Z');
    assert.equal((await fire('scrub-main', '2026-11-30T11:17:42Z')).outcome, 'started');
    now = new Date('2026-12-03T12:17:42Z');
    assert.equal((await fire('scrub-main', '2026-12-02T11:17:42Z')).outcome, 'skipped');
  });

  test('what the plan does not have is not started, whatever the input says', async () => {
    await assert.rejects(fire('full-other'), {
      name: 'InputInvalid',
      message: /^schedule: "full-other" .*HINT: .*deploy/s,
    });
    await assert.rejects(fire('watch'), { name: 'InputInvalid' });
    await assert.rejects(fire('full-main', '2027-11-22T02:00:00Z'), { message: /an instant that has come/ });
    await assert.rejects(fire('full-main', '<aws.scheduler.scheduled-time>'), { name: 'InputInvalid' });
    provideWorld({ plan, vault: {} as never, environment, now: () => now });
    const more = { schedule: 'full-main', scheduledTime: '2026-11-22T02:00:00Z', stateMachine: 'restore' };
    await assert.rejects(handler(more, context as never) as Promise<Answer>, { message: /^stateMachine: / });
  });

  test('inside of the daemon it asks nobody else', async () => {
    await fullBackupsEnded();
    now = new Date('2026-12-27T01:00:20Z');
    provideWorld({ plan, vault: {} as never, environment: {}, now: () => now, executions: localStarter(engine) });
    const event = { schedule: 'full-main', scheduledTime: '2026-12-27T01:00:00Z' };
    const fired = async () => ((await handler(event, context as never)) as Answer).outcome;
    assert.equal(await fired(), 'started');
    await engine.executions.ended(executionArn('backup', 'full-main-20261227T010000Z'));
    assert.equal(await fired(), 'started before');
  });

  test('a machine that is not there is a failure, so that the firing comes again', async () => {
    environment = { ...environment, LIFEBOAT_MACHINES: machineArn('x_') };
    await assert.rejects(fire('full-main'), { name: 'StartFailed', message: /StateMachineDoesNotExist.*HINT: /s });
  });
});

describe('against a service that is busy', () => {
  const prefix = 'arn:aws:states:eu-central-1:123456789012:stateMachine:lifeboat-prod_';
  const refuse = (name: string) => JSON.stringify({ __type: name, message: 'Rate exceeded' });

  async function busy(times: number, name: string) {
    const counts: Record<string, number> = {};
    const { url, received } = await httpServer((request, response) => {
      const action = request.headers['x-amz-target'] as string;
      counts[action] = (counts[action] ?? 0) + 1;
      response.setHeader('content-type', 'application/x-amz-json-1.0');
      if (counts[action] <= times) response.writeHead(400).end(refuse(name));
      else if (action.endsWith('.ListExecutions')) response.end('{"executions":[]}');
      else response.end(JSON.stringify({ executionArn: 'arn', startDate: 1 }));
    });
    const credentials = { AWS_ACCESS_KEY_ID: 'AKIDEXAMPLE', AWS_SECRET_ACCESS_KEY: 'x' };
    environment = { AWS_ENDPOINT_URL_SFN: url, AWS_REGION: 'eu-central-1', LIFEBOAT_MACHINES: prefix, ...credentials };
    return received;
  }

  test('it asks again when it is throttled, and always for the same execution', async () => {
    const received = await busy(2, 'ThrottlingException');
    assert.equal((await fire('full-main')).outcome, 'started');
    const starts = received.filter(({ headers }) => headers['x-amz-target'] === 'AWSStepFunctions.StartExecution');
    assert.equal(starts.length, 3);
    for (const { body, headers } of starts) {
      assert.match(headers.authorization!, /\/eu-central-1\/states\/aws4_request/);
      assert.deepEqual(JSON.parse(body), {
        stateMachineArn: `${prefix}backup`,
        name: 'full-main-20261122T010000Z',
        input: '{"source":"main","type":"full","scheduledTime":"2026-11-22T01:00:00Z"}',
      });
    }
  });

  test('what is refused for good fails at once', async () => {
    const received = await busy(Number.POSITIVE_INFINITY, 'AccessDeniedException');
    await assert.rejects(fire('full-main'), { name: 'StartFailed', message: /AccessDeniedException/ });
    assert.equal(received.length, 1);
  });
});
