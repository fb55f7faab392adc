import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import { MachineRun } from '#harness/machine-run';
import { StoredSource } from '#harness/stored-source';
import type { MetricRecord } from '#model/metric';
import type { Measure } from '#runtime/measure';
import { pushMetrics } from '#runtime/push-metrics';
import { httpServer } from '../runtime/http-server.ts';
import { parseExposition } from '../runtime/parse-exposition.ts';
import { finds, type Script, shows, takes } from '../statemachines/scripted-tasks.ts';

const cleanups: (() => void)[] = [];
afterEach(() => {
  for (const clean of cleanups.splice(0)) clean();
});

/** The real machines and functions, and what they measure. */
async function scene(tasks: Record<string, Script>) {
  const source = await StoredSource.create();
  const measured: MetricRecord[] = [];
  const worldOf = Object.getOwnPropertyDescriptor(StoredSource.prototype, 'world')!.get!;
  let measure: Measure = async (records) => void measured.push(...records);
  Object.defineProperty(source, 'world', { get: () => ({ ...worldOf.call(source), measure }) });
  const scripts = Object.entries(tasks).map(([name, script]) => [name, (task: never) => script(task, source)]);
  const run = new MachineRun({ tasks: Object.fromEntries(scripts), source });
  cleanups.push(
    () => run.remove(),
    () => source.remove(),
  );
  return {
    ...{ source, run },
    measureWith: (other: Measure) => {
      measure = other;
    },
    numbers: () => Object.fromEntries(measured.map(({ name, source: of, value }) => [`${name} of ${of}`, value])),
  };
}

test('a backup that is confirmed is measured', async () => {
  const { run, numbers } = await scene({ 'base-backup': takes });
  assert.equal((await run.run('backup', {})).status, 'SUCCEEDED');
  const { 'BackupRawBytes of main': raw, 'BackupStoredBytes of main': stored, ...rest } = numbers();
  assert.ok(raw! > 0 && stored! > 0);
  assert.deepEqual(rest, { 'BackupSeconds of main': 60, 'BackupRatio of main': raw! / stored! });
});

test('a drill is measured by what it proved, or that it proved nothing', async () => {
  const good = await scene({ drill: shows() });
  await good.source.backup();
  await good.run.run('drill', {});
  assert.deepEqual(good.numbers(), { 'DrillProven of main': 1, 'DrillSeconds of main': 0.03 });
  const bad = await scene({ drill: (task) => task.fail({ name: 'ServerUnsuitable', verdict: 'operator' }) });
  await bad.source.backup();
  assert.equal((await bad.run.run('drill', {})).status, 'FAILED');
  assert.deepEqual(bad.numbers(), { 'DrillProven of main': 0 });
});

test('a verification is measured when it has seen everything', async () => {
  const script: Record<string, Script> = {
    whole: finds(),
    damaged: finds(['a part is not as it was written']),
    blind: (task) => task.fail({ name: 'StoreRefused', verdict: 'operator' }),
  };
  const found = [];
  for (const [name, verify] of Object.entries(script)) {
    const { source, run, numbers } = await scene({ 'verify-part': verify });
    await source.backup();
    await run.run('verify', {});
    found.push([name, numbers()]);
  }
  assert.deepEqual(found, [
    ['whole', { 'BackupVerified of main': 1 }],
    ['damaged', { 'BackupVerified of main': 0 }],
    ['blind', {}],
  ]);
});

test('numbers that cannot be pushed leave a backup as good as it is', async () => {
  const { url, received } = await httpServer((_, response) => response.writeHead(500).end());
  const { run, measureWith } = await scene({ 'base-backup': takes });
  const failures: string[] = [];
  const onFailure = (reason: string) => void failures.push(reason);
  measureWith(pushMetrics({ pushgateway: url, job: 'lifeboat' }, { environment: {}, onFailure }));
  assert.equal((await run.run('backup', {})).status, 'SUCCEEDED');
  assert.deepEqual(failures, ['metrics were not pushed: HTTP status 500']);
  assert.equal(received[0]!.url, '/metrics/job/lifeboat/source/main');
  assert.equal(parseExposition(received[0]!.body).get('lifeboat_backup_seconds')!.samples[0]!.value, 60);
});
