import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import type { Notice } from '#model/notice';
import type { Notification } from '#model/notification';
import { allowMessage, type Spent } from '#notify/channel-budget';
import { ChannelRest } from '#notify/channel-rest';
import { tellNotice } from '#notify/tell-notice';
import { noticeRecords } from '#runtime/notice-records';
import { openSenders } from '#runtime/open-senders';
import { createDirectoryStore } from '#store/directory-store';
import { httpServer } from '../runtime/http-server.ts';
import { notice } from './notice-sample.ts';
import { quickClock } from './quick-clock.ts';

const at = (minutes: number) => new Date(Date.parse('2026-11-20T12:00:00Z') + minutes * 60_000);

/** So many messages at once, and what came of each. */
function spend(count: number, now: Date, before?: Spent) {
  let spent = before;
  const allowances = Array.from({ length: count }, () => {
    const allowance = allowMessage(spent, now);
    spent = allowance.spent;
    return allowance;
  });
  return { spent: spent!, allowances, allowed: allowances.filter(({ isAllowed }) => isAllowed) };
}

test('a channel gets thirty messages in ten minutes, and the last of them says that there are more', () => {
  const { allowed, spent } = spend(1_000, at(0));
  assert.equal(allowed.length, 30);
  assert.deepEqual(new Set(allowed.slice(0, 29).map(({ remark }) => remark)), new Set([null]));
  assert.match(
    allowed[29]!.remark!,
    /^This is message 30 since .*: no more are sent here before 2026-11-20T12:10:00\.000Z/,
  );
  assert.deepEqual([spent.sent, spent.heldBack], [30, 970]);
});

test('afterwards the next one says how many there were', () => {
  const before = spend(35, at(0)).spent;
  const { allowed } = spend(2, at(10), before);
  assert.match(allowed[0]!.remark!, /^5 messages were not sent here after 2026-11-20T12:00:00\.000Z/);
  assert.equal(allowed[1]!.remark, null);
  assert.match(allowMessage({ ...before, heldBack: 1 }, at(11)).remark!, /^One message was not sent/);
});

test('a clock that was set back holds nothing back', () => {
  assert.ok(allowMessage(spend(40, at(0)).spent, at(-1)).isAllowed);
});

async function listener() {
  const folder = mkdtempSync(join(tmpdir(), 'lifeboat-budget-'));
  after(() => rmSync(folder, { recursive: true, force: true }));
  const store = await createDirectoryStore(folder);
  const { url, received } = await httpServer((_, response) => response.end());
  const clock = quickClock();
  const hook: Notification = { kind: 'webhook', url: { from: 'env', name: 'HOOK' }, on: ['failure', 'question'] };
  /** Each as a function of its own: they share nothing but the bucket. */
  const tell = (id: string, one: Notice) => {
    const now = () => new Date(clock.nowMs());
    const records = noticeRecords(store, { here: new Set(), now, onFailure: assert.fail });
    const options = { senders: openSenders({ HOOK: url }), records, rest: new ChannelRest(), clock, random: () => 0 };
    return tellNotice(one, id, [hook], options);
  };
  return { tell, received, clock };
}

const failure = (index: number) => notice({ dedupe: `overdue s${index} full`, subject: `s${index}` });

test('a flood of notices, told by many functions at the same time, comes to thirty messages', async () => {
  const { tell, received } = await listener();
  const told = await Promise.all(Array.from({ length: 60 }, (_, index) => tell(`id-${index}`, failure(index))));
  assert.equal(received.length, 30);
  assert.equal(received.filter(({ body }) => /This is message 30 since/.test(body)).length, 1);
  // whoever is kept back counts as told: it does not come again
  const results = told.flatMap((telling) => telling.results);
  assert.ok(results.every(({ taken }) => taken));
  assert.equal(results.filter((result) => result.taken && /too many/.test(result.note ?? '')).length, 30);
  const kept = told.findIndex(({ results: [one] }) => one!.tries === 0);
  await tell(`id-${kept}`, failure(kept));
  assert.equal(received.length, 30);
});

test('a question is asked however much was told', async () => {
  const { tell, received } = await listener();
  for (let index = 0; index < 31; index++) await tell(`id-${index}`, failure(index));
  await tell('question', notice({ occasion: 'question', dedupe: 'question x', title: 'approve?' }));
  assert.equal(JSON.parse(received.at(-1)!.body).title, 'approve?');
});

test('after ten minutes people hear how much they were spared', async () => {
  const { tell, received, clock } = await listener();
  for (let index = 0; index < 33; index++) await tell(`id-${index}`, failure(index));
  await clock.pause(10 * 60_000);
  await tell('later', failure(99));
  assert.match(JSON.parse(received.at(-1)!.body).what, /\n\n3 messages were not sent here after /);
});
