import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import { committedBackups } from '#catalog/backups';
import { putHold } from '#catalog/holds';
import { acquireLease, type Lease } from '#catalog/lease';
import { readStanding } from '#catalog/standing';
import { planKeyOf, storeHistory } from '#harness/expiring-source';
import { MachineRun, type MachineRunOptions } from '#harness/machine-run';
import { StoredSource } from '#harness/stored-source';
import type { Json } from '#local/integration';
import { backupObjectKey } from '#store/bucket-layout';
import { expires, type Script } from './scripted-tasks.ts';

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const clean of cleanups.splice(0)) await clean();
});

interface Scene {
  days?: number;
  window?: string;
  script?: Script;
  more?: Partial<MachineRunOptions>;
}

/** A full backup a day; of two days everything is kept. */
async function scene({ days = 5, window = '2d', script = expires, more = {} }: Scene = {}) {
  const source = await StoredSource.create({ more: `retention: { window: ${window} }\n` });
  const manifests = await storeHistory(source, days, ['full']);
  const run = new MachineRun({ tasks: { expire: (task) => script(task, source) }, ...more, source });
  cleanups.push(
    () => run.remove(),
    () => source.remove(),
  );
  const left = async () => (await committedBackups(source.store, 'main')).map(({ backup }) => backup);
  return { source, run, left, backups: manifests.map(({ backup }) => backup) };
}

test('what the rules do not keep is removed, recorded by the plan that said so, and told', async () => {
  const { run, left, backups } = await scene();
  const end = await run.run('retention', { source: 'main', requestedBy: 'ada' });
  assert.equal(end.status, 'SUCCEEDED', JSON.stringify(end));
  assert.deepEqual(await left(), backups.slice(2));
  const [task] = run.tasks;
  const { planHash } = task!.input;
  assert.deepEqual(task!.input, { source: 'main', planKey: planKeyOf('run-1'), planHash });
  const { source, deleted, told } = end.output as { source: string; deleted: number; told: string };
  assert.equal(source, 'main');
  assert.ok(deleted > 20, String(deleted));
  for (const backup of backups.slice(0, 2)) assert.match(told, new RegExp(`backup ${backup}: `));
  assert.deepEqual(
    run.evidence.map(({ who, what, outcome, planHash }) => [who, what, outcome, planHash]),
    [['ada', told, 'succeeded', planHash]],
  );
  assert.deepEqual(
    run.notices.map(({ machine, occasion, what, dedupe }) => [machine, occasion, what, dedupe]),
    [['retention', 'success', told, 'retention main']],
  );
});

test('where everything has to stay, no task is started, and nobody needs to hear of it', async () => {
  const { run, left, backups } = await scene({ days: 3, window: '30d' });
  const end = await run.run('retention', {});
  assert.deepEqual([end.status, (end.output as { deleted: number }).deleted], ['SUCCEEDED', 0]);
  assert.deepEqual([run.tasks.length, run.notices.length, run.evidence.length], [0, 0, 0]);
  assert.deepEqual(await left(), backups);
});

test('once more it finds nothing to do', async () => {
  const { run, left, backups } = await scene();
  await run.run('retention', {}, 'first');
  const end = await run.run('retention', {}, 'second');
  assert.deepEqual([end.status, (end.output as { deleted: number }).deleted], ['SUCCEEDED', 0]);
  assert.equal(run.tasks.length, 1);
  assert.deepEqual(await left(), backups.slice(2));
});

test('it does the same when each function is invoked twice', async () => {
  const { run, left, backups } = await scene({ more: { twice: true } });
  assert.equal((await run.run('retention', {})).status, 'SUCCEEDED');
  assert.deepEqual([run.tasks.length, run.notices.length], [1, 1]);
  assert.deepEqual(await left(), backups.slice(2));
});

test('a backup that somebody holds after it was planned stays, and so does everything else', async () => {
  const { run, source, left, backups } = await scene({
    script: async (task, stored) => {
      const at = stored.now.toISOString();
      await putHold(stored.store, {
        ...{ format: 'lifeboat-hold/1', source: 'main', id: backups[0]!, state: 'held', reason: 'an audit' },
        ...{ by: 'grace', at, until: null },
      });
      await expires(task, stored);
    },
  });
  const end = await run.run('retention', {});
  assert.equal(end.error, 'PlanChanged');
  assert.match(end.cause!, new RegExp(`has to stay now: backup ${backups[0]}.*HINT: .*lifeboat expire main`, 's'));
  assert.deepEqual(await left(), backups);
  assert.deepEqual(
    (await readStanding(source.store, 'main')).backups.map(({ state }) => state),
    backups.map(() => 'proven'),
  );
  assert.deepEqual(
    run.notices.map(({ occasion, dedupe }) => [occasion, dedupe]),
    [['failure', 'retention main']],
  );
  assert.deepEqual(
    run.evidence.map(({ outcome, planHash }) => [outcome, typeof planHash]),
    [['failed', 'string']],
  );
});

test('a backup that is being taken is waited for', async () => {
  let lease: Lease | undefined;
  const { run, source, left, backups } = await scene({
    script: async (task, stored) => {
      if (task.attempt === 3) await lease!.release();
      await expires(task, stored);
    },
  });
  lease = await acquireLease(source.store, 'main', 'backup', { holder: { host: 'elsewhere', pid: 1 } });
  cleanups.unshift(() => lease!.release());
  const end = await run.run('retention', {});
  assert.equal(end.status, 'SUCCEEDED', JSON.stringify(end));
  assert.equal(run.tasks.length, 3);
  assert.deepEqual(await left(), backups.slice(2));
});

test('what passes is tried again, and what does not is told with its reason', async () => {
  const passing = await scene({
    script: (task, source) =>
      task.attempt === 1
        ? task.fail({ name: 'StoreUnavailable', message: 'slow down', verdict: 'retry' })
        : expires(task, source),
  });
  assert.equal((await passing.run.run('retention', {})).status, 'SUCCEEDED');
  const lasting = await scene({
    script: (task) => task.fail({ name: 'StoreRefused', message: 'no right', hint: 'give it', verdict: 'operator' }),
  });
  const end = await lasting.run.run('retention', {});
  assert.deepEqual([end.error, end.cause], ['RetentionFailed', 'StoreRefused: no right\nHINT: give it']);
  assert.equal(lasting.run.tasks.length, 1);
});

test('that something is gone which was to stay is a failure, and told', async () => {
  const { run, backups } = await scene({
    script: async (task, source) => {
      await expires(task, source);
      await source.store.delete(backupObjectKey('main', backups[3]!, 'base.tar.000001'));
    },
  });
  const end = await run.run('retention', {});
  assert.equal(end.error, 'ObjectMissing');
  assert.match(end.cause!, new RegExp(`base.tar.000001 of backup ${backups[3]} is not there`));
  assert.deepEqual(
    run.notices.map(({ occasion }) => occasion),
    ['failure'],
  );
});

test('that WAL is gone which was to stay is a failure, too', async () => {
  const { run } = await scene({
    script: async (task, source) => {
      await expires(task, source);
      const keys = (await Array.fromAsync(source.store.list('main/wal/'))).map(({ key }) => key);
      await source.store.delete(keys.at(-3)!);
    },
  });
  const end = await run.run('retention', {});
  assert.equal(end.error, 'WalBroken');
  assert.match(end.cause!, /was to be kept to/);
});

test('most of what there is does not go by itself', async () => {
  const { source, run, left, backups } = await scene({ days: 6 });
  source.pass(30 * 24 * 60);
  const end = await run.run('retention', {});
  assert.equal(end.error, 'MostWouldGo');
  assert.match(
    end.cause!,
    /^of main 5 of 6 backups and dumps and .*\nHINT: nothing was deleted: .*`lifeboat expire main --most`$/,
  );
  assert.deepEqual(await left(), backups);
  assert.deepEqual([run.tasks.length, run.notices.length], [0, 1]);
});

const wrongInputs: [input: Json, message: RegExp][] = [
  [{ source: 'mian' }, /HINT: did you mean "main"\?$/],
  [{ backup: 'x' }, /^backup: "x" is not allowed: expected only the fields source, most, requestedBy, scheduledTime/],
];
for (const [input, message] of wrongInputs) {
  test(`input ${JSON.stringify(input)} is refused by name, and told`, async () => {
    const { run } = await scene({ days: 1 });
    const end = await run.run('retention', input);
    assert.equal(end.error, 'InputInvalid');
    assert.match(end.cause!, message);
    assert.deepEqual([run.tasks.length, run.notices.length], [0, 1]);
  });
}

/** Nothing was removed for a month. */
const neglected = (more: Partial<MachineRunOptions> = {}) => scene({ days: 30, window: '2d', more });

test('most of what there is goes only when somebody else says yes to exactly that', async () => {
  const asked: Record<string, Json>[] = [];
  const { run, left, backups } = await neglected({
    answer: (question) => {
      asked.push(question);
      return { decision: 'approve', by: 'grace', reason: 'the old server is gone' };
    },
  });
  const end = await run.run('retention', { source: 'main', requestedBy: 'ada', most: true });
  assert.deepEqual(run.failures, []);
  assert.equal(end.status, 'SUCCEEDED', JSON.stringify(end));
  assert.ok((await left()).length < backups.length / 2);
  const [question] = asked;
  assert.deepEqual([question!.machine, question!.source, question!.requestedBy], ['retention', 'main', 'ada']);
  assert.match(String(question!.plan), /^MOST OF WHAT THERE IS OF main WOULD BE REMOVED: \d+ of \d+ backups and dumps/);
  const [record] = run.evidence;
  assert.deepEqual([record!.planHash, record!.outcome], [question!.planHash, 'succeeded']);
  assert.equal((record!.approval as { by: string }).by, 'grace');
});

test('a no, or nobody, leaves most of what there is where it is', async () => {
  const refused = await neglected({
    answer: () => ({ decision: 'reject', by: 'grace', reason: 'the clock is wrong' }),
  });
  const end = await refused.run.run('retention', { source: 'main', requestedBy: 'ada', most: true });
  assert.equal(end.error, 'RetentionRejected');
  assert.match(end.cause!, /rejected by grace: the clock is wrong; nothing was deleted/);
  assert.deepEqual(await refused.left(), refused.backups);
  assert.equal(refused.run.evidence[0]!.outcome, 'rejected');
  const silent = await neglected();
  assert.equal((await silent.run.run('retention', { source: 'main', most: true })).error, 'ApprovalExpired');
  assert.deepEqual(await silent.left(), silent.backups);
  assert.equal(silent.run.evidence[0]!.outcome, 'expired');
});

test('whoever says that most may go is asked nothing where it is no more than usual', async () => {
  const { run } = await scene();
  assert.equal((await run.run('retention', { source: 'main', most: true })).status, 'SUCCEEDED');
  assert.deepEqual(
    run.notices.map(({ occasion }) => occasion),
    ['success'],
  );
});
