import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { putQuestion } from '#catalog/approvals';
import { putHold } from '#catalog/holds';
import { acquireLease } from '#catalog/lease';
import { gatherRetentionFacts } from '#catalog/retention-facts';
import { countedStore } from '#harness/counted-store';
import { storeHistory } from '#harness/expiring-source';
import { StoredSource } from '#harness/stored-source';
import { executionArn } from '#model/arn';
import { backupId } from '#model/backup-id';
import { parsePlan } from '#model/plan';
import { backupObjectKey, manifestKey } from '#store/bucket-layout';

let source: StoredSource;
beforeEach(async () => {
  source = await StoredSource.create({ more: 'retention: { window: 2d }\n' });
});
afterEach(() => source.remove());

const gather = (store = source.store, plan = source.plan) => gatherRetentionFacts(store, plan, 'main', source.now);

test('what is there is told as it is: how good, what it builds on, how far it leads', async () => {
  const manifests = await storeHistory(source, 4);
  const { backups, systems, ...others } = await gather();
  assert.deepEqual(
    backups.map(({ id, parent, state }) => ({ id, parent, state })),
    manifests.map(({ backup, parent }) => ({ id: backup, parent, state: 'proven' })),
  );
  const ends = backups.map(({ leadsTo }) => leadsTo?.getTime());
  assert.ok(ends[0]! > backups[3]!.at.getTime(), 'the first leads beyond the last');
  assert.equal(new Set(ends).size, 1);
  const [system] = systems;
  assert.deepEqual(
    [systems.length, system?.systemId, system?.timelines.map(({ timeline, path }) => ({ timeline, path }))],
    [1, manifests[0]!.server.systemId, [{ timeline: 1, path: { timeline: 1, ancestors: [] } }]],
  );
  assert.deepEqual(others, {
    ...{ source: 'main', timezone: 'UTC', lockDays: 0, dumps: [], bestDump: 'proven' },
    ...{ leftovers: [], unreadable: [], held: [], asked: [] },
  });
});

test('what is held, asked about, unreadable or left over is told, too', async () => {
  const { backup } = await source.backup();
  const at = source.now.toISOString();
  const hold = { format: 'lifeboat-hold/1', source: 'main', id: backup, state: 'held', reason: 'audit' } as const;
  await putHold(source.store, { ...hold, by: 'ada', at, until: null });
  const execution = executionArn('restore', 'r1');
  const plan = `recovery plan of main\n  from         ${backup}\n`;
  for (const other of ['main', 'others']) {
    await putQuestion(
      source.store,
      { machine: 'restore', name: other },
      {
        ...{
          format: 'lifeboat-question/1',
          execution: `${execution}${other}`,
          machine: 'restore',
          source: other,
          plan,
        },
        ...{ planHash: 'a'.repeat(64), requestedBy: 'ada', askedAt: at, taskToken: other },
        expiresAt: new Date(source.now.getTime() + 1000).toISOString(),
      },
    );
  }
  const bad = backupId(new Date('2026-01-01T00:00:00Z'), 'full');
  const left = backupId(new Date('2026-01-02T00:00:00Z'), 'incr');
  await source.store.put(manifestKey('main', bad), Buffer.from('{'));
  await source.store.put(backupObjectKey('main', left, 'base.tar.000000'), Buffer.from('x'));
  const facts = await gather();
  assert.deepEqual(facts.held, [{ id: backup, reason: 'audit' }]);
  assert.deepEqual(facts.asked, [{ execution: `${execution}main`, ids: [backup] }]);
  assert.deepEqual(
    facts.unreadable.map(({ id, why }) => [id, /is not a manifest/.test(why)]),
    [[bad, true]],
  );
  assert.deepEqual(facts.leftovers, [{ id: left, startedAt: new Date('2026-01-02T00:00:00Z'), busy: false }]);
});

test('a leftover is busy while somebody has the lease who may have begun it', async () => {
  const startedAt = new Date(source.now.getTime() + 1_000);
  for (const at of [startedAt, new Date(source.now.getTime() - 7 * 24 * 3_600_000)])
    await source.store.put(backupObjectKey('main', backupId(at, 'full'), 'base.tar.000000'), Buffer.from('x'));
  const holder = { host: 'here', pid: 1 };
  const lease = await acquireLease(source.store, 'main', 'backup', { holder, now: () => source.now });
  const busy = async () => (await gather()).leftovers.map((leftover) => leftover.busy);
  assert.deepEqual(await busy(), [false, true]);
  await lease.release();
  assert.deepEqual(await busy(), [false, false]);
});

test('the lock of a deployed bucket counts, and one that nobody made does not', async () => {
  const lines = `bucket: stack\nencryption: none\nsources:\n  main:\n    connection: { host: h, user: u }\n`;
  const aws =
    'retention: { window: 2d }\nstorage: { lock: { days: 9d } }\naws: { stack: lifeboat-prod, region: eu-central-1 }\n';
  const deployed = parsePlan(`${lines}${aws}`, 'plan.yml');
  assert.equal((await gather(source.store, deployed)).lockDays, 9);
});

test('without retention in the plan nobody works anything out', async () => {
  const plan = parsePlan(`bucket: b\nencryption: none\nsources:\n  main:\n    connection: { host: h, user: u }\n`, 'p');
  await assert.rejects(gather(source.store, plan), { name: 'InputInvalid', message: /main has none/ });
});

test('what it costs does not grow with the age of the source', async () => {
  const requests = async () => {
    const { store, counts } = countedStore(source.store);
    await gather(store);
    const { head, get, listed } = counts;
    return { head, get, listed };
  };
  await storeHistory(source, 4);
  const few = await requests();
  await storeHistory(source, 8, ['full']);
  const { listed, ...many } = await requests();
  assert.deepEqual(many, { head: few.head, get: few.get });
  // one folder for each backup more
  assert.equal(listed, few.listed + 8);
});
