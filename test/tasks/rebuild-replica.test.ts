import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { groupOf } from '#harness/move-scene';
import { type KeptMachine, type StrictMachines, startStrictMachines } from '#harness/strict-machines';
import { type StrictRegions, startStrictRegions } from '#harness/strict-regions';
import { rebuildReplica } from '../../tasks/rebuild-replica.ts';

const [instance, region] = ['i-0123456789abcdef0', 'eu-west-1'];
/** Where nobody listens: what a server looks like from which we are cut off. */
const connection = { host: '127.0.0.1', port: 1, user: 'postgres', sslmode: 'disable' };
const control = { kind: 'ec2', instance, region, rebuildDocument: 'Rebuild' };
const server = { server: { kind: 'postgres', connection, control } };
const group = groupOf({}, { east: server, west: server });

let ec2: StrictMachines;
let ssm: StrictRegions;
let machine: KeptMachine;
beforeEach(async () => {
  ec2 = await startStrictMachines();
  ssm = await startStrictRegions({
    ...{ service: 'ssm', variable: 'SSM', protocol: 'json', version: 'AmazonSSM' },
    answer: () => ({ Commands: [] }),
  });
  machine = { id: instance, region, state: 'running', tags: {}, launched: new Date(), looks: 1, hangs: false };
  ec2.machines.push(machine);
});
afterEach(async () => {
  await ec2.close();
  await ssm.close();
});

const log = { info: () => undefined, warn: () => undefined, error: () => undefined };
const rebuild = () =>
  rebuildReplica({
    ...{ group, site: group.home, other: group.recovery, as: 'standby', log },
    environment: { ...ec2.environment, ...ssm.environment },
    signal: new AbortController().signal,
  });

test('no document runs on a machine that is silent and not seen to be fenced: we may be cut off from a primary', async () => {
  await assert.rejects(rebuild(), {
    name: 'RebuildFailed',
    message: /the server at east was not touched: it does not answer, and no fence is seen/,
    hint: /standby\.signal/,
  });
  assert.deepEqual(ssm.calls, []);
});

test('where the machine is stopped that is a fence, and the primary is asked next', async () => {
  machine.state = 'stopped';
  await assert.rejects(rebuild(), { name: 'ConnectionFailed' });
  assert.deepEqual(ssm.calls, []);
});
