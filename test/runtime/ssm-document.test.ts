import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { AwsRefusal } from '#harness/strict-aws-signature';
import { type StrictRegions, startStrictRegions } from '#harness/strict-regions';
import { runDocument } from '#runtime/ssm-document';

const [instance, region] = ['i-0123456789abcdef0', 'eu-west-1'];
const control = { kind: 'ec2', instance, region, rebuildDocument: 'Rebuild-Standby' } as const;
const signal = new AbortController().signal;
const parameters = { Primary: 'orders-west.example.org', Slot: 'lifeboat_east' };

interface Invocation {
  Status: string;
  StatusDetails: string;
  ResponseCode?: number;
  StandardOutputContent?: string;
  StandardErrorContent?: string;
}
const pending: Invocation = { Status: 'Pending', StatusDetails: 'Pending' };
const busy: Invocation = { Status: 'InProgress', StatusDetails: 'InProgress' };
const success: Invocation = {
  Status: 'Success',
  StatusDetails: 'Success',
  ResponseCode: 0,
  StandardOutputContent: 'streams\n',
};

let ssm: StrictRegions;
/** what is told of the command, look by look; undefined: it is not known yet */
let told: (Invocation | undefined)[];
let running: object[];
beforeEach(async () => {
  [told, running] = [[undefined, pending, busy, busy, success], []];
  ssm = await startStrictRegions({
    ...{ service: 'ssm', variable: 'SSM', protocol: 'json', version: 'AmazonSSM' },
    answer: ({ action, given }) => {
      if (action === 'ListCommands') return { Commands: running };
      if (action === 'SendCommand') return { Command: { CommandId: 'c-new', Status: 'Pending' } };
      assert.equal(action, 'GetCommandInvocation');
      const now = told.length > 1 ? told.shift() : told[0];
      if (!now) throw new AwsRefusal(400, 'InvocationDoesNotExist', '');
      return { ...given, ...now };
    },
  });
});
afterEach(() => ssm.close());

const pauses: number[] = [];
const progress: string[] = [];
const run = (more: object = {}) => {
  [pauses.length, progress.length] = [0, 0];
  return runDocument({
    ...{ control, parameters, environment: ssm.environment, signal },
    pause: async (ms) => void pauses.push(ms),
    onProgress: (status) => progress.push(status),
    ...more,
  });
};

test('a document is sent once with its parameters, and followed to its end', async () => {
  assert.deepEqual(await run(), { commandId: 'c-new', output: 'streams' });
  assert.deepEqual([progress, pauses.length], [['Pending', 'InProgress', 'Success'], 4]);
  assert.deepEqual(ssm.calls.slice(0, 3), [
    {
      ...{ region, action: 'ListCommands' },
      given: {
        InstanceId: instance,
        Filters: [
          { key: 'DocumentName', value: 'Rebuild-Standby' },
          { key: 'ExecutionStage', value: 'Executing' },
        ],
      },
    },
    {
      ...{ region, action: 'SendCommand' },
      given: {
        DocumentName: 'Rebuild-Standby',
        InstanceIds: [instance],
        Parameters: { Primary: ['orders-west.example.org'], Slot: ['lifeboat_east'] },
        TimeoutSeconds: 600,
        Comment: 'lifeboat rebuilds a standby',
      },
    },
    { region, action: 'GetCommandInvocation', given: { CommandId: 'c-new', InstanceId: instance } },
  ]);
});

test('one that goes on with the same parameters is followed instead of a second one; another is not ours', async () => {
  running = [
    { CommandId: 'c-other', Parameters: { Primary: ['elsewhere'], Slot: ['lifeboat_east'] } },
    { CommandId: 'c-mine', Parameters: { Primary: [parameters.Primary], Slot: [parameters.Slot] } },
  ];
  assert.equal((await run()).commandId, 'c-mine');
  assert.ok(!ssm.asked().includes(`${region} SendCommand`));
  running.pop();
  assert.equal((await run()).commandId, 'c-new');
});

const ends: [Partial<Invocation>, message: RegExp, hint: RegExp][] = [
  [
    { Status: 'Failed', StatusDetails: 'Failed', ResponseCode: 3, StandardErrorContent: 'pg_rewind: fatal: no WAL' },
    /ended as Failed \(exit code 3\):\npg_rewind: fatal: no WAL$/,
    /see what it printed/,
  ],
  [
    { Status: 'TimedOut', StatusDetails: 'DeliveryTimedOut', ResponseCode: -1 },
    /ended as DeliveryTimedOut$/,
    /its agent/,
  ],
  [
    { Status: 'TimedOut', StatusDetails: 'ExecutionTimedOut', ResponseCode: -1 },
    /ended as ExecutionTimedOut$/,
    /timeoutSeconds/,
  ],
  [
    { Status: 'Cancelled', StatusDetails: 'Cancelled', ResponseCode: -1 },
    /ended as Cancelled$/,
    /start the rebuild again/,
  ],
  [{ Status: 'Failed', StatusDetails: 'Undeliverable', ResponseCode: -1 }, /ended as Undeliverable$/, /its agent/],
  [{ Status: 'Failed', StatusDetails: 'AccessDenied', ResponseCode: -1 }, /ended as AccessDenied$/, /may not send/],
];
for (const [end, message, hint] of ends) {
  test(`${end.StatusDetails} is a rebuild that failed, with what to do`, async () => {
    told = [busy, { ...busy, ...end }];
    await assert.rejects(run(), { name: 'RebuildFailed', message, hint });
  });
}

test('what it printed is told without secrets, and only its end', async () => {
  const printed = `${'x'.repeat(9_000)}\nprimary_conninfo='host=a password=hunter2 user=r'\npostgres://u:hunter2@h/db\nPGPASSWORD=hunter2\ntoken: "hunter2"\n`;
  told = [{ Status: 'Failed', StatusDetails: 'Failed', ResponseCode: 1, StandardOutputContent: printed }];
  await assert.rejects(run(), (failure: Error) => {
    assert.match(failure.message, /password=\*\*\* user=r/);
    assert.ok(!failure.message.includes('hunter2') && failure.message.length < 2_000);
    return true;
  });
});

test('a command that never becomes known, and one that never ends, are told after their time', async () => {
  told = [undefined];
  await assert.rejects(run(), { name: 'RebuildFailed', message: /does not know the command c-new/ });
  told = [busy];
  // a day is cut short here: nothing else ends it
  const stop = new AbortController();
  let looks = 0;
  const pause = async () => void (++looks > 20 && stop.abort(new Error('enough')));
  await assert.rejects(run({ signal: stop.signal, pause }), { message: 'enough' });
});

test('a service that is out of order for a moment says nothing about the command', async () => {
  ssm.faults.push({ action: 'GetCommandInvocation', status: 500, code: 'InternalServerError', times: 4 });
  assert.equal((await run()).output, 'streams');
});

test('a plan without a document is refused with what to say', async () => {
  const { rebuildDocument: _, ...without } = control;
  await assert.rejects(run({ control: without }), { name: 'RebuildFailed', hint: /control\.rebuildDocument/ });
  assert.deepEqual(ssm.calls, []);
});
