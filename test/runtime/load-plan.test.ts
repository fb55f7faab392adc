import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { InputInvalid } from '#model/failure';
import { encodePlanData } from '#model/plan-data';
import { PlanInvalid } from '#model/plan-invalid';
import { loadPlan } from '#runtime/load-plan';

const folder = mkdtempSync(join(tmpdir(), 'lifeboat-plan-'));
after(() => rmSync(folder, { recursive: true }));
const world = { environment: { HOME: '/home/ada' }, cwd: folder };

const plan = (bucket: string) => `bucket: ${bucket}
encryption: { keyFile: ~/keys/lifeboat.key }
sources:
  a: { connection: { host: h, user: u, sslmode: verify-full, sslrootcert: ca.pem, password: "file:secrets/a" } }
  b: { connection: { host: /run/postgresql, user: u, password: env:B } }
notifications:
  - { kind: slack, webhook: "file:hook" }
  - { kind: webhook, url: "file:/hook" }
  - { kind: email, from: a@b, to: [c@d], smtp: { host: m, password: "file:~/smtp" } }
  - { kind: statuspage, pageId: p, apiKey: "file:page" }
metrics: { pushgateway: "file:push" }
`;

test("a plan's paths are relative to its folder, and ~ is the home folder", async () => {
  mkdirSync(join(folder, 'etc'));
  writeFileSync(join(folder, 'etc', 'plan.yml'), plan('../bucket'));
  const loaded = await loadPlan('etc/plan.yml', world);
  assert.equal(loaded.bucket, join(folder, 'bucket'));
  assert.deepEqual(loaded.encryption, { keyFile: '/home/ada/keys/lifeboat.key' });
  const [a, b] = loaded.sources;
  assert.equal(a!.connection.sslrootcert, join(folder, 'etc', 'ca.pem'));
  assert.deepEqual(a!.connection.password, { from: 'file', path: join(folder, 'etc/secrets/a') });
  assert.deepEqual(b!.connection.password, { from: 'env', name: 'B' });
  const [slack, webhook, email, page] = loaded.notifications;
  assert.deepEqual(slack?.kind === 'slack' && slack.webhook, { from: 'file', path: join(folder, 'etc/hook') });
  assert.deepEqual(webhook?.kind === 'webhook' && webhook.url, { from: 'file', path: '/hook' });
  assert.deepEqual(email?.kind === 'email' && email.smtp?.password, { from: 'file', path: '/home/ada/smtp' });
  assert.deepEqual(page?.kind === 'statuspage' && page.apiKey, { from: 'file', path: join(folder, 'etc/page') });
  assert.deepEqual(loaded.metrics?.pushgateway, { from: 'file', path: join(folder, 'etc/push') });
});

test('an S3 URL is no path', async () => {
  writeFileSync(join(folder, 's3.yml'), plan('s3://backups/x'));
  assert.equal((await loadPlan('s3.yml', world)).bucket, 's3://backups/x');
});

test('a plan that is not there is answered with the command that makes one', async () => {
  await assert.rejects(loadPlan('no.yml', world), (error) => {
    assert.ok(error instanceof InputInvalid);
    assert.match(error.message, /^plan: "no\.yml" is not allowed: expected a file that exists$/);
    assert.match(error.hint!, /lifeboat init/);
    return true;
  });
});

test('a folder is no plan', async () => {
  await assert.rejects(loadPlan('.', world), { name: 'InputInvalid', message: /EISDIR/ });
});

test('what is wrong is told with the file as it was named', async () => {
  writeFileSync(join(folder, 'bad.yml'), 'bucket: 1');
  chmodSync(join(folder, 'bad.yml'), 0o600);
  await assert.rejects(loadPlan('./bad.yml', world), (error) => {
    assert.ok(error instanceof PlanInvalid);
    assert.match(error.message, /^\.\/bad\.yml:1: bucket: 1 /m);
    return true;
  });
});

const container = (LIFEBOAT_PLAN_DATA: string) => ({
  environment: { HOME: '/home/ada', LIFEBOAT_PLAN_DATA },
  cwd: folder,
});

test('a container has its plan in the environment, whatever file is named; paths mean what they meant', async () => {
  const loaded = await loadPlan('etc/none.yml', container(encodePlanData(plan('s3://backups'))));
  assert.equal(loaded.bucket, 's3://backups');
  assert.equal(loaded.sources[0]!.connection.sslrootcert, join(folder, 'etc', 'ca.pem'));
});

test('what is wrong with a plan in the environment is told with the name of the variable', async () => {
  await assert.rejects(loadPlan('plan.yml', container('H4sI')), {
    name: 'InputInvalid',
    message: /^LIFEBOAT_PLAN_DATA: /,
  });
  await assert.rejects(loadPlan('plan.yml', container(encodePlanData('bucket: 1'))), {
    name: 'PlanInvalid',
    message: /^LIFEBOAT_PLAN_DATA:1: bucket: 1 /m,
  });
  await assert.rejects(loadPlan('no.yml', container('')), /a file that exists/);
});

test('two sites have two data directories, by whatever path', async () => {
  mkdirSync(join(folder, 'pg', 'one'), { recursive: true });
  symlinkSync('one', join(folder, 'pg', 'two'));
  const site = (name: string, dataDir: string) =>
    `{ server: { kind: postgres, connection: { host: ${name}, user: u }, control: { kind: local, dataDir: ${dataDir} } } }`;
  const group = (west: string) => `bucket: ./b
encryption: none
sources: { orders: { connection: { host: h, user: u } } }
failover: { shop: { source: orders, home: east, sites: { east: ${site('e', 'pg/one')}, west: ${site('w', west)} } } }
`;
  const load = async (west: string) => {
    writeFileSync(join(folder, 'group.yml'), group(west));
    return loadPlan('group.yml', world);
  };
  assert.equal((await load('pg/three')).failover.length, 1);
  for (const same of ['pg/one', './pg/../pg/one/', 'pg/two'])
    await assert.rejects(load(same), {
      name: 'InputInvalid',
      message:
        /^failover\.shop\.sites\.west\.server\.control\.dataDir: .* a folder of its own: east of shop has this one/,
    });
});
