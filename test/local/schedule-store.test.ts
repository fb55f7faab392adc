import assert from 'node:assert/strict';
import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { systemClock } from '#local/clock';
import { stateOf } from '#local/schedule-state';
import { scheduleFile } from '#local/schedule-store';
import { parseSchedule } from '#model/schedule';

const state = stateOf(
  undefined,
  { expression: parseSchedule('rate(1 day)'), timezone: 'Europe/Berlin' },
  new Date('2026-11-20T05:13:45.123Z'),
);

let folder: string;
let path: string;
let said: string[];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lifeboat-schedules-'));
  path = join(folder, 'schedules.json');
  said = [];
});
afterEach(() => rm(folder, { recursive: true }));

const say = (message: string) => said.push(message);
const open = () => scheduleFile(path, { clock: systemClock, log: { info: say, warn: say, error: say } });

test('what was saved is loaded, by whoever comes next, and is for our eyes alone', async () => {
  assert.deepEqual(await open().load(), {});
  const last = { scheduledTime: '2026-11-20T05:13:45.000Z', state: 'starting' as const };
  await open().save({ a: state, b: { ...state, last } });
  assert.deepEqual(await open().load(), { a: state, b: { ...state, last } });
  assert.equal((await stat(path)).mode & 0o777, 0o600);
  assert.deepEqual(said, []);
});

test('what was saved before schedules had zones is in UTC', async () => {
  const { timezone: _, ...old } = state;
  await writeFile(path, JSON.stringify({ format: 'lifeboat-schedules/1', schedules: { a: old } }));
  assert.deepEqual(await open().load(), { a: { ...state, timezone: 'UTC' } });
});

test('of many saves at once the newest is what is there, and each answers when it is', async () => {
  const store = open();
  const saves = Array.from({ length: 200 }, (_, n) =>
    store.save({ [`s${n}`]: state }).then(async () => {
      const [name] = Object.keys((await open().load()) ?? {});
      assert.ok(Number(name!.slice(1)) >= n);
    }),
  );
  await Promise.all(saves);
  assert.deepEqual(Object.keys(await open().load()), ['s199']);
  assert.deepEqual(await readdir(folder), ['schedules.json']);
});

test('a save that fails says so, and the next one works', async () => {
  const store = open();
  await store.save({ a: state });
  await rm(folder, { recursive: true });
  await assert.rejects(store.save({ b: state }), { code: 'ENOENT' });
  folder = await mkdtemp(folder);
  await chmod(folder, 0o700);
  await writeFile(join(folder, 'x'), '');
  path = join(folder, 'schedules.json');
  const next = open();
  await next.save({ c: state });
  assert.deepEqual(Object.keys(await next.load()), ['c']);
});

test('a file that cannot be understood is set aside and kept, and this is said', async () => {
  for (const content of ['', '{"format":"lifeboat-schedules/1"', '{"format":"lifeboat-schedules/9","schedules":{}}']) {
    await writeFile(path, content);
    assert.deepEqual(await open().load(), {});
    assert.match(
      said.at(-1)!,
      /schedules\.json cannot be understood: it is now .*schedules\.json\.damaged-\d{8}T\d{9}Z/,
    );
    const aside = said.at(-1)!.match(/it is now (\S+),/)![1]!;
    assert.equal(await readFile(aside, 'utf8'), content);
  }
});
