import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { readTaskFailure, readTaskOutcome } from '#catalog/task-outcome';
import { taskFailureKey } from '#store/bucket-layout';
import { createDirectoryStore } from '#store/directory-store';
import type { ObjectStore } from '#store/object-store';

const key = 'executions/drill/x/drill.json';
let folder: string;
let store: ObjectStore;
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'lifeboat-outcome-'));
  store = await createDirectoryStore(folder);
});
afterEach(() => rmSync(folder, { recursive: true }));

const put = (name: string, content: unknown) => store.put(name, Buffer.from(JSON.stringify(content)));
const at = (second: number) => new Date(Date.UTC(2026, 10, 20, 5, 13, second));
const result = {
  format: 'lifeboat-result/1',
  task: 'drill',
  execution: 'arn',
  startedAt: at(0).toISOString(),
  finishedAt: at(9).toISOString(),
  result: { removed: ['x'] },
};
const failure = (message: string) => ({
  format: 'lifeboat-failure/1',
  failure: { name: 'ConnectionFailed', message, hint: null, verdict: 'retry' },
});

test('a result is read with its times', async () => {
  await put(key, result);
  const outcome = await readTaskOutcome(store, 'drill', key, at(0));
  assert.deepEqual(outcome, { result: { removed: ['x'] }, startedAt: at(0), finishedAt: at(9) });
});

test('no result, another task’s, one of another shape, and what is no JSON are told apart', async () => {
  await assert.rejects(readTaskOutcome(store, 'drill', key, at(0)), { name: 'ResultMissing', verdict: 'permanent' });
  await put(key, { ...result, task: 'restore' });
  await assert.rejects(readTaskOutcome(store, 'drill', key, at(0)), {
    name: 'ObjectDamaged',
    message: `${key} is no result of a drill task`,
  });
  await put(key, { ...result, result: { removed: 'x' } });
  await assert.rejects(readTaskOutcome(store, 'drill', key, at(0)), { name: 'ObjectDamaged' });
  await store.put(key, Buffer.from('{'));
  await assert.rejects(readTaskOutcome(store, 'drill', key, at(0)), { name: 'ObjectDamaged' });
});

test('a result that is older than the execution is of one that had the same name: nothing was done this time', async () => {
  await put(key, result);
  const began = (minutes: number) => readTaskOutcome(store, 'drill', key, new Date(at(9).getTime() + minutes * 60_000));
  await began(9); // clocks differ
  await assert.rejects(began(11), { name: 'ResultMissing', message: /is of an execution of the same name before/ });
});

test('the newest failure of this attempt counts, not one of an earlier attempt or of another step', async () => {
  await put(taskFailureKey(key, at(1)), failure('first'));
  await put(taskFailureKey(key, at(3)), failure('second'));
  await put(taskFailureKey('executions/drill/x/drill-2.json', at(9)), failure('another step'));
  assert.equal((await readTaskFailure(store, key, at(0)))?.message, 'second');
  assert.equal((await readTaskFailure(store, key, at(3)))?.message, 'second');
  assert.equal(await readTaskFailure(store, key, at(4)), undefined);
});
