import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { StoredSource } from '#harness/stored-source';
import { provideWorld } from '#runtime/function-world';

process.env.POWERTOOLS_LOG_LEVEL ??= 'SILENT';
const [{ handler: plan }, { handler: recheck }] = await Promise.all([
  import('#functions/plan-restore'),
  import('#functions/recheck-restore'),
]);
const context = { functionName: 'x', awsRequestId: 'y' } as never;

let source: StoredSource;
beforeEach(async () => {
  source = await StoredSource.create();
  await source.backup();
  await source.commit();
  provideWorld(source.world);
});
afterEach(() => source.remove());

const planned = async () => {
  const { request, planHash, decided } = await plan({ input: { to: '/srv/restored' } }, context);
  return { request, planHash, decided };
};

test('the plan that was approved is found again, however often', async () => {
  const approved = await planned();
  await source.commit();
  for (let times = 0; times < 2; times++) {
    assert.deepEqual(await recheck(approved, context), { planHash: approved.planHash });
  }
});

test('another plan is told by what differs', async () => {
  const approved = await planned();
  const decided = JSON.stringify({ ...JSON.parse(approved.decided), action: 'pause' });
  await assert.rejects(async () => recheck({ ...approved, decided, planHash: 'a'.repeat(64) }, context), {
    name: 'PlanChanged',
    message: /is not the one that was approved: action was pause and is promote\nHINT: nothing was touched/,
  });
});

test('the same plan to another place, over what lies there or with other settings is not what was approved', async () => {
  const approved = await planned();
  for (const change of [{ to: '/srv/other' }, { setAside: true }, { settings: { work_mem: '1GB' } }]) {
    const other = { ...approved, request: { ...approved.request, ...change } };
    await assert.rejects(async () => recheck(other, context), { name: 'PlanChanged' });
  }
});

test('the plan text is short enough to be asked with, whatever is asked for', async () => {
  const settings = Object.fromEntries(Array.from({ length: 20 }, (_, at) => [`setting_${at}`, 'x'.repeat(50)]));
  const { planText } = await plan(
    { input: { to: `/${'x'.repeat(3000)}`, settings, reason: 'r'.repeat(500) } },
    context,
  );
  assert.ok(planText.length <= 4600);
});

test('what a task could not be given is refused before anybody is asked', async () => {
  const settings = Object.fromEntries(Array.from({ length: 100 }, (_, at) => [`setting_${at}`, 'x'.repeat(50)]));
  await assert.rejects(async () => plan({ input: { to: '/srv/restored', settings } }, context), {
    name: 'InputInvalid',
    message: /^input: "\d+ bytes" is not allowed: expected at most 5000 bytes/,
  });
});

test('a request that nobody planned is refused by the field that is wrong', async () => {
  const { request, ...rest } = await planned();
  const wrong = { ...rest, request: { ...request, setAside: 'yes' } };
  await assert.rejects(async () => recheck(wrong, context), {
    name: 'InputInvalid',
    message: /^request\.setAside: "yes"/,
  });
});
