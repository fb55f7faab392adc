import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { readEvidence } from '#catalog/evidence';
import { forgetBackups } from '#catalog/forget-backups';
import { putHold } from '#catalog/holds';
import { addToIncident, openIncident } from '#catalog/incidents';
import { acquireLease } from '#catalog/lease';
import { printLease } from '#catalog/lease-state';
import { verifyEvidence } from '#catalog/verify-evidence';
import { readVerifiedWal } from '#catalog/wal-projection';
import { MachineRun, type TaskScript } from '#harness/machine-run';
import { StoredSource } from '#harness/stored-source';
import { position, StoredWal, sceneSource } from '#harness/verified-scene';
import { executionArn } from '#model/arn';
import { parseBackupId } from '#model/backup-id';
import { printNotice } from '#model/notice';
import { firingName } from '#model/planned-schedules';
import type { ExpireResult } from '#model/retention-record';
import { ownTags, snapshotName } from '#model/snapshot-name';
import { kmsKeyRing } from '#runtime/kms-key-ring';
import {
  catalogKey,
  dumpCatalogKey,
  leaseKey,
  manifestKey,
  standingKey,
  taskResultKey,
  verifiedWalKey,
} from '#store/bucket-layout';
import { rekeySource } from '#tasks/rekey';
import { snsEvent } from '../functions/tell-scene.ts';
import { executionEvent } from '../notify/aws-messages.ts';
import { httpServer } from '../runtime/http-server.ts';
import { backupResult, dumps, finds, provesDump, restores, shows, takes } from '../statemachines/scripted-tasks.ts';
import { DeployedFunctions } from './deployed-functions.ts';

const plan = `
bucket: stack
encryption: { kmsKey: stack }
aws: { stack: lifeboat-prod, region: eu-central-1 }
sources:
  main:
    connection: { host: 127.0.0.1, port: 1, user: lifeboat, password: "secret:lifeboat/main#password" }
    retention: { window: 7d }
    schedules: { full: cron(0 2 * * ? *), drill: cron(0 3 * * ? *), dump: cron(0 6 * * ? *), scrub: cron(0 4 * * ? *), retention: cron(0 7 * * ? *) }
  ledger:
    kind: rds
    instance: ledger-db
    copyTo: { region: eu-west-1, kmsKey: "arn:aws:kms:eu-west-1:111122223333:key/k" }
    schedules: { snapshot: cron(0 5 * * ? *) }
    retention: { window: 7d }
  books: { kind: rds, cluster: books-db, retention: { window: 7d } }
evidence: { kmsKey: stack }
approvers: [{ name: grace }, { name: ada }]
approvals: { rds-restore: { required: 2 } }
notifications:
  - { kind: webhook, url: "secret:lifeboat/hook", on: [failure] }
  - { kind: sns, topicArn: "arn:aws:sns:eu-central-1:111122223333:on-call", on: [failure] }
incidents:
  contacts:
    - { name: ada, webhook: "secret:lifeboat/ada" }
    - { name: grace, sns: "arn:aws:sns:eu-central-1:111122223333:page-grace" }
`;

let deployed: DeployedFunctions;
/** what its WAL is encrypted with was wrapped by a key that no function may use, and by the stack's key later */
let source: StoredSource;
let oldKeyArn: string;
before(async () => {
  deployed = await DeployedFunctions.create(plan);
  const { store } = deployed.vault;
  oldKeyArn = deployed.kms.keys.create('eu-central-1').arn;
  source = await StoredSource.create({ vault: { store, keyRing: ringOf(oldKeyArn) } });
  await source.commit();
  const work = { store, source: 'main', current: ringOf(deployed.keyArn), old: [ringOf(oldKeyArn)], dryRun: false };
  const scope = { backup: undefined, backups: true, wal: true, signal: new AbortController().signal };
  const told = { now: () => new Date(), onObjects: () => undefined, onRewrapped: () => undefined };
  await rekeySource({ ...work, ...scope, ...told });
});
const ringOf = (keyArn: string) => kmsKeyRing(keyArn, deployed.kms.environment());
after(async () => {
  await deployed?.close();
  source?.remove();
});

/** As EventBridge sends it: https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html */
const objectCreated = (key: string) => ({
  version: '0',
  id: '17793124-05d4-b198-2fde-7ededc63b103',
  'detail-type': 'Object Created',
  source: 'aws.s3',
  account: '111122223333',
  time: '2026-11-20T05:13:45Z',
  region: 'eu-central-1',
  resources: ['arn:aws:s3:::lifeboat-prod-111122223333-eu-central-1'],
  detail: {
    version: '0',
    bucket: { name: 'lifeboat-prod-111122223333-eu-central-1' },
    object: {
      key,
      size: 5,
      etag: 'b1946ac92492d2347c6235b4d2611184',
      'version-id': 'IYV3p45BT0ac8hjHg1houSdS1a.Mro8e',
      sequencer: '617f08299329d189',
    },
    'request-id': 'N4N7GDK58NMKJ12R',
    requester: '123456789012',
    'source-ip-address': '1.2.3.4',
    reason: 'PutObject',
  },
});

const outcomeOf = async (name: string, key: string): Promise<unknown> => {
  const { payload, error } = await deployed.invoke(name, objectCreated(key));
  return error ?? (payload as { outcome: string }).outcome;
};

test('what arrives is read back once and indexed, though its event comes twice, late or in another order', async () => {
  const stored = new StoredWal(deployed.vault.store, deployed.vault.keyRing);
  const time = new Date('2026-11-20T05:13:45Z');
  const keys: string[] = [];
  for (const segment of [3, 4, 5]) keys.push((await stored.put(position(segment), position(segment + 1), time)).key);
  assert.equal(await outcomeOf('metadata-indexer', keys[1]!), 'not verified yet');
  for (const [key, outcome] of [
    [keys[2]!, 'verified'],
    [keys[0]!, 'verified'],
    [keys[0]!, 'known'],
    [keys[1]!, 'verified'],
  ] as const) {
    assert.equal(await outcomeOf('checksum-verifier', key), outcome, key);
  }
  for (const key of keys) assert.equal(await outcomeOf('metadata-indexer', key), 'indexed');
  for await (const { key } of deployed.vault.store.list('main/wal/')) {
    assert.equal(await outcomeOf('checksum-verifier', key), 'verified', key);
  }
  const { key } = await stored.put(position(7), position(8), time);
  await deployed.vault.store.delete(key);
  assert.equal(await outcomeOf('checksum-verifier', key), 'gone');
  assert.equal(await outcomeOf('metadata-indexer', key), 'gone');
});

test('keys of others, encoded keys and keys that climb are left alone', async () => {
  for (const key of [
    'somewhere/else.txt',
    'catalog/orders/backups/20261120T051345123Z-full/manifest.json',
    'orders%2Fwal%2F7710121666982256801%2F00000001%2F000000010000000000000003',
    'orders/wal/7710121666982256801/../../../evidence/000000000001.json',
    '../orders/backups/20261120T051345123Z-full/manifest.json',
    'orders/backups/20261120T051345123Z-full/../manifest.json',
    '/',
  ]) {
    assert.equal(await outcomeOf('checksum-verifier', key), 'ignored', key);
    assert.equal(await outcomeOf('metadata-indexer', key), 'ignored', key);
  }
  const { error } = await deployed.invoke('checksum-verifier', { detail: {} });
  assert.equal(error?.errorType, 'InputInvalid');
});

async function damage(key: string): Promise<void> {
  const { body } = await deployed.vault.store.get(key);
  const bytes = Buffer.concat(await Array.fromAsync(body));
  bytes[bytes.length - 3]! ^= 1;
  await deployed.vault.store.put(key, bytes);
}

test('damage is told in the answer and the log', async () => {
  const stored = new StoredWal(deployed.vault.store, deployed.vault.keyRing);
  const { key } = await stored.put(position(9), position(9, 0x100), new Date());
  await damage(key);
  assert.equal(await outcomeOf('checksum-verifier', key), 'damaged');
  assert.equal(await outcomeOf('metadata-indexer', key), 'damaged');
  // of its parts nothing is stored
  const { backup } = await source.backup();
  const manifest = manifestKey('main', backup);
  assert.equal(await outcomeOf('checksum-verifier', manifest), 'damaged');
  assert.equal(await outcomeOf('metadata-indexer', manifest), 'indexed');
  // as if the one had died between the record and the catalog: the other makes up for it
  for (const projection of [verifiedWalKey('main'), standingKey('main')]) await deployed.vault.store.delete(projection);
  assert.equal(await outcomeOf('metadata-indexer', manifest), 'indexed');
  assert.equal((await readVerifiedWal(deployed.vault.store, 'main')).damaged.length, 1);
  const log = await deployed.stop('checksum-verifier');
  const said = log
    .filter(({ level }) => level === 'ERROR')
    .map(({ service, message, key: at }) => [service, message, at]);
  assert.deepEqual(said.slice(-2), [
    ['checksum-verifier', 'damaged', key],
    ['checksum-verifier', 'damaged', manifest],
  ]);
});

/** The machines as they are; tasks follow a script. */
function machines(tasks: Record<string, TaskScript>): MachineRun {
  const run = new MachineRun({
    source,
    functions: deployed.functions,
    tasks,
    answer: () => ({ decision: 'approve', by: 'grace' }),
  });
  deployed.answers['states:SendTaskSuccess'] = ({ output }) => {
    run.sendTaskSuccess(JSON.parse(output!));
    return {};
  };
  return run;
}

test('a backup that fails is undone, and one that says too much is not believed', async () => {
  const run = machines({
    async 'base-backup'(task) {
      if (task.execution.endsWith('liar')) {
        const manifest = await source.backup();
        await deployed.vault.store.delete(manifestKey('main', manifest.backup));
        return task.leave(backupResult(manifest));
      }
      const lease = printLease({
        ...{
          holder: 'a task that died',
          host: 'task',
          pid: 1,
          execution: task.execution,
          renewals: 0,
          released: false,
        },
        ...{ acquiredAt: new Date().toISOString(), expiresAt: '2999-01-01T00:00:00.000Z', durationMs: 60_000 },
      });
      await deployed.vault.store.put(leaseKey('main', 'backup'), lease);
      return task.fail({ name: 'ServerError', message: 'the server is gone', verdict: 'permanent' });
    },
  });
  await deployed.vault.store.delete(catalogKey('main'));
  const failed = await run.run('backup', {}, 'fails');
  assert.deepEqual([failed.status, failed.error], ['FAILED', 'BackupFailed']);
  assert.match(failed.cause ?? '', /main: ServerError: the server is gone/);
  assert.deepEqual((await deployed.invoke('check-lease', { source: 'main' })).payload, { source: 'main' });
  const liar = await run.run('backup', {}, 'liar');
  assert.match(liar.cause ?? '', /ObjectMissing|BackupIncomplete|InputInvalid/);
  run.remove();
});

test('the machines run to their end', async () => {
  const run = machines({
    'base-backup': (task) => takes(task, source),
    'verify-part': (task) => finds()(task, source),
    drill: (task) => shows()(task, source),
    restore: (task) => restores(task, source),
    dump: (task) => dumps(task, source),
    'prove-dump': (task) => provesDump()(task, source),
  });
  for (const [machine, input] of [
    ['backup', { requestedBy: 'ada' }],
    ['verify', {}],
    ['drill', {}],
    ['restore', { to: '/var/lib/lifeboat/restored', requestedBy: 'ada' }],
    ['dump', { source: 'main', requestedBy: 'ada' }],
  ] as const) {
    const end = await run.run(machine, input);
    assert.equal(end.status, 'SUCCEEDED', `${machine}: ${JSON.stringify(end)}`);
  }
  const manifest = await source.backup();
  const { payload } = await deployed.invoke('plan-drill', {
    input: { backup: manifest.backup },
    execution: 'an execution',
  });
  assert.equal((payload as { backup: string }).backup, manifest.backup);
  assert.deepEqual(run.failures, []);
  const asked = (await deployed.sentBy('ask-approval')).map(({ action, input }) => `${action} ${input.TopicArn}`);
  assert.deepEqual(asked, ['sns:Publish arn:aws:sns:eu-central-1:111122223333:lifeboat-prod-question']);
  run.remove();
});

test('a dump that fails is undone, one that could not be looked at says so, and a firing takes one', async () => {
  const { store } = deployed.vault;
  const run = machines({
    async dump(task) {
      if (!task.execution.endsWith('fails')) return dumps(task, source);
      const lease = printLease({
        ...{
          holder: 'a task that died',
          host: 'task',
          pid: 1,
          execution: task.execution,
          renewals: 0,
          released: false,
        },
        ...{ acquiredAt: new Date().toISOString(), expiresAt: '2999-01-01T00:00:00.000Z', durationMs: 60_000 },
      });
      await store.put(leaseKey('main', 'dump'), lease);
      return task.fail({ name: 'ServerError', message: 'the server is gone', verdict: 'permanent' });
    },
    'prove-dump': (task) => task.fail({ name: 'RestoreFailed', message: 'no disk', verdict: 'operator' }),
  });
  const failed = await run.run('dump', { source: 'main' }, 'fails');
  assert.deepEqual([failed.status, failed.error], ['FAILED', 'DumpFailed'], JSON.stringify(failed));
  const free = await deployed.invoke('check-lease', { source: 'main', work: 'dump' });
  assert.deepEqual(free.payload, { source: 'main' });
  // as if its task had died before the catalog knew it: each function makes up for that
  await store.delete(dumpCatalogKey('main'));
  const due = source.now;
  const input = { source: 'main', scheduledTime: due.toISOString() };
  const unproven = await run.run('dump', input, firingName('dump-main', due));
  assert.deepEqual([unproven.error, unproven.cause?.split('\n')[0]], ['DumpUnproven', 'RestoreFailed: no disk']);
  await store.delete(dumpCatalogKey('main'));
  const undone = { source: 'main', execution: 'nobody', since: due.toISOString() };
  assert.deepEqual(((await deployed.invoke('undo-dump', undone)).payload as { committed: string[] }).committed, []);
  const { taken } = (await deployed.invoke('plan-dump', { input })).payload as { taken: string };
  assert.match(taken, /-dump$/);
  // a redrive confirms once more what was looked at since
  const execution = executionArn('dump', firingName('dump-main', due));
  const resultKey = taskResultKey('dump', firingName('dump-main', due), 'dump-main');
  const again = { source: 'main', resultKey, execution, since: due.toISOString() };
  assert.equal(((await deployed.invoke('confirm-dump', again)).payload as { dump: string }).dump, taken);
  run.remove();
});

test('who asks again what was answered gets the answer', async () => {
  const sent: string[] = [];
  deployed.answers['states:SendTaskSuccess'] = ({ taskToken }) => {
    sent.push(taskToken!);
    return {};
  };
  const execution = 'arn:aws:states:eu-central-1:111122223333:execution:lifeboat-prod_restore:lost-orders';
  const planHash = 'ab'.repeat(32);
  const question = {
    ...{ execution, machine: 'restore', source: 'main', planHash, plan: 'restore main', requestedBy: 'ada' },
    expiresInSeconds: 3600,
  };
  await deployed.invoke('ask-approval', { ...question, taskToken: 'token-1' });
  await deployed.invoke('answer-approval', {
    execution,
    decision: 'approve',
    plan: planHash,
    by: 'grace',
    reason: 'seen',
  });
  const again = await deployed.invoke('ask-approval', { ...question, taskToken: 'token-2' });
  assert.deepEqual(again.payload, { execution, number: 2, answered: true });
  assert.deepEqual(sent, ['token-1', 'token-2']);
  const other = execution.replace('prod_restore', 'prod_rds-restore');
  const elsewhere = { ...question, execution: other, machine: 'rds-restore', taskToken: 'rds-restore-token-1' };
  await deployed.invoke('ask-approval', elsewhere);
  const yes = { execution: other, decision: 'approve', plan: planHash, reason: 'seen' };
  const first = await deployed.invoke('answer-approval', { ...yes, by: 'grace' });
  assert.deepEqual([(first.payload as { missing: number }).missing, sent.length], [1, 2]);
  const told = (await deployed.sentBy('answer-approval')).filter(({ action }) => action === 'sns:Publish');
  assert.match(JSON.stringify(told), /1 of 2 said yes/);
  await deployed.invoke('answer-approval', { ...yes, by: 'ada' });
  await deployed.invoke('ask-approval', { ...elsewhere, taskToken: 'rds-restore-token-2' });
  assert.deepEqual(sent.slice(2), ['rds-restore-token-1', 'rds-restore-token-2']);
  for (const machine of ['retention']) {
    const theirs = execution.replace('prod_restore', `prod_${machine}`);
    const asked = { ...question, execution: theirs, machine };
    await deployed.invoke('ask-approval', { ...asked, taskToken: `${machine}-token-1` });
    await deployed.invoke('answer-approval', { ...yes, execution: theirs, by: 'grace' });
    await deployed.invoke('ask-approval', { ...asked, taskToken: `${machine}-token-2` });
    assert.deepEqual(sent.slice(-2), [`${machine}-token-1`, `${machine}-token-2`]);
  }
});

test('a snapshot is planned, copied and recorded, a restore planned, and both databases are watched', async () => {
  const { regions } = deployed.rds;
  const window = { earliest: new Date(Date.now() - 86_400_000), latest: new Date(Date.now() - 60_000) };
  regions.add('eu-central-1', 'instance', { id: 'ledger-db', ...window });
  regions.add('eu-central-1', 'cluster', { id: 'books-db', retentionDays: 0 });
  regions.looks = 0;
  const execution = 'arn:aws:states:eu-central-1:111122223333:execution:lifeboat-prod_rds-snapshot:night';
  const invoke = async (name: string, event: object) => {
    const { payload, error } = await deployed.invoke(name, event);
    assert.equal(error, undefined, `${name}: ${JSON.stringify(error)}`);
    return payload as Record<string, unknown>;
  };
  const planned = await invoke('plan-snapshot', { input: { source: 'ledger' }, execution });
  const snapshot = planned.snapshot as string;
  regions.addSnapshot('eu-central-1', 'instance', { id: snapshot, of: 'ledger-db' });
  const arn = `arn:aws:rds:eu-central-1:111122223333:snapshot:${snapshot}`;
  assert.deepEqual(await invoke('copy-snapshot', { source: 'ledger', snapshot, arn, execution }), {
    status: 'available',
  });
  for (let time = 0; time < 2; time++)
    await invoke('record-snapshot', { source: 'ledger', snapshot, requestedBy: 'ada', execution });
  regions.addSnapshot('eu-central-1', 'cluster', { id: 'kept', of: 'books-db' });
  const books = { source: 'books', to: 'back', snapshot: 'kept', instanceClass: 'db.r6g.large' };
  await invoke('plan-rds-restore', { input: books });
  await invoke('plan-rds-restore', { input: { source: 'ledger', to: 'back' } });
  for (let time = 0; time < 2; time++) {
    const { findings } = await invoke('watch-managed', {});
    assert.deepEqual(
      (findings as { kind: string }[]).map(({ kind }) => kind),
      ['backups-disabled'],
    );
  }
  const told = (await deployed.sentBy('watch-managed')).filter(({ action }) => action === 'sns:Publish');
  assert.equal(told.length, 1);
});

test('snapshots that no rule keeps are deleted in both regions; what is not ours, or held, IAM itself would not let go', async () => {
  const { regions } = deployed.rds;
  const ids = ['old', 'older', 'kept'].map((name, index) => {
    const execution = `arn:aws:states:eu-central-1:111122223333:execution:lifeboat-prod_rds-snapshot:${name}`;
    const createdAt = new Date(Date.now() - [20, 30, 10][index]! * 86_400_000);
    const made = (source: string) => ({ tags: ownTags(source, execution), createdAt });
    const id = snapshotName('ledger', name);
    for (const region of ['eu-central-1', 'eu-west-1'])
      regions.addSnapshot(region, 'instance', { id, of: 'ledger-db', ...made('ledger') });
    regions.addSnapshot('eu-central-1', 'cluster', {
      id: snapshotName('books', name),
      of: 'books-db',
      ...made('books'),
    });
    return id;
  });
  const execution = 'arn:aws:states:eu-central-1:111122223333:execution:lifeboat-prod_retention:night';
  for (const [source, deleted] of [
    ['ledger', 4],
    ['books', 2],
  ] as const) {
    const event = { source, execution: `${execution}-${source}` };
    for (const _ of ['once', 'again']) {
      const { payload, error } = await deployed.invoke('expire-snapshots', event);
      const { deleted: count, problem } = (payload ?? {}) as Record<string, unknown>;
      assert.deepEqual([error, count, problem], [undefined, deleted, null], source);
    }
  }
  for (const region of ['eu-central-1', 'eu-west-1'])
    assert.deepEqual(
      ids.map((id) => regions.snapshot(region, 'instance', id) !== undefined),
      [false, false, true],
    );
  const policy = deployed.policies.get('expire-snapshots')!;
  const may = (tags: Record<string, string>, id = ids[2]!) =>
    policy.allows({
      action: 'rds:DeleteDBSnapshot',
      resource: `arn:aws:rds:eu-central-1:111122223333:snapshot:${id}`,
      context: Object.fromEntries(Object.entries(tags).map(([key, tag]) => [`aws:ResourceTag/${key}`, tag])),
    });
  const own = ownTags('ledger', execution);
  assert.ok(may(own));
  for (const [tags, id] of [
    [{ ...own, 'lifeboat:hold': 'audit' }],
    [{ ...own, 'lifeboat:source': 'orders' }],
    [{ 'lifeboat:source': 'ledger' }],
    [{}],
    [own, 'rds:ledger-db-2026-11-20'],
    [own, 'before-the-migration'],
  ] as [Record<string, string>, string?][])
    assert.equal(may(tags, id), false, JSON.stringify([tags, id]));
});

test('a backup that its firing has taken already is not taken again, whatever the catalog knows', async () => {
  const scheduledTime = source.now;
  const firing = firingName('full-main', scheduledTime);
  await source.backup({
    execution: `arn:aws:states:eu-central-1:111122223333:execution:lifeboat-prod_backup:${firing}`,
  });
  await deployed.vault.store.delete(catalogKey('main'));
  const plannedAt = async (time: Date) => {
    const input = { source: 'main', type: 'full', scheduledTime: time.toISOString() };
    return ((await deployed.invoke('plan-backup', { input })).payload as { planned: string[] }).planned;
  };
  assert.deepEqual(await plannedAt(scheduledTime), []);
  assert.deepEqual(await plannedAt(new Date(scheduledTime.getTime() + 1000)), ['main']);
});

test('a lease that somebody has is told with what to do', async () => {
  const lease = await acquireLease(deployed.vault.store, 'main', 'backup', { holder: { host: 'other', pid: 7 } });
  const { error } = await deployed.invoke('check-lease', { source: 'main' });
  assert.equal(error?.errorType, 'LeaseHeld');
  assert.match(error?.errorMessage ?? '', /other.*\nHINT: /s);
  await lease.release();
});

test('a share of the backups is chosen to be read once more', async () => {
  const execution =
    'arn:aws:states:eu-central-1:111122223333:execution:lifeboat-prod_scrub:scrub-main-20261120T040000Z';
  const { payload } = await deployed.invoke('plan-scrub', { input: { source: 'main' }, execution });
  assert.match((payload as { told: string }).told, /^\d+ of \d+ stored backups of main were read back once more/);
});

test('what may go is planned by what the bucket says, and what is left is looked at', async () => {
  const { store } = deployed.vault;
  const { backup } = await source.backup();
  const held = { format: 'lifeboat-hold/1', source: 'main', id: backup, state: 'held', reason: 'an audit' } as const;
  await putHold(store, { ...held, by: 'ada', at: source.now.toISOString(), until: null });
  // a segment that is stored as a whole, beside a chunk of it, both long ago
  const segments = new StoredWal(store);
  const chunk = await segments.put(position(200), position(200, 100), source.now);
  const whole = await segments.put(position(200), position(201), source.now);
  const own = (key: string) => key.replace(sceneSource, 'main');
  for (const { key } of [chunk, whole]) {
    const { body } = await store.get(key);
    await store.put(own(key), Buffer.concat(await Array.fromAsync(body)));
    deployed.s3.bucket.find(own(key)).lastModified = new Date(Date.now() - 30 * 86_400_000);
  }
  for (const key of [catalogKey('main'), dumpCatalogKey('main')]) await store.delete(key);
  const execution = 'arn:aws:states:eu-central-1:111122223333:execution:lifeboat-prod_retention:night';
  const invoke = async (name: string, event: object) => {
    const { payload, error } = await deployed.invoke(name, event);
    assert.equal(error, undefined, `${name}: ${JSON.stringify(error)}`);
    return payload as { planKey: string; planHash: string; told: string };
  };
  const { planKey, planHash } = await invoke('plan-retention', { input: { source: 'main' }, execution });
  const [resultKey, at] = [taskResultKey('retention', 'night', 'expire'), new Date().toISOString()];
  const result: ExpireResult = {
    ...{ source: 'main', hash: planHash, backups: [], dumps: [], leftovers: [], wal: { pieces: 0, chunks: 0 } },
    ...{ records: 0, old: 0, objects: 0, bytes: 0, startedAt: at, finishedAt: at },
  };
  const ended = { format: 'lifeboat-result/1', task: 'expire', execution, startedAt: at, finishedAt: at, result };
  await store.put(resultKey, Buffer.from(JSON.stringify(ended)));
  for (const key of [catalogKey('main'), dumpCatalogKey('main')]) await store.delete(key);
  const { told } = await invoke('check-retention', { source: 'main', planKey, planHash, resultKey, since: at });
  assert.match(told, /of main removed/);
});

test('a backup that expires while it is looked at is not broken; one that is there may be', async () => {
  const { store } = deployed.vault;
  const failure = { name: 'ObjectMissing', message: 'a part is not there' };
  let expires = false;
  const expire = async (backup: unknown) => {
    if (!expires) return;
    const { id } = parseBackupId(backup as string);
    await forgetBackups(store, 'main', [id]);
    await store.delete(manifestKey('main', id));
  };
  const run = machines({
    async drill(task) {
      await expire(task.input.backup);
      await shows({ ok: false, verdict: 'broken', failure, reached: null, checks: [] })(task, source);
    },
    async 'verify-part'(task) {
      await expire(task.input.backup);
      await finds(['a part is not there'])(task, source);
    },
  });
  const { backup } = await source.backup();
  assert.equal((await run.run('drill', { source: 'main', backup }, 'there')).error, 'BackupBroken');
  // the same of a later point: whether retention has cut the WAL that leads there is asked of the catalog
  const [resultKey, at] = [taskResultKey('drill', 'there', 'drill'), source.now.toISOString()];
  const later = {
    source: 'main',
    backup,
    target: { lsn: '0/FFFFFF', backup },
    execution: executionArn('drill', 'there'),
  };
  const concluded = await deployed.invoke('conclude-drill', {
    ...later,
    resultKey,
    failure: null,
    startedAt: at,
    finishedAt: at,
  });
  assert.equal((concluded.payload as { verdict: string }).verdict, 'broken', JSON.stringify(concluded.error));
  expires = true;
  const ended = await run.run('verify', { source: 'main', backup, drill: false }, 'expired');
  assert.equal(ended.error, 'BackupExpired', ended.cause);
  const other = await source.backup();
  assert.match((await run.run('drill', { source: 'main', backup: other.backup }, 'gone')).cause!, /^BackupExpired: /);
  run.remove();
});

test('evidence that is given twice is one record', async () => {
  const deed = { id: 'deed-1', what: 'something was done', outcome: 'succeeded' };
  const [once, again] = [
    await deployed.invoke('record-evidence', deed),
    await deployed.invoke('record-evidence', deed),
  ];
  assert.deepEqual(again.payload, { ...(once.payload as object), again: true });
});

test('how far the evidence goes is signed once a day, by the key of the stack', async () => {
  const { payload, error } = await deployed.invoke('sign-evidence', {});
  assert.equal(error, undefined);
  const { key, again } = payload as { key: string; again: boolean };
  assert.match(key, /^evidence-heads\/\d{4}-\d\d-\d\d\.json$/);
  assert.equal(again, false);
  assert.deepEqual((await deployed.invoke('sign-evidence', {})).payload, { ...(payload as object), again: true });
  const keys = [deployed.kms.keys.publicKey(deployed.evidenceKey).toString('base64')];
  const check = await verifyEvidence(deployed.vault.store, { keys });
  assert.deepEqual([check.ok, check.heads?.newest?.keyId], [true, deployed.evidenceKey.arn]);
});

test('a failure is told to the channels of the plan, with their secrets', async () => {
  const hook = await httpServer((_, response) => response.end());
  deployed.answers['secretsmanager:GetSecretValue'] = ({ SecretId }) => ({
    SecretString: SecretId === 'lifeboat/hook' ? `${hook.url}/secret-path` : '{"password":"secret"}',
  });
  const notice = {
    format: 'lifeboat-notice/1',
    occasion: 'failure',
    subject: 'main',
    title: 'it failed',
    what: 'all of it',
  } as const;
  const event = snsEvent('message-1', printNotice({ ...notice, dedupe: 'main failed' }));
  for (const _ of ['once', 'again']) assert.deepEqual(await deployed.invoke('tell', event), { payload: null });
  assert.deepEqual(
    hook.received.map(({ url }) => url),
    ['/secret-path'],
  );
  const published = (await deployed.sentBy('tell')).filter(({ action }) => action === 'sns:Publish');
  assert.deepEqual(
    published.map(({ input }) => input.TopicArn),
    ['arn:aws:sns:eu-central-1:111122223333:on-call'],
  );
  const stopped = executionEvent('ABORTED', {
    executionArn: 'arn:aws:states:eu-central-1:111122223333:execution:lifeboat-prod_restore:stopped',
    ...{ input: '{"source":"main"}', error: 'Stopped', cause: 'by grace' },
  });
  assert.deepEqual(await deployed.invoke('tell', snsEvent('message-2', JSON.stringify(stopped))), { payload: null });
  const last = (await Array.fromAsync(readEvidence(deployed.vault.store))).at(-1)!;
  assert.deepEqual([last.id, last.who], [`${stopped.detail.executionArn} not restored`, 'grace']);
  const log = await deployed.stop('tell');
  assert.equal(JSON.stringify(log).includes('secret-path'), false);
});

test('an incident is told to channels and contacts, once, and each word of it is evidence', async () => {
  const hook = await httpServer((_, response) => response.end());
  const before = deployed.answers['secretsmanager:GetSecretValue'];
  deployed.answers['secretsmanager:GetSecretValue'] = ({ SecretId }) => ({
    SecretString: SecretId === 'lifeboat/ada' ? `${hook.url}/ada` : `${hook.url}/all`,
  });
  const { store } = deployed.vault;
  const severity = { name: 'SEV1', rtoMs: 3_600_000, procedure: 'restore' } as const;
  const opening = { severity, title: 'gone', source: 'main', impact: null, measuredRtoMs: null, isPublic: true };
  const said = () => ({ by: 'grace', at: new Date().toISOString() });
  const { incident } = await openIncident(store, opening, said());
  for (const event of [{}, { answer: true }]) {
    const { error } = await deployed.invoke('tell-incidents', event);
    assert.equal(error, undefined, JSON.stringify(error));
  }
  await addToIncident(store, incident, said(), () => ({ deed: 'resolved', message: 'fine', publicMessage: null }));
  await deployed.invoke('tell-incidents', {});
  assert.deepEqual(hook.received.map(({ url }) => url).sort(), ['/ada', '/ada', '/all', '/all']);
  const published = (await deployed.sentBy('tell-incidents')).filter(({ action }) => action === 'sns:Publish');
  assert.deepEqual(
    published.map(({ input }) => input.TopicArn!.split(':').at(-1)),
    ['on-call', 'page-grace', 'on-call', 'page-grace'],
  );
  const log = await deployed.stop('tell-incidents');
  assert.equal(JSON.stringify(log).includes(hook.url), false);
  if (before) deployed.answers['secretsmanager:GetSecretValue'] = before;
});

test('the watch asks the server, tells what it finds, and forgets damage that is gone', async () => {
  const { store } = deployed.vault;
  const [{ key } = { key: '' }] = await Array.fromAsync(store.list('main/wal/'));
  await damage(key);
  assert.equal(await outcomeOf('checksum-verifier', key), 'damaged');
  await store.delete(key);
  const { payload } = await deployed.invoke('watch', {});
  const { findings } = payload as { findings: { kind: string }[] };
  const published = (await deployed.sentBy('watch')).filter(({ action }) => action === 'sns:Publish');
  assert.equal(published.length, findings.length);
  assert.deepEqual(
    (await readVerifiedWal(store, 'main')).damaged.filter((one) => one.key === key),
    [],
  );
  assert.ok(findings.length > 0);
});

test('what is due is started under the name of its firing', async () => {
  deployed.answers['states:ListExecutions'] = () => ({ executions: [] });
  deployed.answers['states:StartExecution'] = ({ stateMachineArn, name }) => ({
    executionArn: `${stateMachineArn!.replace(':stateMachine:', ':execution:')}:${name}`,
    startDate: 1_795_150_425,
  });
  const scheduledTime = `${new Date().toISOString().slice(0, 17)}00Z`;
  for (const schedule of ['full-main', 'drill-main', 'dump-main', 'scrub-main', 'retention-main', 'snapshot-ledger']) {
    const { payload } = await deployed.invoke('start-scheduled', { schedule, scheduledTime });
    assert.equal((payload as { outcome: string }).outcome, 'started');
  }
  const started = (await deployed.sentBy('start-scheduled')).filter(({ action }) => action === 'states:StartExecution');
  assert.deepEqual(
    started.map(({ input }) => input.stateMachineArn!.split(':').at(-1)),
    ['backup', 'drill', 'dump', 'scrub', 'retention', 'rds-snapshot'].map((machine) => `lifeboat-prod_${machine}`),
  );
});

/**
 * What Lambda does in a function's name; what RDS lists, which is of one thing or another, and does with a key; reads that go on with a version after they were interrupted; and that something is
 * missing, which S3 only says to who may list.
 */
const unseen =
  /^(?:ec2|logs|sqs|xray):|^rds:Describe|^(?:rds|kms):\S+ .*(?:cluster-snapshot:|kms:eu-west-1)|^s3:(?:GetObjectVersion|ListBucket) /;

test('no function asked for what its role does not allow, and no role allows what its function did not ask for', async () => {
  const wrong: Record<string, string[]> = {};
  for (const name of deployed.names) {
    const denied = (await deployed.deniedOf(name)).filter(({ resource }) => resource !== oldKeyArn);
    const unused = deployed.policies
      .get(name)!
      .unused()
      .filter((grant) => !unseen.test(grant));
    const found = [
      ...denied.map((asked) => `refused ${JSON.stringify(asked)}`),
      ...unused.map((grant) => `unused ${grant}`),
    ];
    if (found.length > 0) wrong[name] = found;
  }
  assert.deepEqual(wrong, {});
});
