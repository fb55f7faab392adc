import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { FenceFailed } from '#failover/failures';
import type { ServerControl } from '#failover/server-control';
import { type KeptMachine, type StrictMachines, startStrictMachines } from '#harness/strict-machines';
import { parseLsn } from '#model/lsn';
import { controlEc2 } from '#runtime/control-ec2';

const [id, region] = ['i-0123456789abcdef0', 'eu-west-1'];
const signal = new AbortController().signal;
const pauses: number[] = [];
const pause = async (ms: number): Promise<void> => void pauses.push(ms);

let ec2: StrictMachines;
let machine: KeptMachine;
beforeEach(async () => {
  ec2 = await startStrictMachines();
  const launched = new Date('2026-11-01T00:00:00Z');
  machine = { id, region, state: 'running', tags: {}, launched, looks: 2, hangs: false };
  ec2.machines.push(machine);
  pauses.length = 0;
  asked.length = 0;
});
afterEach(() => ec2.close());

/** What the control by SQL is asked for, and what it answers: this is about the machine. */
const asked: string[] = [];
const silent = new FenceFailed('it does not answer', { operation: 'fence', subject: 'sql' });
const sql = (answers: boolean): ServerControl => {
  const reply = async <T>(what: string, value: T): Promise<T> => {
    asked.push(what);
    if (!answers) throw silent;
    return value;
  };
  return {
    look: () => Promise.reject(new Error('nobody needs it')),
    memory: () => reply('memory', { control: 'sql', setting: null, slots: ['west'] }),
    fence: ({ gently }) => reply(`fence ${gently}`, { strength: 'soft', how: 'read-only', end: parseLsn('0/3000060') }),
    unfence: (memory) => reply(`unfence ${memory.slots}`, undefined),
  };
};
const open = (answers = true, of = id) =>
  controlEc2({ kind: 'ec2', instance: of, region }, { environment: ec2.environment, soft: sql(answers), pause });
const stops = () => ec2.calls.filter(({ action }) => action === 'StopInstances').map(({ given }) => given);

test('a machine that runs is not fenced, one that is stopped is, and says that who starts it starts a primary', async () => {
  const facts = await open().look(signal);
  assert.deepEqual([facts.runs, facts.exists, facts.fence.fenced, facts.fence.possible], [true, null, false, true]);
  machine.state = 'stopped';
  const { runs, fence } = await open().look(signal);
  assert.deepEqual([runs, fence.strength, fence.fenced], [false, 'hard', true]);
  assert.match(fence.how, /whoever starts it again starts a primary/);
  machine.state = 'stopping';
  assert.equal((await open().look(signal)).fence.fenced, false);
  machine.state = 'terminated';
  const ended = await open().look(signal);
  assert.deepEqual([ended.exists, ended.fence.fenced], [false, true]);
});

test('the Auto Scaling group that would replace it is named', async () => {
  machine.tags['aws:autoscaling:groupName'] = 'databases';
  assert.match((await open().look(signal)).fence.how, /the Auto Scaling group databases may end it and make another/);
});

test('a region that is out of order, and a machine that is not there, are told and never taken for a fence', async () => {
  ec2.faults.push({ action: 'DescribeInstances', status: 503, code: 'Unavailable', times: 9 });
  const { runs, fence } = await open().look(signal);
  assert.deepEqual([runs, fence.fenced, fence.possible], [null, false, false]);
  ec2.faults.length = 0;
  const none = await open(true, 'i-00000000000000000').look(signal);
  assert.deepEqual([none.fence.fenced, none.fence.possible], [false, false]);
  const fenced = open(true, 'i-00000000000000000').fence({ gently: false, signal });
  await assert.rejects(fenced, { name: 'FenceFailed', hint: /control\.instance/ });
});

test('gently it is quieted by SQL first, then stopped, and stopped is seen', async () => {
  const { strength, end } = await open().fence({ gently: true, signal });
  assert.deepEqual([strength, end, machine.state], ['hard', parseLsn('0/3000060'), 'stopped']);
  assert.deepEqual([asked, stops()], [['fence true'], [{ 'InstanceId.1': id }]]);
});

test('a second gentle fence tells the end that was written down, of this run of the machine only', async () => {
  await open().fence({ gently: true, signal });
  const again = await open(false).fence({ gently: true, signal });
  assert.equal(again.end, parseLsn('0/3000060'));
  assert.equal(stops().length, 1);
  machine.launched = new Date('2026-11-02T00:00:00Z');
  await assert.rejects(open(false).fence({ gently: true, signal }), { name: 'FenceFailed', hint: /start the machine/ });
  assert.equal((await open(false).fence({ gently: false, signal })).end, null);
});

test('a server that is silent is stopped all the same; gently it is not', async () => {
  await assert.rejects(open(false).fence({ gently: true, signal }), { name: 'FenceFailed' });
  assert.equal(machine.state, 'running');
  const { end } = await open(false).fence({ gently: false, signal });
  assert.deepEqual([machine.state, end], ['stopped', null]);
});

test('an operating system that hangs is forced after two minutes', async () => {
  machine.hangs = true;
  await open().fence({ gently: false, signal });
  assert.deepEqual(stops(), [{ 'InstanceId.1': id }, { 'InstanceId.1': id, Force: 'true' }]);
  assert.ok(pauses.reduce((sum, ms) => sum + ms, 0) >= 2 * 60_000);
});

test('a machine that never stops is no fence', async () => {
  machine.looks = Number.POSITIVE_INFINITY;
  await assert.rejects(open().fence({ gently: false, signal }), {
    name: 'FenceFailed',
    message: /did not stop within 8 minutes/,
  });
});

test('a machine that only starts is stopped when it can be', async () => {
  machine.state = 'pending';
  await open().fence({ gently: false, signal });
  assert.equal(machine.state, 'stopped');
});

const refusals: [code: string, hint: RegExp][] = [
  ['OperationNotPermitted', /DisableApiStop/],
  ['UnsupportedOperation', /control kind sql/],
  ['UnauthorizedOperation', /ec2:StopInstances/],
  ['InvalidInstanceID.Malformed', /control\.instance/],
];
for (const [code, hint] of refusals) {
  test(`${code} is a fence that failed, with what to do`, async () => {
    ec2.faults.push({ action: 'StopInstances', status: 400, code });
    await assert.rejects(open().fence({ gently: false, signal }), { name: 'FenceFailed', hint });
    assert.equal((await open().look(signal)).fence.fenced, false);
  });
}

test('undone, the machine runs and its server is told by SQL; twice is the same', async () => {
  const control = open();
  const memory = await control.memory(signal);
  assert.partialDeepStrictEqual(memory, { machine: 'running', answered: true, slots: ['west'] });
  await control.fence({ gently: false, signal });
  for (let time = 0; time < 2; time++) await control.unfence(memory, signal);
  assert.equal(machine.state, 'running');
  assert.equal(ec2.asked().filter((each) => each === `${region} StartInstances`).length, 1);
  assert.deepEqual(asked.slice(-2), ['unfence west', 'unfence west']);
});

test('undone, a server that was silent before is not asked, and one that was off stays so', async () => {
  const memory = await open(false).memory(signal);
  machine.state = 'stopped';
  asked.length = 0;
  await open(false).unfence(memory, signal);
  assert.deepEqual([machine.state, asked], ['running', []]);
  machine.state = 'stopped';
  await open().unfence({ ...memory, machine: 'stopped' }, signal);
  assert.equal(machine.state, 'stopped');
});

test('a machine that cannot be started is told with why', async () => {
  const memory = await open().memory(signal);
  machine.state = 'stopped';
  ec2.faults.push({ action: 'StartInstances', status: 500, code: 'InsufficientInstanceCapacity', times: 9 });
  await assert.rejects(open().unfence(memory, signal), { name: 'FenceFailed', hint: /no such machine free/ });
});
