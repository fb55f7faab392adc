import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import { readBackup } from '#catalog/backups';
import { hasExpired } from '#catalog/has-expired';
import { indexObject } from '#catalog/index-object';
import { readCatalog } from '#catalog/projection';
import { readStanding } from '#catalog/standing';
import { performExpire, planAndPut, storeHistory } from '#harness/expiring-source';
import { MachineRun } from '#harness/machine-run';
import { StoredSource } from '#harness/stored-source';
import { parseObjectKey } from '#model/object-key';
import { manifestKey } from '#store/bucket-layout';
import type { ObjectStore } from '#store/object-store';
import { finds, type Script, shows } from '../statemachines/scripted-tasks.ts';

const cleanups: (() => unknown)[] = [];
afterEach(() => {
  for (const clean of cleanups.splice(0)) clean();
});

async function scene() {
  const source = await StoredSource.create({ more: 'retention: { window: 2d }\n' });
  cleanups.push(() => source.remove());
  const manifests = await storeHistory(source, 5, ['full']);
  const expire = async () => {
    const { hash } = await planAndPut(source, 'expiry');
    await performExpire(source, { execution: 'expiry', planHash: hash });
  };
  return { source, first: manifests[0]!.backup, last: manifests.at(-1)!.backup, expire };
}

async function run(source: StoredSource, task: string, script: Script) {
  const machine = new MachineRun({ source, tasks: { [task]: (call) => script(call, source) } });
  cleanups.push(() => machine.remove());
  return machine;
}

const states = async ({ store }: StoredSource) =>
  Object.fromEntries((await readStanding(store, 'main')).backups.map(({ backup, state }) => [backup, state]));

test('a backup that retention removed has expired; one that somebody took away has not', async () => {
  const { source, first, last, expire } = await scene();
  assert.equal(await hasExpired(source.store, 'main', first), false);
  await expire();
  assert.equal(await hasExpired(source.store, 'main', first), true);
  await assert.rejects(readBackup(source.store, 'main', first), { name: 'InputInvalid' });
  await source.store.delete(manifestKey('main', last));
  assert.equal(await hasExpired(source.store, 'main', last), false);
  await assert.rejects(readBackup(source.store, 'main', last), { name: 'ObjectMissing' });
});

test('one that expires while it is verified is not broken, and the verification says why it ended', async () => {
  const { source, first, expire } = await scene();
  const machine = await run(source, 'verify-part', async (task, stored) => {
    await expire();
    await finds(['base.tar.000001 is not there'])(task, stored);
  });
  const end = await machine.run('verify', { source: 'main', backup: first, drill: false });
  assert.equal(end.error, 'BackupExpired');
  assert.match(end.cause!, /was removed by retention while it was read back/);
  assert.equal((await states(source))[first], undefined);
  assert.ok(Object.values(await states(source)).every((state) => state === 'proven'));
});

test('one that expires while a scrub reads it is no failure of the scrub', async () => {
  const { source, first, expire } = await scene();
  Object.assign(source.plan.sources[0]!.schedules, { scrub: 'rate(30 days)' });
  let expired = false;
  const machine = await run(source, 'verify-part', async (task, stored) => {
    if (task.input.backup === first && !expired) {
      expired = true;
      await expire();
    }
    await finds(task.input.backup === first ? ['gone'] : [])(task, stored);
  });
  const end = await machine.run('scrub', {});
  // the second one went with it, before it was begun
  assert.equal(end.status, 'SUCCEEDED', JSON.stringify(end));
  assert.deepEqual([...new Set(Object.values(await states(source)))], ['proven']);
});

test('one that expires while it is restored for a look is not broken', async () => {
  const { source, first, expire } = await scene();
  const failure = { name: 'ObjectMissing', message: 'base.tar.000001 is not there' };
  const machine = await run(source, 'drill', async (task, stored) => {
    await expire();
    await shows({ ok: false, verdict: 'broken', failure, reached: null, checks: [], backup: first, chain: [first] })(
      task,
      stored,
    );
  });
  const end = await machine.run('drill', { source: 'main', backup: first });
  assert.equal(end.error, 'DrillFailed');
  assert.match(end.cause!, /BackupExpired: backup .* was removed by retention while it was restored/);
  assert.equal((await states(source))[first], undefined);
});

test('the event of a manifest that came late brings nothing back', async () => {
  const { source, first, expire } = await scene();
  const object = parseObjectKey(manifestKey('main', first))!;
  assert.equal(await indexObject(source.store, object), 'indexed');
  // it is read, and then it goes, before what was read gets into the catalog
  let reads = 0;
  const store: ObjectStore = new Proxy(source.store, {
    get(target, name: keyof ObjectStore) {
      const member = target[name];
      if (typeof member !== 'function') return member;
      if (name !== 'head') return member.bind(target);
      return async (key: string) => {
        if (key === 'catalog/main/backups.json' && ++reads === 1) await expire();
        return target.head(key);
      };
    },
  });
  assert.equal(await indexObject(store, object), 'gone');
  const { backups } = await readCatalog(source.store, 'main');
  assert.ok(!backups.some(({ backup }) => backup === first));
  assert.equal(await indexObject(source.store, object), 'gone');
});
