import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { noticeSchema, printNotice } from '#model/notice';
import type { Notification } from '#model/notification';
import { parseSchedule } from '#model/schedule';
import { findingsOf, type Measured } from '#model/watch-findings';
import { ChannelRest } from '#notify/channel-rest';
import { echoKeysOf } from '#notify/echo';
import { findingNotice } from '#notify/finding-notice';
import { readNotice } from '#notify/read-notice';
import { tellNotice } from '#notify/tell-notice';
import { noticeRecords } from '#runtime/notice-records';
import { openSenders } from '#runtime/open-senders';
import { createDirectoryStore } from '#store/directory-store';
import { httpServer } from '../runtime/http-server.ts';
import { alarmOf, executionArn, executionEvent, executionsTrigger, metricTrigger } from './aws-messages.ts';
import { notice } from './notice-sample.ts';
import { quickClock } from './quick-clock.ts';

const hook: Notification = { kind: 'webhook', url: { from: 'env', name: 'HOOK' }, on: ['failure', 'question'] };

/** Messages of a topic, as the function `tell` gets them: each by itself, in any order. */
async function listener({ onPause }: { onPause?: () => Promise<unknown> } = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'lifeboat-echo-'));
  after(() => rmSync(folder, { recursive: true, force: true }));
  const store = await createDirectoryStore(folder);
  let answers = true;
  const { url, received } = await httpServer((_, response) => response.writeHead(answers ? 200 : 404).end());
  const quick = quickClock();
  const pause = async (ms: number, signal?: AbortSignal) => {
    // deliver's limits are pauses, too, and have a signal
    if (!signal) await onPause?.();
    return quick.pause(ms, signal);
  };
  const clock = { ...quick, pause };
  const now = () => new Date(clock.nowMs());
  const records = noticeRecords(store, { here: new Set(), now, onFailure: assert.fail });
  const tell = async (id: string, message: string) => {
    const { notice: read, echo } = readNotice(message);
    const options = { senders: openSenders({ HOOK: url }), records, rest: new ChannelRest(), clock, random: () => 0 };
    return (await tellNotice(read, id, [hook], { ...options, echo })).heldBack ? 'held back' : 'told';
  };
  return {
    ...{ tell, received, clock },
    answer: (yes: boolean) => {
      answers = yes;
    },
  };
}

const ofMachine = printNotice(
  notice({ execution: executionArn, machine: 'backup', subject: 'main', dedupe: 'backup main' }),
);
const failed = JSON.stringify(executionEvent('FAILED', { error: 'BackupFailed', cause: 'main: no route' }));

test('a machine that told its failure is not told again by its execution, nor by an alarm', async () => {
  const { tell, received } = await listener();
  assert.equal(await tell('1', ofMachine), 'told');
  assert.equal(await tell('2', failed), 'held back');
  assert.equal(await tell('3', JSON.stringify(alarmOf(executionsTrigger('lifeboat-prod_backup')))), 'held back');
  assert.equal(received.length, 1);
});

test('a machine that could not tell is told by its execution, and then not by an alarm', async () => {
  const { tell, received, clock } = await listener();
  assert.equal(await tell('1', failed), 'told');
  assert.ok(clock.paused.length > 0, 'it waits for the notice that may come');
  assert.equal(await tell('2', JSON.stringify(alarmOf(executionsTrigger('lifeboat-prod_backup')))), 'held back');
  assert.match(received[0]!.body, /the backup machine died: BackupFailed/);
  assert.equal(received.length, 1);
});

test('an event that overtakes the notice waits for it', async () => {
  let own: Promise<string> | undefined;
  const { tell, received } = await listener({
    onPause: () => {
      own ??= tell('2', ofMachine);
      return own;
    },
  });
  assert.equal(await tell('1', failed), 'held back');
  assert.equal(await own, 'told');
  assert.equal(received.length, 1);
});

test('a notice that was held back itself, since the same was told before, counts as told', async () => {
  const { tell } = await listener();
  assert.equal(await tell('1', printNotice(notice({ dedupe: 'backup main', execution: null }))), 'told');
  assert.equal(await tell('2', ofMachine), 'held back');
  assert.equal(await tell('3', failed), 'held back');
});

test('the failure of another execution is told', async () => {
  const { tell } = await listener();
  await tell('1', ofMachine);
  const other = executionEvent('FAILED', { executionArn: `${executionArn}x`, error: 'BackupFailed' });
  assert.equal(await tell('2', JSON.stringify(other)), 'told');
});

test('what its machine cannot have told is told, whatever it told before', async () => {
  const { tell } = await listener();
  await tell('1', ofMachine);
  assert.equal(await tell('2', JSON.stringify(executionEvent('TIMED_OUT'))), 'told');
});

test('an event that comes twice is told once; one that no channel took is told when it comes again', async () => {
  const { tell, received, answer } = await listener();
  answer(false);
  assert.equal(await tell('1', failed), 'told');
  answer(true);
  assert.equal(await tell('1', failed), 'told');
  assert.equal(await tell('2', failed), 'held back');
  assert.equal(received.length, 2);
});

test('an alarm of what nobody told is told with its end, one of what was told is not, and neither is its end', async () => {
  const { tell } = await listener();
  const alarm = alarmOf(metricTrigger('RpoSeconds', 'main'));
  const over = { ...alarm, NewStateValue: 'OK' };
  assert.equal(await tell('1', JSON.stringify(over)), 'held back');
  assert.equal(await tell('2', JSON.stringify(alarm)), 'told');
  assert.equal(await tell('3', JSON.stringify(over)), 'told');
  const other = alarmOf(metricTrigger('RpoSeconds', 'other'), { AlarmName: 'lifeboat-prod-rpo-other' });
  await tell('4', printNotice(notice({ subject: 'other', machine: null, execution: null, dedupe: 'rpo other' })));
  assert.equal(await tell('5', JSON.stringify(other)), 'held back');
  assert.equal(await tell('6', JSON.stringify({ ...other, NewStateValue: 'OK' })), 'held back');
});

test('an alarm of a trouble that was told long ago reminds of it', async () => {
  const { tell, clock } = await listener();
  await tell('1', printNotice(notice({ machine: null, execution: null, dedupe: 'rpo main' })));
  await clock.pause(7 * 3_600_000);
  assert.equal(await tell('2', JSON.stringify(alarmOf(metricTrigger('RpoSeconds', 'main')))), 'told');
});

/** Everything that can be wrong with a source at once. */
const since = '2026-11-20T05:00:00.000Z';
const wrong: Measured = {
  source: {
    name: 'main',
    schedules: { full: parseSchedule('rate(1 hour)'), timezone: 'UTC', windowMinutes: 0 },
    tier: { rpoMs: 1, rtoMs: 1 },
  },
  now: new Date('2026-11-20T12:00:00Z'),
  watchedSince: new Date('2026-11-01T00:00:00Z'),
  exposure: { lossMs: 5_000, reason: 'it is slow' },
  exposedSince: since,
  rto: {
    ms: 5_000,
    phasesMs: { files: 1, replay: 1, checks: 1 },
    drills: 1,
    newestDrillAt: since,
    confidence: 'good',
    basis: 'x',
  },
  backups: [],
  standings: [{ backup: '20261120T050000000Z-full' as never, state: 'broken', reason: 'x', since, tried: null }],
  damaged: [],
  gap: { after: '0/1', missing: '000000010000000000000001', next: null, since },
  still: { since, storedTo: '0/1', flushed: '0/2' },
  unreachable: undefined,
};
const told: [metric: string, kind: string][] = [
  ['RpoSeconds', 'rpo-above-tier'],
  ['Restorable', 'rpo-above-tier'],
  ['RtoSeconds', 'rto-above-tier'],
  ['WalLagSeconds', 'receiver-still'],
  ['WalGaps', 'wal-gap'],
  ['BrokenBackups', 'damage'],
  ['OverdueBackups', 'backup-overdue'],
];
for (const [metric, kind] of told) {
  test(`an alarm over ${metric} repeats the watch's finding ${kind}`, () => {
    const finding = findingsOf(wrong).find((one) => one.kind === kind)!;
    const keys = echoKeysOf(noticeSchema.parse(findingNotice(finding)));
    const { echo } = readNotice(JSON.stringify(alarmOf(metricTrigger(metric, 'main'))));
    assert.ok(keys.includes(echo!.key), `${echo!.key} is none of ${keys.join(', ')}`);
  });
}
