import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { AwsRefusal } from '#harness/strict-aws-signature';
import { type StrictRegions, startStrictRegions } from '#harness/strict-regions';
import { witnessAlarm } from '#runtime/witness-alarm';
import { witnessRoute53 } from '#runtime/witness-route53';

const signal = new AbortController().signal;

let cloudWatch: StrictRegions;
let alarms: Record<string, object>;
let route53: StrictRegions;
let checkers: { status: string; at: Date }[];
const id = '0f0e0d0c-1111-2222-3333-444455556666';
beforeEach(async () => {
  [alarms, checkers] = [{}, []];
  cloudWatch = await startStrictRegions({
    ...{ service: 'monitoring', variable: 'CLOUDWATCH', protocol: 'json', version: 'GraniteServiceVersion20100801' },
    answer: ({ action, given }) => {
      assert.equal(action, 'DescribeAlarms');
      const [name] = given.AlarmNames as string[];
      const kind = name!.startsWith('all-') ? 'CompositeAlarm' : 'MetricAlarm';
      const types = given.AlarmTypes as string[];
      return { [`${kind}s`]: alarms[name!] && types.includes(kind) ? [{ AlarmName: name, ...alarms[name!] }] : [] };
    },
  });
  route53 = await startStrictRegions({
    ...{ service: 'route53', variable: 'ROUTE_53', protocol: 'rest-xml', version: '' },
    answer: ({ region, action }) => {
      assert.equal(region, 'us-east-1');
      if (action !== `GET /2013-04-01/healthcheck/${id}/status`) throw new AwsRefusal(404, 'NoSuchHealthCheck', 'none');
      const told = checkers.map(
        ({ status, at }, n) => `<HealthCheckObservation><Region>r${n}</Region><IPAddress>192.0.2.${n}</IPAddress>
          <StatusReport><Status>${status}</Status><CheckedTime>${at.toISOString()}</CheckedTime></StatusReport></HealthCheckObservation>`,
      );
      return `<GetHealthCheckStatusResponse xmlns="https://route53.amazonaws.com/doc/2013-04-01/"><HealthCheckObservations>${told.join('')}</HealthCheckObservations></GetHealthCheckStatusResponse>`;
    },
  });
});
afterEach(() => Promise.all([cloudWatch.close(), route53.close()]));

const alarm = (name: string) =>
  witnessAlarm({ kind: 'alarm', alarm: name, region: 'eu-west-1' }, cloudWatch.environment, signal);

for (const [state, says] of [
  ['ALARM', 'gone'],
  ['OK', 'there'],
  ['INSUFFICIENT_DATA', 'unknown'],
] as const) {
  test(`an alarm in ${state} says ${says}, with its reason and since when`, async () => {
    alarms['primary-gone'] = {
      StateValue: state,
      StateReason: 'Threshold Crossed',
      StateTransitionedTimestamp: 1_700_000_000,
    };
    const { what, says: told, detail } = await alarm('primary-gone');
    assert.deepEqual([what, told], ['alarm primary-gone in eu-west-1', says]);
    assert.equal(detail, `${state} since 2023-11-14T22:13:20.000Z: Threshold Crossed`);
    assert.deepEqual(cloudWatch.asked(), ['eu-west-1 DescribeAlarms']);
  });
}

test('an alarm of alarms is asked for, too', async () => {
  alarms['all-gone'] = { StateValue: 'ALARM' };
  assert.equal((await alarm('all-gone')).says, 'gone');
});

test('an alarm that is not there, or cannot be asked, is no word', async () => {
  assert.deepEqual((await alarm('other')).says, 'unknown');
  cloudWatch.faults.push({ action: 'DescribeAlarms', status: 400, code: 'AccessDeniedException' });
  const { says, detail } = await alarm('other');
  assert.equal(says, 'unknown');
  assert.match(detail, /refuses cloudwatch:DescribeAlarms/);
  cloudWatch.faults.push({ action: 'DescribeAlarms', status: 500, code: 'InternalServiceFault', times: 9 });
  assert.equal((await alarm('other')).says, 'unknown');
});

const now = new Date('2026-11-20T12:00:00Z');
const look = (healthCheck = id) =>
  witnessRoute53({ kind: 'route53', healthCheck }, route53.environment, signal, () => now);
const seen = (well: number, ill: number, at = now) => [
  ...Array.from({ length: well }, () => ({ status: 'Success: HTTP Status Code 200, OK', at })),
  ...Array.from({ length: ill }, () => ({
    status: 'Failure: The health checker could not establish a connection',
    at,
  })),
];

for (const [well, ill, says] of [
  [16, 0, 'there'],
  [8, 8, 'there'],
  [7, 9, 'unknown'],
  [3, 13, 'unknown'],
  [2, 14, 'gone'],
  [0, 16, 'gone'],
  [0, 2, 'unknown'],
  [0, 0, 'unknown'],
] as const) {
  test(`${well} checkers that reach it and ${ill} that do not say ${says}`, async () => {
    checkers = seen(well, ill);
    assert.equal((await look()).says, says);
  });
}

test('what checkers saw long ago does not count', async () => {
  checkers = [...seen(0, 16, new Date(now.getTime() - 10 * 60_000)), ...seen(4, 0)];
  const { says, detail } = await look();
  assert.deepEqual([says, detail], ['there', '0 of 4 checkers see it fail']);
});

test('a health check that is not there, or cannot be asked, is no word', async () => {
  const none = await look('ffffffff-1111-2222-3333-444455556666');
  assert.equal(none.says, 'unknown');
  assert.match(none.detail, /NoSuchHealthCheck/);
  route53.faults.push({ action: `GET /2013-04-01/healthcheck/${id}/status`, status: 400, code: 'InvalidInput' });
  assert.equal((await look()).says, 'unknown');
});

test('whoever is told to stop is not told that a witness knows nothing', async () => {
  const stopped = AbortSignal.abort(new Error('enough'));
  const asked = witnessAlarm({ kind: 'alarm', alarm: 'a', region: 'eu-west-1' }, cloudWatch.environment, stopped);
  await assert.rejects(asked, { message: 'enough' });
});
