import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import { recordProof } from '#catalog/proofs';
import { readStanding } from '#catalog/standing';
import { ecsFailure } from '#harness/ecs-failure';
import { MachineRun, type MachineRunOptions } from '#harness/machine-run';
import { StoredSource } from '#harness/stored-source';
import { type Json, StatesError } from '#local/integration';
import { type Manifest, printManifest } from '#model/manifest';
import type { Proof } from '#model/proof';
import { catalogKey, manifestKey } from '#store/bucket-layout';
import { finds, largeBackup, type Script } from './scripted-tasks.ts';

const execution = 'arn:aws:states:local:000000000000:execution:verify:run-1';

const cleanups: (() => void)[] = [];
afterEach(() => {
  for (const clean of cleanups.splice(0)) clean();
});

async function scene(script: Script = finds(), more: Partial<MachineRunOptions> & { partsGiB?: number[] } = {}) {
  const source = await StoredSource.create();
  const manifest = more.partsGiB ? await largeBackup(source, more.partsGiB) : await source.backup();
  const run = new MachineRun({ tasks: { 'verify-part': (task) => script(task, source) }, ...more, source });
  cleanups.push(
    () => run.remove(),
    () => source.remove(),
  );
  return { source, run, manifest, standing: async () => (await readStanding(source.store, 'main')).backups.at(-1)! };
}

/** As EventBridge tells of a stored manifest; it is S3's `source`, and not one of ours. */
const eventOf = ({ source, backup }: Manifest, prefix = '') => ({
  version: '0',
  id: '17793124-05d4-b198-2fde-7ededc63b103',
  'detail-type': 'Object Created',
  source: 'aws.s3',
  account: '000000000000',
  time: '2026-11-20T05:13:45Z',
  region: 'eu-central-1',
  resources: ['arn:aws:s3:::bucket'],
  detail: {
    version: '0',
    bucket: { name: 'bucket' },
    object: { key: prefix + manifestKey(source, backup), size: 5, etag: 'x', sequencer: '0062E99A88DC407460' },
    reason: 'PutObject',
  },
});

test('a manifest’s arrival has every part and the WAL read back, and then a drill started', async () => {
  const { run, manifest, standing } = await scene();
  const end = await run.run('verify', eventOf(manifest));
  assert.equal(end.status, 'SUCCEEDED', JSON.stringify(end));
  assert.deepEqual(
    run.tasks.map(({ input }) => input),
    [{ source: 'main', backup: manifest.backup, parts: { from: 0, to: 3 }, wal: true }],
  );
  assert.deepEqual(run.started, [
    {
      StateMachineArn: 'DrillStateMachineArn',
      Name: `verified-${manifest.backup}-main`,
      Input: { source: 'main', backup: manifest.backup, requestedBy: 'verify' },
    },
  ]);
  assert.equal((await standing()).state, 'verified');
  assert.deepEqual(run.notices, []);
  assert.deepEqual(
    run.evidence.map(({ what }) => what),
    [`backup ${manifest.backup} is as it was written`],
  );
});

test('what is large is read by many tasks, each of them a part, and its WAL by one more', async () => {
  const { run, manifest } = await scene(finds(), { partsGiB: [10, 10, 10, 10] });
  assert.equal((await run.run('verify', eventOf(manifest))).status, 'SUCCEEDED');
  const parts = run.tasks.map(({ input, resultKey, execution }) => [input.parts, input.wal, resultKey, execution]);
  const step = (from: number, to: number) => [
    { from, to },
    false,
    `executions/verify/run-1/parts-${from}-${to}.json`,
    execution,
  ];
  assert.deepEqual(
    parts.sort(),
    [[null, true, 'executions/verify/run-1/wal.json', execution], step(0, 1), step(1, 3), step(3, 4)].sort(),
  );
});

test('a manifest of somebody else, who shares the bucket, is none of our business', async () => {
  const { run, manifest } = await scene();
  for (const key of ['deep/prefix/', 'x'].map((prefix) => prefix + manifestKey('main', manifest.backup))) {
    const end = await run.run('verify', { detail: { object: { key } } }, `of-${key.slice(0, 4).replace('/', '_')}`);
    assert.deepEqual(
      [end.status, end.output],
      ['SUCCEEDED', { source: null, backup: null, drill: null, known: 'foreign' }],
    );
  }
  assert.deepEqual([run.tasks.length, run.notices.length, run.evidence.length], [0, 0, 0]);
});

test('an event that comes late, when the backup is gone, is no failure', async () => {
  const { run, manifest, source } = await scene();
  await source.store.delete(manifestKey('main', manifest.backup));
  await source.store.delete(catalogKey('main'));
  const end = await run.run('verify', eventOf(manifest));
  assert.deepEqual([end.status, (end.output as { known: string }).known], ['SUCCEEDED', 'gone']);
  assert.deepEqual([run.tasks.length, run.notices.length], [0, 0]);
});

test('a backup that is gone though the catalog has it is a failure that is told', async () => {
  const { run, manifest, source } = await scene();
  await source.store.delete(manifestKey('main', manifest.backup));
  assert.equal((await run.run('verify', eventOf(manifest))).error, 'ObjectMissing');
  assert.equal(run.notices.length, 1);
});

test('another version of a manifest is read back though the one before it was, and drilled', async () => {
  const { run, manifest, source } = await scene();
  await run.run('verify', eventOf(manifest), 'first');
  await recordProof(source.store, provenBy(manifest));
  const key = manifestKey('main', manifest.backup);
  await source.store.put(key, Buffer.from(printManifest({ ...manifest, requestedBy: 'mallory' })));
  assert.equal((await run.run('verify', eventOf(manifest), 'second')).status, 'SUCCEEDED');
  assert.equal(run.tasks.length, 2);
  const names = run.started.map((started) => (started as { Name: string }).Name);
  assert.match(
    names.join(' '),
    new RegExp(`^verified-${manifest.backup}-main verified-${manifest.backup}-main-[0-9a-f]{16}$`),
  );
  await run.run('verify', eventOf(manifest), 'third');
  assert.equal(run.tasks.length, 2, 'and that is remembered as well');
});

test('what is read back once more needs no drill, however well it is known', async () => {
  const { run, manifest, source, standing } = await scene();
  await run.run('verify', eventOf(manifest), 'first');
  await recordProof(source.store, provenBy(manifest));
  const asked = { source: 'main', backup: manifest.backup, requestedBy: 'scrub', drill: false };
  const end = await run.run('verify', asked, 'second');
  assert.deepEqual([end.status, (end.output as { drill: null }).drill], ['SUCCEEDED', null]);
  assert.deepEqual([run.tasks.length, run.started.length], [2, 1]);
  assert.equal(run.evidence.at(-1)!.who, 'scrub');
  assert.equal((await standing()).state, 'proven');
});

test('damage that is found by reading back once more counts', async () => {
  const { run, manifest, standing } = await scene((task, source) =>
    finds(run.tasks.length > 1 ? ['rotten'] : [])(task, source),
  );
  await run.run('verify', eventOf(manifest), 'first');
  const end = await run.run('verify', { backup: manifest.backup, drill: false }, 'second');
  assert.equal(end.error, 'BackupDamaged');
  assert.equal((await standing()).state, 'broken');
  assert.equal(run.notices.length, 1);
});

test('the same event once more changes nothing and is no failure', async () => {
  const { run, manifest, source } = await scene();
  await run.run('verify', eventOf(manifest), 'first');
  const end = await run.run('verify', eventOf(manifest), 'second');
  assert.equal(end.status, 'SUCCEEDED');
  assert.equal(run.started.length, 1);
  const again = new MachineRun({ source, tasks: { 'verify-part': () => assert.fail('twice') } });
  cleanups.push(() => again.remove());
  assert.deepEqual((await again.run('verify', eventOf(manifest), 'first')).status, 'SUCCEEDED');
  const records: string[] = [];
  for await (const { key } of source.store.list('catalog/main/verifications/')) records.push(key);
  assert.equal(records.length, 1, 'what is verified is not read back for an event that came twice');
});

test('an event that comes again after its backup was proven starts nothing', async () => {
  const { run, manifest, source } = await scene();
  await run.run('verify', eventOf(manifest), 'first');
  await recordProof(source.store, provenBy(manifest));
  const later = new MachineRun({ source, tasks: { 'verify-part': () => assert.fail('twice') } });
  cleanups.push(() => later.remove());
  assert.equal((await later.run('verify', eventOf(manifest), 'second')).status, 'SUCCEEDED');
  assert.deepEqual([later.tasks.length, later.started.length], [0, 0]);
});

const provenBy = ({ source, backup }: Manifest): Proof => ({
  ...{ format: 'lifeboat-proof/1', source, backup, chain: [backup], target: 'its end', verdict: 'proven', ok: true },
  ...{ reached: null, checks: [], durationsMs: { files: 1, replay: 1, checks: 1 }, rawBytes: 1, walBytes: 1 },
  ...{ failure: null, execution: 'x', startedAt: '2026-11-20T06:00:00Z', finishedAt: '2026-11-20T06:00:01Z' },
});

test('by hand it takes the newest backup, or the one that is named', async () => {
  const { run, source, manifest } = await scene();
  const newer = await source.backup();
  await run.run('verify', {}, 'newest');
  await run.run('verify', { source: 'main', backup: manifest.backup, requestedBy: 'ada' }, 'named');
  const backups = run.tasks.map(({ input }) => input.backup);
  assert.deepEqual(backups, [newer.backup, manifest.backup]);
  assert.deepEqual(
    run.evidence.map(({ who }) => who),
    ['somebody', 'ada'],
  );
});

test('damage is recorded, told and a failure; no drill is started', async () => {
  const damage = ['main/backups/x/base.tar.000001: its SHA-256 is another one'];
  const { run, manifest, standing } = await scene(finds(damage));
  const end = await run.run('verify', eventOf(manifest));
  assert.equal(end.error, 'BackupDamaged');
  assert.equal(
    end.cause,
    `backup ${manifest.backup} of main is damaged:\n${damage[0]}\nHINT: take a new full backup now: \`lifeboat backup --source main\``,
  );
  assert.equal((await standing()).state, 'broken');
  assert.deepEqual(run.started, []);
  assert.equal(run.notices[0]!.todo, 'take a new full backup now: `lifeboat backup --source main`');
  assert.equal(run.evidence[0]!.outcome, 'failed');
});

test('damage counts though another step could not look', async () => {
  const { run, manifest, standing } = await scene(
    (task, source) =>
      task.input.wal
        ? task.fail({ name: 'KeyUnusable', message: 'no key', verdict: 'operator' })
        : finds(['bad'])(task, source),
    { partsGiB: [20, 20] },
  );
  const end = await run.run('verify', eventOf(manifest));
  assert.equal(end.error, 'BackupDamaged');
  assert.match(end.cause!, /bad\n1 steps could not look/);
  assert.equal((await standing()).state, 'broken');
});

test('a step that cannot look says nothing about the backup', async () => {
  const { run, manifest, standing } = await scene(
    (task, source) =>
      task.input.wal
        ? task.fail({ name: 'KeyUnusable', message: 'no key', verdict: 'operator' })
        : finds()(task, source),
    { partsGiB: [10, 10] },
  );
  const end = await run.run('verify', eventOf(manifest));
  assert.equal(end.error, 'VerifyIncomplete');
  assert.match(end.cause!, /wal\.json: KeyUnusable: no key\nHINT: this says nothing about the backup/);
  assert.equal((await standing()).state, 'committed');
  assert.deepEqual(run.started, []);
});

test('a step of which nobody knows how it ended has not looked', async () => {
  const dies = ({ resource, arguments: given }: { resource: string; arguments: Json }) =>
    resource === 'ecs:runTask' && JSON.stringify(given).includes('parts-0-1')
      ? new StatesError('States.Runtime', 'the child died')
      : undefined;
  const { run, manifest, standing } = await scene(finds(), { partsGiB: [10, 10, 10], refuse: dies });
  const end = await run.run('verify', eventOf(manifest));
  assert.equal(end.error, 'VerifyIncomplete');
  assert.match(end.cause!, /parts-0-1\.json: StepLost: nobody knows how it ended/);
  assert.ok(
    run.tasks.some(({ input }) => input.wal),
    'the others were read',
  );
  assert.equal((await standing()).state, 'committed');
  assert.equal(run.notices.length, 1);
});

test('hundreds of steps that fail with many words are still told', async () => {
  const partsGiB = Array.from({ length: 400 }, () => 16);
  const words = 'ein Fehler mit „Anführungszeichen“ und \n Zeilen '.repeat(50);
  const { run, manifest } = await scene((task) => task.fail({ message: words, verdict: 'operator' }), { partsGiB });
  const end = await run.run('verify', eventOf(manifest));
  assert.equal(run.tasks.length, 401);
  assert.equal(end.error, 'VerifyIncomplete', end.cause?.slice(0, 300));
});

test('a bucket that does not answer is asked again', async () => {
  const { run, manifest } = await scene((task, source) => {
    if (task.attempt < 3) throw ecsFailure({ ExitCode: 5 });
    return finds()(task, source);
  });
  assert.equal((await run.run('verify', eventOf(manifest))).status, 'SUCCEEDED');
  assert.equal(run.tasks.length, 3);
});

test('a step that ends well and leaves no result is a failure', async () => {
  const { run, manifest, standing } = await scene(async () => undefined);
  const end = await run.run('verify', eventOf(manifest));
  assert.equal(end.error, 'ResultMissing');
  assert.equal((await standing()).state, 'committed');
  assert.equal(run.notices.length, 1);
});

test('a drill that cannot be started is a failure that is told', async () => {
  const { run, manifest } = await scene(finds(), {
    refuse: ({ resource }) =>
      resource === 'states:startExecution'
        ? new StatesError('StepFunctions.AccessDeniedException', 'no right')
        : undefined,
  });
  const end = await run.run('verify', eventOf(manifest));
  assert.equal(end.error, 'StepFunctions.AccessDeniedException');
  assert.equal(run.notices.length, 1);
});

const key = (name: string) => ({ detail: { object: { key: name } } });
const wrongInputs: [input: unknown, message: RegExp][] = [
  [{ backup: 'yesterday' }, /^backup: "yesterday" is not allowed: expected an id like 20261120T051345123Z-full$/],
  [
    { backup: '20261120T051345123Z-full' },
    /^backup: "20261120T051345123Z-full" is not allowed: expected a committed backup of main/,
  ],
  [{ source: 'mian' }, /HINT: did you mean "main"\?$/],
  [{ source: 7 }, /^source: 7 is not allowed/],
  [{ bakup: 'x' }, /^bakup: "x" is not allowed: expected only the fields .*\nHINT: did you mean "backup"\?$/],
  [{ requestedBy: 7 }, /^requestedBy: 7 is not allowed/],
  [{ scheduledTime: 'x' }, /^scheduledTime: "x" is not allowed/],
  [key('main/wal/1/2'), /^detail\.object\.key: "main\/wal\/1\/2" is not allowed: expected <source>\/backups/],
  [{ drill: 'no' }, /^drill: "no" is not allowed: expected true or false$/],
  [7, /^input: 7 is not allowed/],
];
for (const [input, message] of wrongInputs) {
  test(`input ${JSON.stringify(input)} is refused by name, and told`, async () => {
    const { run } = await scene();
    const end = await run.run('verify', input as never);
    assert.equal(end.error, 'InputInvalid');
    assert.match(end.cause!, message);
    assert.deepEqual([run.tasks.length, run.notices.length], [0, 1]);
  });
}
