import assert from 'node:assert/strict';
import { test } from 'node:test';
import { withAlarm } from '#local/start-alarm';
import type { NoticeInput } from '#model/notice';
import { printNotice } from '#model/notice';

const watch = { function: 'watch', input: {} };
const minute = 60_000;

function scene() {
  let nowMs = Date.parse('2026-11-20T03:00:00Z');
  let broken: Error | undefined = new Error('s3://bucket: cannot be reached');
  let refused = false;
  const told: NoticeInput[] = [];
  const publish = async (notice: NoticeInput): Promise<void> => {
    if (refused) throw new Error('no space left');
    told.push(JSON.parse(printNotice(notice)));
  };
  const clock = { now: () => nowMs, sleep: async () => undefined };
  const start = withAlarm(
    async () => {
      if (broken) throw broken;
    },
    { publish, clock },
  );
  return {
    told,
    /** once a minute */
    async pass(minutes: number): Promise<void> {
      for (let passed = 0; passed < minutes; passed++) {
        const tried = start(watch, new Date(nowMs), 'watch-1');
        if (broken) await assert.rejects(tried, broken);
        else await tried;
        nowMs += minute;
      }
    },
    repair: () => {
      broken = undefined;
    },
    refuse: (now: boolean) => {
      refused = now;
    },
  };
}

test('a watch that fails for a moment is not told', async () => {
  const { pass, told, repair } = scene();
  await pass(5);
  repair();
  await pass(10);
  assert.deepEqual(told, []);
});

test('a watch that fails for five minutes is told once, with the reason, and that it works again', async () => {
  const { pass, told, repair } = scene();
  await pass(60);
  assert.equal(told.length, 1);
  const { occasion, subject, what, since, dedupe } = told[0]!;
  assert.deepEqual([occasion, subject, since], ['failure', 'watch', '2026-11-20T03:00:00.000Z']);
  assert.match(String(what), /^s3:\/\/bucket: cannot be reached\n\nUntil it works again, nobody is told/);
  repair();
  await pass(2);
  assert.equal(told.length, 2);
  assert.deepEqual([told[1]!.recovered, told[1]!.dedupe], [true, dedupe]);
  assert.match(String(told[1]!.what), /works again after 1h/);
});

test('what goes on is told again every six hours', async () => {
  const { pass, told } = scene();
  await pass(13 * 60);
  assert.equal(told.length, 3);
});

test('where it cannot be told either, it is told as soon as it can be', async () => {
  const { pass, told, refuse } = scene();
  refuse(true);
  await pass(20);
  refuse(false);
  await pass(1);
  assert.equal(told.length, 1);
});
