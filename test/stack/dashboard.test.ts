import assert from 'node:assert/strict';
import { test } from 'node:test';
import { resolveResources } from '#harness/resolve-template';
import { metricNames } from '#model/metric';
import { packagedTemplate, resourcesOf } from './packaged-template.ts';

type Metric = [{ expression: string; label: string; yAxis?: string }] | [string, string, string, string, object];

interface Widget {
  type: 'text' | 'alarm' | 'metric';
  x: number;
  y: number;
  width: number;
  height: number;
  properties: { title: string; region?: string; markdown?: string; alarms?: string[]; metrics?: Metric[] };
}

const template = await packagedTemplate();
const { Dashboard } = resolveResources(template, ['Dashboard']);
// CloudFormation makes ${PROP} of ${!PROP}
const body = String(Dashboard!.Properties!.DashboardBody).replaceAll('${!', '${');
const { widgets } = JSON.parse(body) as { widgets: Widget[] };
const metrics = widgets.flatMap(({ properties }) => properties.metrics ?? []);
const expressions = metrics.flatMap((metric) => (metric.length === 1 ? [metric[0].expression] : []));

test('the widgets lie side by side, without a hole above them', () => {
  const taken = new Set<string>();
  for (const { x, y, width, height, type } of widgets) {
    assert.ok(x >= 0 && x + width <= 24 && height >= 1, type);
    for (let column = x; column < x + width; column++) {
      for (let row = y; row < y + height; row++) {
        assert.ok(!taken.has(`${column} ${row}`), `two widgets at ${column} ${row}`);
        taken.add(`${column} ${row}`);
      }
    }
  }
  const rows = Math.max(...widgets.map(({ y, height }) => y + height));
  assert.equal(taken.size, 24 * rows);
});

/** https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/search-expression-syntax.html */
const search = /^SEARCH\('\{([\w/,]+)\} (.+)', '(Sum|Minimum|Maximum|Average|SampleCount)', (60|300|3600)\)$/;

test('each line of a source is a metric that there is, of this stack', () => {
  const shown = expressions.map((expression) => {
    const [, schema, terms] = search.exec(expression) ?? [];
    assert.ok(schema && terms, expression);
    if (!schema.startsWith('Lifeboat')) return undefined;
    assert.equal(schema, 'Lifeboat,stack,source');
    const [, name] = /^stack="lifeboat-prod" MetricName="(\w+)"$/.exec(terms) ?? [];
    assert.ok((metricNames as (string | undefined)[]).includes(name), expression);
    return name;
  });
  const missing = metricNames.filter((name) => !shown.includes(name));
  assert.deepEqual(missing, ['Restorable', 'WatchedSources']);
});

test('each machine, each function that nobody waits for, and the queue are shown', () => {
  const named = metrics.flatMap((metric) => (metric.length === 1 ? [] : [metric.slice(0, 4).join(' ')]));
  for (const [machine] of resourcesOf(template, 'AWS::StepFunctions::StateMachine')) {
    for (const name of ['ExecutionsSucceeded', 'ExecutionsFailed', 'ExecutionsTimedOut', 'ExecutionsAborted']) {
      assert.ok(named.includes(`AWS/States ${name} StateMachineArn ${machine.toLowerCase()}`), `${name} of ${machine}`);
    }
  }
  for (const [name, { DeadLetterConfig }] of resourcesOf(template, 'AWS::Lambda::Function')) {
    if (DeadLetterConfig) assert.ok(named.includes(`AWS/Lambda Errors FunctionName ${name.toLowerCase()}`), name);
  }
  assert.ok(named.includes('AWS/SQS ApproximateNumberOfMessagesVisible QueueName deadletters-queuename'));
  assert.ok(expressions.some((one) => one.includes('ClusterName="cluster"') && one.includes('RunningTaskCount')));
});

test('what has the stack’s name and no source is shown as an alarm, if it is one', () => {
  const [{ properties }] = widgets.filter(({ type }) => type === 'alarm') as [Widget];
  const own = resourcesOf(template, 'AWS::CloudWatch::Alarm').map(([name]) => name);
  const ofSources = own.filter(
    (name) => /^(Orders|Billing|Ledger(?!.*Fails))/.test(name) || /^((Old|New)DeadLetters|Replication)/.test(name),
  );
  const expected = own.filter((name) => !ofSources.includes(name)).map((name) => name.toLowerCase());
  const shown = properties.alarms!.map((arn) =>
    arn
      .split(':')
      .at(-1)!
      // which are not in every stack
      .replace(/^lifeboat-prod-watch-silent$/, 'watchsilentalarm')
      .replace(/^lifeboat-prod-watch-failover-silent$/, 'watchfailoversilentalarm'),
  );
  assert.deepEqual(shown.toSorted(), expected.sort());
});

test('a stack that stands by has all that the dashboard refers to', () => {
  const refersTo = [...JSON.stringify(template.Resources.Dashboard).matchAll(/\$\{(\w+)[.}]/g)].map(
    ([, name]) => name!,
  );
  assert.ok(refersTo.length > 20);
  const sometimes = refersTo.filter((name) => template.Resources[name]?.Condition !== undefined);
  assert.deepEqual(sometimes, []);
});

test('every graph knows its region, and each label what it is of', () => {
  for (const { type, properties } of widgets) {
    if (type === 'metric') assert.equal(properties.region, 'eu-central-1', properties.title);
  }
  for (const metric of metrics) {
    if (metric.length === 1) assert.match(metric[0].label, /^\$\{PROP\('Dim\.(source|ServiceName)'\)\}/);
  }
});
