import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Notification } from '#model/notification';
import { channelName, describeChannel } from '#notify/channel-name';
import { chooseChannels } from '#notify/choose-channels';
import { decideDedupe, remindAfterMs, type Told, withRepeats } from '#notify/dedupe';
import { notice } from './notice-sample.ts';

const slack: Notification = { kind: 'slack', webhook: { from: 'env', name: 'SLACK' }, on: ['failure', 'question'] };
const topic: Notification = { kind: 'sns', topicArn: 'arn:aws:sns:eu-central-1:123456789012:x', on: ['success'] };

test('a channel is told what it wants to know', () => {
  assert.deepEqual(chooseChannels([slack, topic], notice({ occasion: 'failure' })), [slack]);
  assert.deepEqual(chooseChannels([slack, topic], notice({ occasion: 'success' })), [topic]);
  assert.deepEqual(chooseChannels([slack, topic], notice({ occasion: 'question' })), [slack]);
});

const page: Notification = {
  kind: 'statuspage',
  pageId: 'ctm1234',
  apiKey: { from: 'env', name: 'KEY' },
  apiUrl: 'https://api.statuspage.io',
  on: ['failure'],
};

test('a status page hears of what failed, and of all that may be its end', () => {
  assert.deepEqual(chooseChannels([page], notice({ occasion: 'failure' })), [page]);
  assert.deepEqual(chooseChannels([page], notice({ occasion: 'success', recovered: true })), [page]);
  assert.deepEqual(chooseChannels([page], notice({ occasion: 'success' })), [page]);
  assert.deepEqual(chooseChannels([page], notice({ occasion: 'success', dedupe: null })), []);
  assert.deepEqual(chooseChannels([page], notice({ occasion: 'question' })), []);
  assert.equal(describeChannel(page), 'statuspage (page ctm1234)');
});

test('who was told of a failure is told that it is over', () => {
  assert.deepEqual(chooseChannels([slack, topic], notice({ occasion: 'success', recovered: true })), [slack, topic]);
});

test('a channel keeps its name when the plan is sorted anew or its occasions change, and shows no secret', () => {
  assert.equal(channelName(slack), channelName({ ...slack, on: ['success'] }));
  assert.match(channelName(topic), /^sns-[0-9a-f]{12}$/);
  assert.equal(describeChannel(slack), 'slack (env:SLACK)');
});

const now = new Date('2026-11-20T12:00:00Z');
const told = (changes: Partial<Told> = {}): Told => ({
  id: 'first',
  occasion: 'failure',
  recovered: false,
  at: new Date(now.getTime() - 60_000).toISOString(),
  heldBack: 4,
  ...changes,
});
const decide = (changes: Parameters<typeof notice>[0], before: Told | undefined, id = 'second') =>
  decideDedupe(notice(changes), id, before, now).action;

test('the first of its kind is told, the same soon after is not', () => {
  assert.equal(decide({}, undefined), 'tell');
  assert.equal(decide({}, told()), 'hold back');
  assert.equal(decide({ dedupe: null }, told()), 'tell');
});

test('what goes on is told again after a while, with how often it was held back', () => {
  const at = new Date(now.getTime() - remindAfterMs).toISOString();
  assert.deepEqual(decideDedupe(notice(), 'second', told({ at }), now), { action: 'tell', repeats: 4, since: at });
  assert.match(withRepeats(notice(), 4, at).what, /^the server closed.*\n\nThis was reported 4 times more since/s);
  assert.match(withRepeats(notice(), 1, at).what, /reported once more/);
  assert.equal(withRepeats(notice(), 0, at).what, notice().what);
});

test('"fine again" goes through, but once', () => {
  const over = { occasion: 'success', recovered: true } as const;
  assert.equal(decide(over, told()), 'tell');
  assert.equal(decide(over, undefined), 'tell');
  assert.equal(decide(over, told(over)), 'hold back');
  assert.equal(decide({}, told(over)), 'tell');
});

test('a failure after a success is told, and so is each success and each question', () => {
  assert.equal(decide({}, told({ occasion: 'success' })), 'tell');
  assert.equal(decide({ occasion: 'success' }, told({ occasion: 'success' })), 'tell');
  assert.equal(decide({ occasion: 'question' }, told({ occasion: 'question' })), 'tell');
});

test('the very notice that was told is told again to those who have not taken it', () => {
  assert.equal(decide({}, told(), 'first'), 'tell');
});

test('a clock that was set back holds nothing back', () => {
  assert.equal(decide({}, told({ at: new Date(now.getTime() + 1).toISOString() })), 'tell');
});
