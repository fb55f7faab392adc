import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { MetricRecord } from '#model/metric';
import type { MetricsSettings } from '#model/metrics-settings';
import { pushMetrics } from '#runtime/push-metrics';
import { httpServer, type Received } from './http-server.ts';
import { parseExposition } from './parse-exposition.ts';

/** What a Pushgateway does with a group: what is posted replaces the metrics of the same names. */
async function pushgateway(status = 200) {
  const groups = new Map<string, Record<string, number>>();
  const server = await httpServer((request, response) => {
    const [, , job, , source] = /^(?:\/prefix)?(\/metrics\/job\/([^/]+)(\/source\/([^/]+))?)$/.exec(request.url) ?? [];
    const type = request.headers['content-type'];
    if (status !== 200 || request.method !== 'POST' || !job || type !== 'text/plain; version=0.0.4; charset=utf-8') {
      return void response.writeHead(status === 200 ? 400 : status).end('pushed metrics are invalid');
    }
    const group = `${decodeURIComponent(job)} ${source ?? '-'}`;
    const pushed = [...parseExposition(request.body)].map(([name, { type, samples }]) => {
      assert.deepEqual([type, samples.length, samples[0]!.labels], ['gauge', 1, {}]);
      return [name, samples[0]!.value];
    });
    groups.set(group, { ...groups.get(group), ...Object.fromEntries(pushed) });
    response.end();
  });
  return { ...server, groups };
}

function pusher(pushgateway: MetricsSettings['pushgateway'], environment = {}, job = 'lifeboat') {
  const failures: string[] = [];
  const onFailure = (reason: string) => void failures.push(reason);
  return { push: pushMetrics({ pushgateway, job }, { environment, onFailure }), failures };
}

const records: MetricRecord[] = [
  { name: 'RpoSeconds', source: 'main', value: 2.5 },
  { name: 'WalLagBytes', source: 'main', value: 1e21 },
  { name: 'RpoSeconds', source: 'other', value: 7 },
  { name: 'WatchedSources', source: null, value: 2 },
];

test('each source is a group, in which a number replaces the one of the same name and leaves the others', async () => {
  const { url, groups } = await pushgateway();
  const { push, failures } = pusher(url);
  await push(records);
  await push([{ name: 'RpoSeconds', source: 'main', value: 0 }]);
  assert.deepEqual(Object.fromEntries(groups), {
    'lifeboat main': { lifeboat_rpo_seconds: 0, lifeboat_wal_lag_bytes: 1e21 },
    'lifeboat other': { lifeboat_rpo_seconds: 7 },
    'lifeboat -': { lifeboat_watched_sources: 2 },
  });
  assert.deepEqual(failures, []);
});

test('what comes with every object that arrives is not pushed', async () => {
  const { url, received } = await pushgateway();
  await pusher(url).push([{ name: 'ObjectVerified', source: 'main', value: 1 }]);
  await pusher(url).push([]);
  assert.equal(received.length, 0);
});

test('a user and password go into a header, and a path is kept', async () => {
  const { url, received, groups } = await pushgateway();
  const secret = `${url.replace('://', '://ada:hunter%202@')}/prefix/`;
  const { push, failures } = pusher({ from: 'env', name: 'PUSH' }, { PUSH: secret }, 'night.ly');
  await push(records.slice(3));
  assert.deepEqual(failures, []);
  assert.equal(received[0]!.url, '/prefix/metrics/job/night.ly');
  assert.equal(received[0]!.headers.authorization, `Basic ${Buffer.from('ada:hunter 2').toString('base64')}`);
  assert.deepEqual([...groups.keys()], ['night.ly -']);
});

test('many sources are pushed, and no more than eight at the same time', async () => {
  let [open, most] = [0, 0];
  const waiting: (() => void)[] = [];
  const answered: Received[] = [];
  const { url } = await httpServer((request, response) => {
    open += 1;
    most = Math.max(most, open);
    answered.push(request);
    waiting.push(() => {
      open -= 1;
      response.end();
    });
    // the others have had their chance to come, too
    if (waiting.length === 8 || answered.length === 20) for (const answer of waiting.splice(0)) answer();
  });
  const many = Array.from(
    { length: 20 },
    (_, index): MetricRecord => ({ name: 'WalGaps', source: `s${index}`, value: 0 }),
  );
  await pusher(url).push(many);
  assert.deepEqual([answered.length, most], [20, 8]);
});

test('a Pushgateway that never answers is not waited for', async () => {
  const { url } = await httpServer(() => undefined);
  const failures: string[] = [];
  const onFailure = (reason: string) => void failures.push(reason);
  await pushMetrics({ pushgateway: url, job: 'x' }, { environment: {}, onFailure, patienceMs: 100 })(records);
  assert.deepEqual(failures, ['metrics were not pushed: no answer in 0.1 s']);
});

const refusals: [name: string, status: number, told: string][] = [
  ['that knows no such metric', 400, 'HTTP status 400'],
  ['that wants another login', 401, 'HTTP status 401'],
  ['that leads elsewhere', 307, 'HTTP status 307'],
  ['that is broken', 503, 'HTTP status 503'],
];
for (const [name, status, told] of refusals) {
  test(`a Pushgateway ${name} costs only the numbers`, async () => {
    const { url } = await pushgateway(status);
    const { push, failures } = pusher({ from: 'env', name: 'PUSH' }, { PUSH: url.replace('://', '://ada:hunter2@') });
    await push(records.slice(3));
    assert.deepEqual(failures, [`metrics were not pushed: ${told}`]);
  });
}

test('nothing that listens, no URL and no secret cost only the numbers, and no secret is told', async () => {
  const { url, server } = await httpServer(() => undefined);
  await new Promise((resolve) => server.close(resolve));
  const failed = async (value: string | undefined) => {
    const { push, failures } = pusher({ from: 'env', name: 'PUSH' }, value === undefined ? {} : { PUSH: value });
    await push(records);
    assert.doesNotMatch(failures.join(), /hunter2/);
    return failures;
  };
  assert.deepEqual(await failed(url.replace('://', '://ada:hunter2@')), [
    'metrics were not pushed: the request failed: ECONNREFUSED',
  ]);
  assert.deepEqual(await failed('hunter2'), ['metrics were not pushed: metrics.pushgateway is no URL']);
  assert.match(
    (await failed(undefined))[0]!,
    /^metrics were not pushed: metrics\.pushgateway: "env:PUSH" is not allowed/,
  );
});
