import assert from 'node:assert/strict';
import { hostname } from 'node:os';
import { after, before, test } from 'node:test';
import type { Context } from 'aws-lambda';
import { readEvidence } from '#catalog/evidence';
import { verifyEvidence } from '#catalog/verify-evidence';
import { handler } from '#functions/record-evidence';
import { type OpenedStore, storeKinds } from '#harness/stores';
import { parsePlan } from '#model/plan';
import { provideWorld } from '#runtime/function-world';

const plan = parsePlan(
  `bucket: /nowhere
encryption: none
sources: { main: { connection: { host: /tmp, user: postgres } } }`,
  'plan.yml',
);
const context = { functionName: 'f', awsRequestId: 'r', invokedFunctionArn: 'a', memoryLimitInMB: '128' } as Context;
const record = (event: object): Promise<unknown> =>
  (handler as unknown as (event: object, context: Context) => Promise<unknown>)(event, context);
let opened: OpenedStore;
before(async () => {
  opened = await storeKinds[0]![1]();
  const now = () => new Date('2026-11-20T06:00:00Z');
  provideWorld({ plan, vault: { store: opened.store, keyRing: undefined }, environment: {}, now });
});
after(() => opened.close());

const approval = { decision: 'approve', by: 'Ada', at: '2026-11-20T05:30:00.000Z', reason: null };

test('what a machine tells is recorded as it stands, once for each id', async () => {
  const restored = {
    ...{ id: 'arn:x restored', who: 'Grace', what: 'restored main', source: 'main', outcome: 'succeeded' },
    ...{
      when: '2026-11-20T05:45:00.5Z',
      execution: 'arn:x',
      planHash: 'ab',
      approval: { ...approval, planHash: 'ab' },
    },
  };
  assert.deepEqual(await record(restored), { key: 'evidence/000000000001.json', sequence: 1, again: false });
  assert.deepEqual(await record({ ...restored, what: 'again' }), {
    ...{ key: 'evidence/000000000001.json', sequence: 1, again: true },
  });
  const failed = { id: 'y', who: null, what: 'x'.repeat(20_000), outcome: 'failed', planHash: null, approval: null };
  await record(failed);
  const [first, second] = await Array.fromAsync(readEvidence(opened.store));
  assert.deepEqual(first, {
    ...{ format: 'lifeboat-evidence/1', sequence: 1, previous: null, ...restored },
    ...{ when: '2026-11-20T05:45:00.500Z', approval, from: hostname() },
  });
  assert.deepEqual(
    [second!.who, second!.when, second!.source, second!.what.length],
    ['somebody', '2026-11-20T06:00:00.000Z', null, 10_000],
  );
  assert.deepEqual(await verifyEvidence(opened.store), { ok: true, records: 2 });
});

test('what auditors ask for is kept: where it lies, how long it took, from where it was asked', async () => {
  const last = async () => (await Array.fromAsync(readEvidence(opened.store))).at(-1)!;
  const asked = { what: 'backed up', source: 'main', outcome: 'succeeded', when: '2026-11-20T05:45:00.5Z' };
  const details = { kind: 'backup', object: '20261120T051345123Z-full', bytes: 7 };
  await record({ ...asked, id: 'audit-1', who: 'schedule', startedAt: '2026-11-20T05:44:00Z', details });
  const backup = await last();
  assert.deepEqual(backup.details, {
    ...details,
    storedAt: '/nowhere/main/backups/20261120T051345123Z-full/',
    verification: null,
  });
  assert.deepEqual(
    [backup.startedAt, backup.durationMs, backup.from],
    ['2026-11-20T05:44:00.000Z', 60_500, 'schedule'],
  );
  await record({ ...asked, id: 'audit-2', details: { ...details, object: '20261120T051345123Z-dump' } });
  assert.match(JSON.stringify((await last()).details), /\/nowhere\/main\/dumps\/20261120T051345123Z-dump\/"/);
  const arn = 'arn:aws:iam::111122223333:user/ada';
  await record({ ...asked, id: 'audit-3', who: arn, details: { kind: 'restore' } });
  assert.deepEqual([(await last()).from, (await last()).details?.kind], [arn, 'restore']);
  await assert.rejects(record({ ...asked, id: 'audit-4', details: { kind: 'lunch' } }), /details/);
});

test('what is missing or wrong is named', async () => {
  await assert.rejects(record({ id: 'z', what: 'x' }), /outcome: nothing is not allowed: expected how it ended/);
  await assert.rejects(record({ id: 'z', what: 'x', outcome: 'y', when: 'today' }), /expected an instant like/);
  await assert.rejects(record({ id: 'z', what: 'x', outcome: 'y', planhash: 'ab' }), /did you mean "planHash"/);
});
