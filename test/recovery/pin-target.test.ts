import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { StoredSource } from '#harness/stored-source';
import { formatLsn } from '#model/lsn';
import { parseTarget, printInstant, type TargetInput } from '#model/recovery-target';
import { pinTarget } from '#recovery/pin-target';
import { preparePlan } from '#recovery/prepare-plan';

let source: StoredSource;
beforeEach(async () => {
  source = await StoredSource.create();
});
afterEach(() => source.remove());

const planOf = async (target: TargetInput) => {
  const { plan, hash, facts } = await preparePlan(
    source.world.vault,
    'main',
    parseTarget(target),
    new AbortController().signal,
  );
  const base = facts.backups.find(({ backup }) => backup === plan.chain.at(-1))!;
  return { plan, hash, pinned: pinTarget(plan, base) };
};

/** What is pinned leads to the same plan now, after more WAL and another backup, and when it is pinned again. */
async function assertStays(target: TargetInput): Promise<TargetInput> {
  const { pinned } = await planOf(target);
  const before = await planOf(pinned);
  for (let more = 0; more < 3; more++) await source.commit();
  await source.backup();
  await source.commit();
  const after = await planOf(pinned);
  assert.equal(after.hash, before.hash);
  assert.deepEqual(before.pinned, pinned);
  assert.deepEqual(after.pinned, pinned);
  return pinned;
}

test('the latest point becomes the position of the last record', async () => {
  const { backup } = await source.backup();
  const last = await source.commit();
  assert.deepEqual(await assertStays({}), { lsn: formatLsn(last.lsn), action: 'promote', timeline: '1', backup });
});

test('where nothing follows the backup the latest point is its end', async () => {
  const { backup } = await source.backup();
  assert.deepEqual(await assertStays({}), { immediate: true, action: 'promote', timeline: '1', backup });
});

test('a time that a commit follows stays a time, with its microseconds and its side', async () => {
  const { backup } = await source.backup();
  const { micros } = await source.commit();
  await source.commit();
  const time = printInstant(micros + 17n);
  const pinned = await assertStays({ time, exclusive: true, action: 'pause' });
  assert.deepEqual(pinned, { time, exclusive: true, action: 'pause', timeline: '1', backup });
});

test('a time that no commit follows becomes the position that it is now', async () => {
  const { backup } = await source.backup();
  const { micros, lsn } = await source.commit();
  const pinned = await assertStays({ time: printInstant(micros), exclusive: false });
  assert.deepEqual(pinned, { lsn: formatLsn(lsn), action: 'promote', timeline: '1', backup });
});

test('a transaction and a position stay what they are', async () => {
  const { backup } = await source.backup();
  const first = await source.commit();
  await source.commit();
  const way = { action: 'promote', timeline: '1', backup };
  assert.deepEqual(await assertStays({ xid: String(first.xid) }), { xid: String(first.xid), ...way });
  const lsn = formatLsn(first.lsn);
  assert.deepEqual(await assertStays({ lsn, exclusive: true }), { lsn, exclusive: true, ...way });
});

test("a backup's end stays that backup's end", async () => {
  const { backup } = await source.backup();
  await source.commit();
  assert.deepEqual(await assertStays({ immediate: true }), {
    immediate: true,
    action: 'promote',
    timeline: '1',
    backup,
  });
});
