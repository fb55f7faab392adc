import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { runLifeboat } from '#harness/run-lifeboat';
import { machineNames } from '#runbook/machine';
import type { Page } from '#runbook/page';
import { situations } from '#runbook/situations';

const folder = mkdtempSync(join(tmpdir(), 'lifeboat-runbook-'));
after(() => rmSync(folder, { recursive: true }));
mkdirSync(join(folder, 'bucket'));

const machines = machineNames(join(import.meta.dirname, '../../statemachines'));
const names = [...new Set([...situations.map(({ name }) => name), ...machines])];

const source = '{ connection: { host: db.example.org, port: 6432, user: lifeboat } }';
function writePlan(name: string, more: string, bucket = './bucket'): string {
  const path = join(folder, name);
  writeFileSync(path, `bucket: ${bucket}\nencryption: none\n${more}\n`);
  return path;
}
const one = writePlan('plan.yml', `sources: { orders: ${source} }`);

async function print(args: readonly string[], env: Record<string, string> = {}): Promise<string> {
  const { exitCode, stdout, stderr } = await runLifeboat(['runbook', ...args], { cwd: folder, env });
  assert.equal(exitCode, 0, `lifeboat runbook ${args.join(' ')}: ${stdout}${stderr}`);
  return stdout;
}
const pageOf = async (...args: string[]): Promise<Page> => JSON.parse(await print([...args, '--format', 'json']));

test('without a name all are listed', async () => {
  const listed = (await print([])).split('\n').flatMap((line) => /^ {2}(\S+)/.exec(line)?.[1] ?? []);
  assert.deepEqual(listed, names);
});

test('each is printed with the names of the plan, and fits on paper', async () => {
  for (const name of names) {
    const text = await print([name]);
    assert.match(text, new RegExp(`^${name.toUpperCase()}: `));
    assert.match(text, new RegExp(`export LIFEBOAT_PLAN=${one}`));
    assert.doesNotMatch(text, /\$[A-Z]|undefined|\{[a-z-]+\//);
    // one word in quotes cannot be broken
    for (const line of text.split('\n')) assert.ok(line.length <= 100 || /^ +-c '/.test(line), `${name}: ${line}`);
  }
  const gone = await print(['database-gone']);
  assert.match(gone, /lifeboat restore --source orders --to \/srv\/orders-restored --dry-run/);
  assert.match(gone, /psql -h db\.example\.org -p 6432 -U postgres/);
});

test('what is known already stands in the commands, as a shell takes it', async () => {
  const given = [
    '--time',
    '2026-11-20 05:13:45+00',
    '--table',
    'public.orders',
    '--database',
    "it's",
    '--place',
    'here',
  ];
  const text = await print(['bad-change', ...given]);
  const onOneLine = text.replaceAll(/ \\\n +/g, ' ');
  assert.ok(onOneLine.includes(`--to ${join(folder, 'here')} --time '2026-11-20 05:13:45+00' --dry-run`), text);
  assert.ok(onOneLine.includes(`-d 'it'\\''s'`), text);
  const page = await pageOf('bad-change', ...given);
  assert.deepEqual(page.fillIn.map(({ word }) => word).sort(), ['EXECUTION', 'HASH', 'REASON']);
});

test('who may say yes and who is told are those of the plan; a password is none of it', async () => {
  const secret = 'https://hooks.example.org/secret';
  const plan = writePlan(
    'people.yml',
    `sources: { orders: ${source} }
approvers: [{ name: Ada, email: ada@example.org }, { name: Grace }]
fourEyes: true
notifications: [{ kind: webhook, url: "env:HOOK" }, { kind: email, from: a@example.org, to: [dba@example.org], smtp: { host: mail } }]`,
  );
  const text = await print(['restore', '--plan', plan], { HOOK: secret });
  assert.match(text, /Ada \(ada@example\.org\), Grace\./);
  assert.match(text, /Never who asked for it/);
  assert.match(text, /mail to dba@example\.org, of failure, question/);
  assert.ok(!text.includes(secret));
});

test('the stack, the region and the state that were named are in the commands', async () => {
  const page = await pageOf('daemon-dead', '--state', 'other');
  assert.deepEqual(page.environment, { LIFEBOAT_PLAN: one, LIFEBOAT_STATE: join(folder, 'other') });
  const inherited = JSON.parse(await print(['failover', '--format', 'json'], { LIFEBOAT_STATE: '/var/lib/lifeboat' }));
  assert.deepEqual(inherited.environment, { LIFEBOAT_PLAN: one, LIFEBOAT_STATE: '/var/lib/lifeboat' });
  const plan = writePlan('aws.yml', `sources: { orders: ${source} }`, './bucket');
  const stacked = await pageOf('database-gone', '--plan', plan, '--stack', 'lifeboat-prod', '--region', 'eu-west-1');
  for (const { commands = [] } of stacked.sections.flatMap(({ items }) => items)) {
    for (const { argv } of commands) {
      if (argv[0] === 'lifeboat')
        assert.deepEqual(argv.slice(-4), ['--stack', 'lifeboat-prod', '--region', 'eu-west-1']);
    }
  }
});

test('of several sources it says which there are', async () => {
  const plan = writePlan('several.yml', `sources: { orders: ${source}, billing: ${source} }`);
  const page = await pageOf('database-gone', '--plan', plan);
  assert.equal(page.source, null);
  assert.ok(page.fillIn.some(({ word }) => word === 'SOURCE'));
  assert.match(await print(['database-gone', '--plan', plan]), /the plan has orders, billing/);
  assert.equal((await pageOf('database-gone', '--plan', plan, '--source', 'billing')).source, 'billing');
});

test('without a plan that can be read there is a page, and it says so', async () => {
  writeFileSync(join(folder, 'broken.yml'), 'bucket: [');
  for (const plan of ['broken.yml', 'nowhere.yml']) {
    const text = await print(['key-lost', '--plan', plan]);
    assert.match(text, /The plan cannot be read: /);
    assert.match(text, /lifeboat rekey --list/);
  }
});

test('a bucket that is gone, or never answers, keeps nobody waiting', async () => {
  const gone = writePlan('gone.yml', `sources: { orders: ${source} }`, './no-bucket');
  assert.match(await print(['bucket-gone', '--plan', gone]), /The bucket cannot be asked: /);

  const mute = createServer(() => undefined).listen(0, '127.0.0.1');
  await once(mute, 'listening');
  const { port } = mute.address() as AddressInfo;
  try {
    const plan = writePlan('mute.yml', `sources: { orders: ${source} }`, 's3://a-bucket/here');
    const env = {
      AWS_ENDPOINT_URL_S3: `http://127.0.0.1:${port}`,
      ...{ AWS_ACCESS_KEY_ID: 'a', AWS_SECRET_ACCESS_KEY: 'b', AWS_REGION: 'eu-central-1' },
    };
    const text = await print(['bucket-gone', '--plan', plan], env);
    assert.match(text, /The bucket cannot be asked: it does not answer within 3s/);
    assert.match(text, /s3:\/\/a-bucket\/here/);
  } finally {
    mute.close();
  }
});

test('it is written to a file, for paper or a wiki', async () => {
  await print(['restore', '--format', 'markdown', '--to', 'restore.md']);
  const text = readFileSync(join(folder, 'restore.md'), 'utf8');
  assert.match(text, /^# restore: .*\n/);
  assert.match(text, /^\d+\. Ask for approval$/m);
});

for (const [args, says] of [
  [['restroe'], /there is no runbook "restroe"[\s\S]*did you mean "restore"/],
  [['restore', '--format', 'pdf'], /text, markdown or json/],
  [['bad-change', '--time', 'yesterday'], /--time/],
  [['restore', '--source', 'nobody'], /nobody/],
] as const) {
  test(`refused: lifeboat runbook ${args.join(' ')}`, async () => {
    const { exitCode, stderr } = await runLifeboat(['runbook', ...args], { cwd: folder });
    assert.equal(exitCode, 2, stderr);
    assert.match(stderr, says);
  });
}
