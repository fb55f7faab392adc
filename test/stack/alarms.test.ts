import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { commandTable } from '#cli/command-table';
import { resolveResources } from '#harness/resolve-template';
import { metricNames } from '#model/metric';
import { readNotice } from '#notify/read-notice';
import { packagedTemplate, resourcesOf } from './packaged-template.ts';

interface MetricStat {
  Namespace: string;
  MetricName: string;
  Dimensions: { Name: string; Value: string }[];
}

interface Alarm extends Partial<MetricStat> {
  AlarmName: string;
  AlarmDescription: string;
  AlarmActions: string[];
  OKActions?: string[];
  Metrics?: { Id: string; Expression?: string; ReturnData: boolean; MetricStat?: { Metric: MetricStat } }[];
  Period?: number;
  EvaluationPeriods: number;
  DatapointsToAlarm: number;
  Threshold: number;
  ComparisonOperator: 'GreaterThanThreshold' | 'LessThanThreshold';
  TreatMissingData: 'notBreaching' | 'breaching' | 'ignore';
}

const template = await packagedTemplate();
const names = resourcesOf(template, 'AWS::CloudWatch::Alarm').map(([name]) => name);
const alarmsIn = (standby: 'yes' | 'no', region = 'eu-central-1'): Alarm[] =>
  Object.values(resolveResources(template, names, { region, parameters: { Standby: standby } })).map(
    ({ Properties }) => Properties as unknown as Alarm,
  );
const alarms = alarmsIn('no');
const alarm = (name: string): Alarm => {
  const found = alarms.find(({ AlarmName }) => AlarmName === `lifeboat-prod-${name}`);
  assert.ok(found, `there is no ${name}; there are ${alarms.map(({ AlarmName }) => AlarmName).join(', ')}`);
  return found;
};
const metricsOf = ({ Metrics, Namespace, MetricName, Dimensions }: Alarm): MetricStat[] =>
  Metrics
    ? Metrics.flatMap(({ MetricStat }) => (MetricStat ? [MetricStat.Metric] : []))
    : [{ Namespace: Namespace!, MetricName: MetricName!, Dimensions: Dimensions! }];

/**
 * The state after these periods, newest last; undefined: nothing was measured.
 * https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html
 */
function stateOf(one: Alarm, points: (number | undefined)[], before = 'OK'): string {
  const {
    Threshold,
    ComparisonOperator,
    TreatMissingData,
    EvaluationPeriods,
    DatapointsToAlarm = EvaluationPeriods,
  } = one;
  const looked = points.slice(-EvaluationPeriods);
  if (TreatMissingData === 'ignore' && looked.every((point) => point === undefined)) return before;
  const isBreaching = (point: number | undefined) =>
    point === undefined
      ? TreatMissingData === 'breaching'
      : ComparisonOperator === 'GreaterThanThreshold'
        ? point > Threshold
        : point < Threshold;
  return looked.filter(isBreaching).length >= DatapointsToAlarm ? 'ALARM' : 'OK';
}

const steadily = (name: string, point: number | undefined, before?: string) => {
  const one = alarm(name);
  return stateOf(
    one,
    Array.from({ length: one.EvaluationPeriods }, () => point),
    before,
  );
};

describe('alarms', () => {
  // plan.aws.example.yml: orders has a tier of 1m and 1h
  const judged: [name: string, wrong: number, fine: number, silent: string][] = [
    ['orders-rpo', 60.1, 60, 'as before'],
    ['orders-rto', 3_600.1, 3_600, 'as before'],
    ['orders-unprotected', 0, 1, 'as before'],
    ['orders-wal-lag', 301, 300, 'as before'],
    ['orders-wal-gap', 1, 0, 'as before'],
    ['orders-overdue', 1, 0, 'as before'],
    ['orders-broken', 1, 0, 'as before'],
    ['orders-drill', 0, 1, 'as before'],
    ['orders-dump', 0, 1, 'as before'],
    ['orders-dump-overdue', 1, 0, 'as before'],
    ['orders-receiver', 0, 1, 'ALARM'],
    ['billing-receiver', 0, 1, 'ALARM'],
    ['ledger-rpo', 600.1, 600, 'as before'],
    ['ledger-unprotected', 0, 1, 'as before'],
    ['ledger-overdue', 1, 0, 'as before'],
    ['ledger-dump', 0, 1, 'as before'],
    ['ledger-dump-overdue', 1, 0, 'as before'],
    ['watch-silent', 1, 2, 'ALARM'],
    ['dead-letters', 1, 0, 'OK'],
    ['new-dead-letters', 1, 0, 'OK'],
    ['old-dead-letters', 864_001, 864_000, 'OK'],
    ...[
      'backup',
      'verify',
      'drill',
      'dump',
      'restore',
      'retention',
      'scrub',
      'rds-snapshot',
      'rds-restore',
      'failover',
      'failback',
      'system-recovery',
    ].map((machine): [string, number, number, string] => [`${machine}-failed`, 1, 0, 'OK']),
    ...[
      'tell',
      'sign-evidence',
      'tell-incidents',
      'slack-answer',
      'watch',
      'watch-managed',
      'checksum-verifier',
      'metadata-indexer',
      'start-scheduled',
      'watch-failover',
    ].map((name): [string, number, number, string] => [`${name}-fails`, 1, 0, 'OK']),
  ];
  for (const [name, wrong, fine, silent] of judged) {
    test(`${name} is raised at ${wrong}, not at ${fine}, and silence is ${silent}`, () => {
      assert.deepEqual([steadily(name, wrong), steadily(name, fine)], ['ALARM', 'OK']);
      const silences = ['OK', 'ALARM'].map((before) => steadily(name, undefined, before));
      assert.deepEqual(silences, silent === 'as before' ? ['OK', 'ALARM'] : [silent, silent]);
    });
  }

  test('are all of those', () => {
    const known = judged.map(([name]) => `lifeboat-prod-${name}`);
    // which has no schedule of dumps, either
    const untiered = known.filter((name) => name.includes('-orders-')).map((name) => name.replace('orders', 'billing'));
    const expected = new Set([...known, ...untiered.filter((name) => !/-r[pt]o$|-dump(-overdue)?$/.test(name))]);
    assert.deepEqual(alarms.map(({ AlarmName }) => AlarmName).toSorted(), [...expected].sort());
  });

  test('look at each machine, for each way in which an execution ends badly', () => {
    for (const [machine] of resourcesOf(template, 'AWS::StepFunctions::StateMachine')) {
      const of = alarms.filter((one) =>
        metricsOf(one).some(({ Dimensions }) => Dimensions.some(({ Value }) => Value === machine.toLowerCase())),
      );
      assert.deepEqual(
        of.flatMap((one) => metricsOf(one).map(({ MetricName }) => MetricName)),
        ['ExecutionsFailed', 'ExecutionsTimedOut', 'ExecutionsAborted'],
        machine,
      );
    }
  });

  test('look at each queue, and at each function that is not asked by a machine', () => {
    const watched = new Set(
      alarms.flatMap((one) => metricsOf(one).flatMap(({ Dimensions }) => Dimensions.map(({ Value }) => Value))),
    );
    for (const [queue] of resourcesOf(template, 'AWS::SQS::Queue'))
      assert.ok(watched.has(`${queue.toLowerCase()}-queuename`));
    for (const [name, { DeadLetterConfig }] of resourcesOf(template, 'AWS::Lambda::Function')) {
      if (DeadLetterConfig) assert.ok(watched.has(name.toLowerCase()), name);
    }
  });

  test('look at metrics that there are, of this stack alone', () => {
    for (const one of alarms) {
      for (const { Namespace, MetricName, Dimensions } of metricsOf(one)) {
        if (Namespace !== 'Lifeboat') continue;
        assert.ok((metricNames as string[]).includes(MetricName), MetricName);
        const dimensions = Dimensions.map(({ Name, Value }) => `${Name}=${Value}`);
        const source = /-(orders|billing|ledger)-/.exec(one.AlarmName)?.[1];
        assert.deepEqual(dimensions, ['stack=lifeboat-prod', ...(source ? [`source=${source}`] : [])]);
      }
    }
  });

  test('add up all that they look at, and nothing else', () => {
    for (const { Metrics = [], AlarmName } of alarms) {
      const given = Metrics.filter(({ MetricStat }) => MetricStat).map(({ Id }) => Id);
      const [shown, ...more] = Metrics.filter(({ ReturnData }) => ReturnData);
      if (Metrics.length === 0) continue;
      const used = [...shown!.Expression!.matchAll(/FILL\((\w+), 0\)/g)].map(([, id]) => id!);
      assert.deepEqual([used, more], [given, []], AlarmName);
    }
  });

  test('tell the topic of failures, and that it is over where something is over', () => {
    for (const { AlarmName, AlarmActions, OKActions } of alarms) {
      const happened = /-failed$|-new-dead-letters$/.test(AlarmName);
      assert.deepEqual(
        [AlarmActions, OKActions],
        [['failuretopic'], happened ? undefined : ['failuretopic']],
        AlarmName,
      );
    }
  });

  for (const { AlarmName, AlarmDescription, Namespace, MetricName, Dimensions } of alarms) {
    test(`${AlarmName} says what is wrong and which command comes next`, () => {
      assert.ok(AlarmDescription.length <= 1_024, `${AlarmDescription.length} characters`);
      const Trigger = {
        Namespace,
        MetricName,
        Dimensions: Dimensions?.map(({ Name, Value }) => ({ name: Name, value: Value })),
      };
      const message = {
        AlarmName,
        AlarmDescription,
        NewStateValue: 'ALARM',
        NewStateReason: 'Threshold Crossed',
        Trigger,
      };
      const { notice } = readNotice(JSON.stringify(message));
      const source = /-(orders|billing|ledger)-/.exec(AlarmName)?.[1];
      assert.equal(notice.subject, source ?? AlarmName);
      assert.match(notice.title, /^[a-z][^.]{10,80}$/);
      assert.match(notice.what, /^.{20,}\.\n\nThreshold Crossed\n\nAlarm: /);
      assert.match(notice.todo!, /^(lifeboat|aws) /);
      if (!notice.todo!.startsWith('lifeboat')) return;
      const [, command, ...words] = notice.todo!.split(' ');
      const known = commandTable.find(({ name }) => name === command);
      assert.ok(known, `there is no lifeboat ${command}`);
      if (words.includes('--source')) assert.equal(words[words.indexOf('--source') + 1], source);
    });
  }
});

describe('a stack that stands by', () => {
  test('has no alarm that would never end', () => {
    const standing = alarmsIn('yes');
    assert.ok(standing.length > 0 && standing.length < alarms.length);
    for (const one of standing) {
      const silence = Array.from({ length: one.EvaluationPeriods }, () => undefined);
      assert.equal(stateOf(one, silence, 'ALARM'), 'OK', one.AlarmName);
    }
  });

  test('tells that nobody watches the groups in the recovery region, and nowhere else', () => {
    const silent = (standby: 'yes' | 'no', region: string) =>
      alarmsIn(standby, region).find(({ AlarmName }) => AlarmName === 'lifeboat-prod-watch-failover-silent');
    assert.deepEqual([silent('no', 'eu-central-1'), silent('yes', 'eu-central-1')], [undefined, undefined]);
    for (const standby of ['yes', 'no'] as const) {
      const one = silent(standby, 'eu-west-1')!;
      const minutes = (count: number, runs: number | undefined) => Array.from({ length: count }, () => runs);
      assert.equal(stateOf(one, minutes(10, undefined)), 'ALARM');
      assert.equal(stateOf(one, [...minutes(9, undefined), 1]), 'OK');
    }
  });

  test('still tells of machines that people start there', () => {
    assert.ok(alarmsIn('yes').some(({ AlarmName }) => AlarmName === 'lifeboat-prod-restore-failed'));
  });
});
