import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import type { Notification } from '#model/notification';
import { ChannelRest } from '#notify/channel-rest';
import { realClock } from '#notify/clock';
import { requireDelivered } from '#notify/notice-undelivered';
import { tellNotice } from '#notify/tell-notice';
import { sendTestNotice } from '#notify/test-notice';
import { noticeRecords } from '#runtime/notice-records';
import { openSenders } from '#runtime/open-senders';
import { createDirectoryStore } from '#store/directory-store';
import type { ObjectStore } from '#store/object-store';
import { httpServer } from '../runtime/http-server.ts';
import { mailServer } from '../runtime/mail-server.ts';
import { notice } from './notice-sample.ts';

const folders: string[] = [];
after(() => {
  for (const folder of folders) rmSync(folder, { recursive: true });
});

function newStore(): Promise<ObjectStore> {
  const folder = mkdtempSync(join(tmpdir(), 'lifeboat-notices-'));
  folders.push(folder);
  return createDirectoryStore(folder);
}

const on: Notification['on'] = ['failure', 'question'];
const slack: Notification = { kind: 'slack', webhook: { from: 'env', name: 'SLACK' }, on };
const webhook: Notification = { kind: 'webhook', url: { from: 'env', name: 'HOOK' }, on };
const email = (port: number): Notification => ({
  kind: 'email',
  from: 'lifeboat@example.org',
  to: ['dba@example.org'],
  smtp: { host: '127.0.0.1', port },
  on,
});

function teller(
  store: ObjectStore,
  environment: Record<string, string>,
  more: { timeoutMs?: number; totalMs?: number } = {},
) {
  const failures: unknown[] = [];
  const records = noticeRecords(store, {
    here: new Set(),
    now: () => new Date(),
    onFailure: (one) => failures.push(one),
    patienceMs: 300,
  });
  const options = {
    senders: openSenders(environment),
    records,
    rest: new ChannelRest(),
    clock: realClock,
    random: () => 0,
    ...more,
  };
  return { options, failures };
}

test('each channel gets it in its own form; told again, none of them twice', async () => {
  const [toSlack, toHook, mails] = [
    await httpServer((_, r) => r.end()),
    await httpServer((_, r) => r.end()),
    await mailServer(),
  ];
  const store = await newStore();
  const environment = { SLACK: toSlack.url, HOOK: toHook.url };
  const channels = [slack, webhook, email(mails.port)];
  const first = await tellNotice(notice(), 'id-1', channels, teller(store, environment).options);
  assert.deepEqual(
    first.results.map(({ taken }) => taken),
    [true, true, true],
  );
  assert.equal(JSON.parse(toSlack.received[0]!.body).blocks[0].type, 'header');
  assert.deepEqual(JSON.parse(toHook.received[0]!.body), notice());
  assert.equal(toHook.received[0]!.headers['idempotency-key'], 'id-1');
  const again = await tellNotice(notice(), 'id-1', channels, teller(store, environment).options);
  assert.deepEqual(again, { heldBack: false, results: [] });
  assert.deepEqual([toSlack.received.length, toHook.received.length, mails.received.length], [1, 1, 1]);
});

test('a webhook that never answers does not hold back the mail, and only it is tried again', async () => {
  let answers = false;
  const dead = await httpServer((_, response) => {
    if (answers) response.end();
  });
  const mails = await mailServer();
  const store = await newStore();
  const environment = { HOOK: dead.url };
  const channels = [webhook, email(mails.port)];
  const telling = tellNotice(
    notice(),
    'id-1',
    channels,
    teller(store, environment, { timeoutMs: 1_500, totalMs: 2_000 }).options,
  );
  const begun = performance.now();
  while (mails.received.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  assert.ok(performance.now() - begun < 1_400);
  const { results } = await telling;
  assert.throws(() => requireDelivered(results), {
    name: 'NoticeUndelivered',
    message: 'not told to webhook (env:HOOK): no answer in 1.5 s',
    verdict: 'retry',
  });
  answers = true;
  const again = await tellNotice(notice(), 'id-1', channels, teller(store, environment).options);
  assert.deepEqual(
    again.results.map(({ channel }) => channel.split('-')[0]),
    ['webhook'],
  );
  assert.equal(mails.received.length, 1);
});

test('no secret is in what is thrown, whatever goes wrong', async () => {
  const secret = 'T0SECRET';
  const echo = await httpServer((request, response) => response.writeHead(404).end(request.url));
  const environments = [
    { HOOK: `https://127.0.0.1:1/${secret}` },
    { HOOK: `not a url ${secret}` },
    { HOOK: `http://${secret}@127.0.0.1/` },
    { HOOK: `http://127.0.0.1:99999/${secret}` },
    { HOOK: `${echo.url}/${secret}` },
    {},
  ];
  for (const environment of environments) {
    const { options } = teller(await newStore(), environment as Record<string, string>, {
      timeoutMs: 500,
      totalMs: 400,
    });
    const { results } = await tellNotice(notice(), 'id', [webhook], options);
    assert.throws(
      () => requireDelivered(results),
      (error: Error & { hint: string; cause: unknown }) => {
        assert.doesNotMatch(`${error.stack} ${error.hint} ${JSON.stringify(error)} ${error.cause}`, new RegExp(secret));
        assert.match(error.message, /^not told to webhook \(env:HOOK\): /);
        return true;
      },
    );
  }
});

test('the same soon after is held back and counted, the end of it is told', async () => {
  const { url, received } = await httpServer((_, response) => response.end());
  const store = await newStore();
  const { options } = teller(store, { HOOK: url });
  const tell = (changes: Parameters<typeof notice>[0], id: string) =>
    tellNotice(notice(changes), id, [webhook], options);
  await tell({}, 'id-1');
  assert.equal((await tell({}, 'id-2')).heldBack, true);
  assert.equal((await tell({}, 'id-3')).heldBack, true);
  assert.equal((await tell({ dedupe: 'other' }, 'id-4')).heldBack, false);
  assert.equal((await options.records.lastTold('backup main'))!.heldBack, 2);
  assert.equal((await tell({ occasion: 'success', recovered: true }, 'id-5')).heldBack, false);
  assert.equal((await tell({}, 'id-6')).heldBack, false);
  assert.equal(received.length, 4);
});

test('what came to nobody holds nothing back', async () => {
  const { url } = await httpServer((_, response) => response.writeHead(404).end());
  const { options } = teller(await newStore(), { HOOK: url });
  await tellNotice(notice(), 'id-1', [webhook], options);
  assert.equal((await tellNotice(notice(), 'id-2', [webhook], options)).heldBack, false);
});

test('a success that nobody wants to hear ends what was told before it', async () => {
  const { url, received } = await httpServer((_, response) => response.end());
  const { options } = teller(await newStore(), { HOOK: url });
  for (const [id, occasion] of [
    ['1', 'failure'],
    ['2', 'success'],
    ['3', 'failure'],
  ] as const) {
    await tellNotice(notice({ occasion }), id, [webhook], options);
  }
  assert.equal(received.length, 2);
});

test('a bucket that fails or never answers keeps nobody from being told, and in one process nothing is told twice', async () => {
  const { url, received } = await httpServer((_, response) => response.end());
  const broken = { url: '/nowhere' } as ObjectStore;
  for (const name of ['put', 'get', 'head'] as const) {
    broken[name] = async () => {
      throw new Error('the bucket is gone');
    };
  }
  const { options, failures } = teller(broken, { HOOK: url });
  await tellNotice(notice(), 'id-1', [webhook], options);
  await tellNotice(notice(), 'id-1', [webhook], options);
  assert.equal(received.length, 1);
  assert.ok(failures.length > 0);
  const silent = { url: '/nowhere' } as ObjectStore;
  for (const name of ['put', 'get', 'head'] as const) silent[name] = () => new Promise<never>(() => undefined);
  await tellNotice(notice({ dedupe: null }), 'id-2', [webhook], teller(silent, { HOOK: url }).options);
  assert.equal(received.length, 2);
});

test('two channels that lead to the same place are told once', async () => {
  const { url, received } = await httpServer((_, response) => response.end());
  const { options } = teller(await newStore(), { HOOK: url });
  await tellNotice(notice(), 'id-1', [webhook, { ...webhook, on: ['failure'] }], options);
  assert.equal(received.length, 1);
});

test('a test goes to each channel, whatever it wants to hear, and says how that went', async () => {
  const { url, received } = await httpServer((_, response) => response.end());
  const mails = await mailServer();
  const channels: Notification[] = [slack, { ...webhook, on: ['question'] }, email(mails.port)];
  const senders = openSenders({ SLACK: url });
  const results = await sendTestNotice(channels, { senders, host: 'db1' });
  assert.deepEqual(
    results.map(({ label, taken }) => [label, taken]),
    [
      ['slack (env:SLACK)', true],
      ['webhook (env:HOOK)', false],
      [`email (dba@example.org through 127.0.0.1:${mails.port})`, true],
    ],
  );
  assert.match(JSON.stringify(results), /an environment variable that is set/);
  assert.match(received[0]!.body, /this is a test/);
});
