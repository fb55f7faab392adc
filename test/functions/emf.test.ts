import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { httpServer } from '../runtime/http-server.ts';
import { parseExposition } from '../runtime/parse-exposition.ts';

const folder = mkdtempSync(join(tmpdir(), 'lifeboat-emf-'));
after(() => rmSync(folder, { recursive: true, force: true }));
const program = fileURLToPath(new URL('emf-child.ts', import.meta.url));
const execution = 'arn:aws:states:eu-central-1:123456789012:execution:lifeboat-prod_drill:nightly';

const drill = {
  source: 'main',
  backup: '20261120T050000000Z-full',
  target: { immediate: true },
  execution,
  resultKey: 'executions/drill/nightly/drill.json',
  failure: { name: 'ServerUnsuitable', message: 'no disk' },
  startedAt: '2026-11-20T05:00:00Z',
  finishedAt: '2026-11-20T05:01:00Z',
};

/** What a function logs that found its world by itself, as in Lambda. */
async function logged(metrics: object) {
  const backup = join(folder, 'bucket', 'main', 'backups', drill.backup);
  mkdirSync(backup, { recursive: true });
  writeFileSync(join(backup, 'manifest.json'), 'has not expired');
  const sources = { main: { connection: { host: 'localhost', user: 'lifeboat' } } };
  const plan = { bucket: join(folder, 'bucket'), encryption: 'none', sources, ...metrics };
  writeFileSync(join(folder, 'plan.yml'), JSON.stringify(plan)); // JSON is YAML
  const env = { LIFEBOAT_PLAN: join(folder, 'plan.yml'), LIFEBOAT_STACK: 'lifeboat-prod' };
  const { stdout, stderr } = await promisify(execFile)(process.execPath, [program, JSON.stringify(drill)], { env });
  return `${stdout}${stderr}`
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line));
}

test('a function prints what CloudWatch makes metrics of, beside its line, and pushes the same', async () => {
  const { url, received } = await httpServer((_, response) => response.end());
  const lines = await logged({ metrics: { pushgateway: url } });
  const [metric] = lines.filter(({ _aws }) => _aws);
  const { stack, source, DrillProven } = metric;
  assert.deepEqual({ stack, source, DrillProven }, { stack: 'lifeboat-prod', source: 'main', DrillProven: 0 });
  assert.deepEqual(
    lines.filter(({ _aws }) => !_aws).map(({ message, correlation_id }) => [message, correlation_id]),
    [['conclude-drill done', execution]],
  );
  assert.equal(received[0]!.url, '/metrics/job/lifeboat/source/main');
  assert.equal(parseExposition(received[0]!.body).get('lifeboat_drill_proven')!.samples[0]!.value, 0);
});

test('a Pushgateway that is gone is a warning in its log', async () => {
  const { url, server } = await httpServer(() => undefined);
  await new Promise((resolve) => server.close(resolve));
  const lines = await logged({ metrics: { pushgateway: url } });
  const warnings = lines.filter(({ level }) => level === 'WARN').map(({ message }) => message);
  assert.deepEqual(warnings, ['metrics were not pushed: the request failed: ECONNREFUSED']);
  assert.ok(lines.some(({ message }) => message === 'conclude-drill done'));
});

test('without one nothing is pushed', async () => {
  assert.equal((await logged({})).length, 2);
});
