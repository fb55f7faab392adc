import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import { recordProof } from '#catalog/proofs';
import { readStanding } from '#catalog/standing';
import { ecsFailure } from '#harness/ecs-failure';
import { MachineRun, type MachineRunOptions } from '#harness/machine-run';
import { StoredSource } from '#harness/stored-source';
import { StatesError } from '#local/integration';
import type { Manifest } from '#model/manifest';
import type { Proof } from '#model/proof';
import { manifestKey } from '#store/bucket-layout';
import { finds, type Script } from './scripted-tasks.ts';

const cleanups: (() => void)[] = [];
afterEach(() => {
  for (const clean of cleanups.splice(0)) clean();
});

async function scene(script: Script = finds(), more: Partial<MachineRunOptions> = {}) {
  const source = await StoredSource.create();
  const manifest = await source.backup();
  const run = new MachineRun({ tasks: { 'verify-part': (task) => script(task, source) }, ...more, source });
  cleanups.push(
    () => run.remove(),
    () => source.remove(),
  );
  return { source, run, manifest, standing: async () => (await readStanding(source.store, 'main')).backups[0]! };
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
    [
      { source: 'main', backup: manifest.backup, parts: { from: 0, to: 3 }, wal: false },
      { source: 'main', backup: manifest.backup, parts: null, wal: true },
    ],
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

test('the event’s key may begin with the prefix of the plan’s bucket', async () => {
  const { run, manifest } = await scene();
  assert.equal((await run.run('verify', eventOf(manifest, 'deep/prefix/'))).status, 'SUCCEEDED');
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
  assert.deepEqual(backups, [newer.backup, newer.backup, manifest.backup, manifest.backup]);
  assert.deepEqual(
    run.evidence.map(({ who }) => who),
    ['somebody', 'ada'],
  );
});

test('damage is recorded, told and a failure; no drill is started', async () => {
  const damage = ['main/backups/x/base.tar.000001: its SHA-256 is another one'];
  const { run, manifest, standing } = await scene((task, source) => finds(task.input.wal ? [] : damage)(task, source));
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
  const { run, manifest, standing } = await scene((task, source) =>
    task.input.wal
      ? task.fail({ name: 'KeyUnusable', message: 'no key', verdict: 'operator' })
      : finds(['bad'])(task, source),
  );
  const end = await run.run('verify', eventOf(manifest));
  assert.equal(end.error, 'BackupDamaged');
  assert.match(end.cause!, /bad\n1 steps could not look/);
  assert.equal((await standing()).state, 'broken');
});

test('a step that cannot look says nothing about the backup', async () => {
  const { run, manifest, standing } = await scene((task, source) =>
    task.input.wal ? task.fail({ name: 'KeyUnusable', message: 'no key', verdict: 'operator' }) : finds()(task, source),
  );
  const end = await run.run('verify', eventOf(manifest));
  assert.equal(end.error, 'VerifyIncomplete');
  assert.match(end.cause!, /wal\.json: KeyUnusable: no key\nHINT: this says nothing about the backup/);
  assert.equal((await standing()).state, 'committed');
  assert.deepEqual(run.started, []);
});

test('a bucket that does not answer is asked again', async () => {
  const { run, manifest } = await scene((task, source) => {
    if (task.attempt < 3) throw ecsFailure({ ExitCode: 5 });
    return finds()(task, source);
  });
  assert.equal((await run.run('verify', eventOf(manifest))).status, 'SUCCEEDED');
  assert.equal(run.tasks.length, 6);
});

test('a step that ends well and leaves no result is a failure', async () => {
  const { run, manifest, standing } = await scene(async (task, source) =>
    task.input.wal ? undefined : finds()(task, source),
  );
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
  [key('main/backups/x/manifest.json'), /^detail\.object\.key: /],
  [key('gone/backups/20261120T051345123Z-full/manifest.json'), /^source: "gone" is not allowed/],
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
