import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { readEvidence } from '#catalog/evidence';
import { addToIncident, listOpenIncidents } from '#catalog/incidents';
import type { IncidentDeed } from '#model/incident';
import type { Notice } from '#model/notice';
import type { Notification } from '#model/notification';
import { type Clock, realClock } from '#notify/clock';
import { createDirectoryStore } from '#store/directory-store';
import type { ObjectStore } from '#store/object-store';
import { type HttpServer, httpServer } from './http-server.ts';
import { mailServer } from './mail-server.ts';
import { called, on, opened, tell, webhook } from './tell-incidents-scene.ts';

const folders: string[] = [];
after(() => {
  for (const folder of folders) rmSync(folder, { recursive: true });
});

function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'lifeboat-incidents-'));
  folders.push(folder);
  return folder;
}

const newStore = (): Promise<ObjectStore> => createDirectoryStore(newFolder());
const hook = (status = () => 200) => httpServer((_, response) => response.writeHead(status()).end());
const titles = ({ received }: HttpServer): string[] =>
  received.map(({ body }) => (JSON.parse(body) as Notice).title.split(': ').at(-1)!);
const say = (store: ObjectStore, id: string, said: IncidentDeed) =>
  addToIncident(store, id, { by: 'Ada', at: new Date().toISOString() }, () => said);
const update: IncidentDeed = { deed: 'updated', message: '60%', publicMessage: null, severity: null };
const resolved: IncidentDeed = { deed: 'resolved', message: 'restored', publicMessage: null };

/** `minutes` later than it is. */
const later = (minutes: number): Clock => ({ ...realClock, nowMs: () => Date.now() + minutes * 60_000 });

test('start, update and resolution come through every channel, each once, however often it is asked for', async () => {
  const [store, slack, toHook, mail] = [await newStore(), await hook(), await hook(), await mailServer()];
  const notifications: Notification[] = [
    webhook,
    { kind: 'slack', webhook: { from: 'env', name: 'SLACK' }, on },
    { kind: 'email', from: 'a@example.org', to: ['b@example.org'], smtp: { host: '127.0.0.1', port: mail.port }, on },
  ];
  const environment = { HOOK: toHook.url, SLACK: slack.url };
  const twice = async () => {
    for (let time = 0; time < 2; time++) await tell(store, environment, { notifications });
  };
  const id = await opened(store);
  await twice();
  await say(store, id, update);
  await twice();
  await say(store, id, resolved);
  await twice();
  assert.deepEqual(
    titles(toHook).map((title) => title.replace(/after .*/, 'after')),
    ['started', 'update 1', 'resolved after'],
  );
  assert.equal(slack.received.length, 3);
  assert.equal(mail.received.length, 3);
  const threads = mail.received.map(({ source }) => /^References: (.*)$/im.exec(source)?.[1]);
  assert.equal(new Set(threads).size, 1);
  // told to everybody: nobody has to look at it any more
  assert.deepEqual(await listOpenIncidents(store), []);
});

test('what was said is evidence, once for each entry, whoever tells', async () => {
  const [store, toHook] = [await newStore(), await hook()];
  const id = await opened(store);
  await say(store, id, { deed: 'acknowledged' });
  for (let time = 0; time < 3; time++) await tell(store, { HOOK: toHook.url });
  const records = [];
  for await (const { who, what, outcome, source } of readEvidence(store, 0))
    records.push({ who, what, outcome, source });
  assert.deepEqual(records, [
    {
      who: 'grace',
      what: `incident ${id}: opened as SEV1: Orders cannot be placed`,
      outcome: 'opened',
      source: 'orders',
    },
    { who: 'Ada', what: `incident ${id}: acknowledged`, outcome: 'acknowledged', source: 'orders' },
  ]);
});

test('contacts are called in order until somebody acknowledges, and hear of the end', async () => {
  const [store, all, ada, grace, edsger] = [await newStore(), await hook(), await hook(), await hook(), await hook()];
  const environment = { HOOK: all.url, ADA: ada.url, GRACE: grace.url, EDSGER: edsger.url };
  const contacts = [called('Ada', 'ADA'), called('Grace', 'GRACE', 15), called('Edsger', 'EDSGER', 30)];
  const look = (minutes: number) => tell(store, environment, { contacts, clock: later(minutes) });
  const id = await opened(store);
  await look(0);
  await look(14);
  assert.deepEqual([ada.received.length, grace.received.length], [1, 0]);
  await look(16);
  await say(store, id, { deed: 'acknowledged' });
  await look(29);
  for (const one of [all, ada, grace]) assert.match(titles(one).at(-1)!, /Ada runs it$/);
  await look(31);
  // a reminder to Ada, who runs it, at her own place
  assert.match(titles(ada).at(-1)!, /^Ada, an update is due$/);
  await say(store, id, resolved);
  await look(32);
  const counts = [all, ada, grace, edsger].map(({ received }) => received.length);
  assert.deepEqual(counts, [3, 4, 3, 0]);
});

test('a channel that is down is tried again each time, and the others are told once', async () => {
  let status = 503;
  const [store, down, fine] = [await newStore(), await hook(() => status), await hook()];
  const notifications: Notification[] = [webhook, { kind: 'webhook', url: { from: 'env', name: 'FINE' }, on }];
  const environment = { HOOK: down.url, FINE: fine.url };
  await opened(store);
  const { told } = await tell(store, environment, { notifications });
  assert.deepEqual(
    told[0]!.results.map(({ taken }) => taken),
    [false, true],
  );
  const [listed] = await listOpenIncidents(store);
  assert.match(listed!.untold[0]!.reason, /503/);
  assert.doesNotMatch(JSON.stringify(listed), new RegExp(down.url));
  status = 200;
  await tell(store, environment, { notifications });
  await tell(store, environment, { notifications });
  assert.equal(fine.received.length, 1);
  assert.deepEqual(titles(down).slice(-1), ['started']);
  assert.deepEqual((await listOpenIncidents(store))[0]!.untold, []);
});

test('a status page that refuses the key keeps nobody from being told, and says what to do', async () => {
  const [store, page, toHook] = [await newStore(), await hook(() => 401), await hook()];
  const statuspage: Notification = {
    ...{ kind: 'statuspage', pageId: 'abc', apiKey: { from: 'env', name: 'KEY' }, apiUrl: page.url },
    on: ['failure'],
  };
  const id = await opened(store);
  const environment = { HOOK: toHook.url, KEY: 'hunter2' };
  const { told } = await tell(store, environment, { notifications: [webhook, statuspage] });
  const [, refused] = told[0]!.results;
  assert.ok(refused && !refused.taken);
  assert.match(`${refused.reason} ${refused.hint}`, /401.*check apiKey in the plan/);
  assert.deepEqual(titles(toHook), ['started']);
  await say(store, id, resolved);
  await tell(store, environment, { notifications: [webhook, statuspage] });
  // tried for a day: then nobody waits for the page any more
  assert.equal((await listOpenIncidents(store)).length, 1);
  await tell(store, environment, { notifications: [webhook, statuspage], clock: later(25 * 60) });
  assert.deepEqual(await listOpenIncidents(store), []);
  assert.equal(toHook.received.length, 2);
});

test('of two that tell at the same time one does, and the other leaves it to that one', async () => {
  const release = Promise.withResolvers<void>();
  const came = Promise.withResolvers<void>();
  const slow = await httpServer((_, response) => {
    came.resolve();
    void release.promise.then(() => response.end());
  });
  const store = await newStore();
  await opened(store);
  const first = tell(store, { HOOK: slow.url });
  await came.promise;
  assert.deepEqual(await tell(store, { HOOK: slow.url }), { busy: true, told: [] });
  release.resolve();
  assert.equal((await first).busy, false);
  assert.equal(slow.received.length, 1);
});

test('killed between a message and its record, the next one tells that message once more, with the same mark', async () => {
  const came = Promise.withResolvers<void>();
  let isHeld = true;
  const toHook = await httpServer((_, response) => {
    came.resolve();
    if (!isHeld) response.end();
  });
  const folder = newFolder();
  const store = await createDirectoryStore(folder);
  await opened(store);
  const program = fileURLToPath(new URL('tell-incidents-child.ts', import.meta.url));
  const child = spawn(process.execPath, [program, folder, toHook.url], { stdio: 'inherit' });
  await came.promise;
  child.kill('SIGKILL');
  await once(child, 'close');
  isHeld = false;
  assert.equal((await tell(store, { HOOK: toHook.url })).busy, true);
  for (let time = 0; time < 2; time++) await tell(store, { HOOK: toHook.url }, { clock: later(1) });
  const marks = toHook.received.map(({ headers }) => headers['idempotency-key']);
  assert.equal(marks.length, 2);
  assert.equal(new Set(marks).size, 1);
});

test('one that cannot be read keeps the others from nothing', async () => {
  const [store, toHook] = [await newStore(), await hook()];
  const broken = await opened(store, 'the broken one');
  await opened(store, 'the other one');
  await store.put(`incidents/${broken}/000001.json`, Buffer.from('{}'));
  await assert.rejects(tell(store, { HOOK: toHook.url }), /is not the record that it should be/);
  assert.deepEqual(
    toHook.received.map(({ body }) => (JSON.parse(body) as Notice).title),
    ['SEV1 the other one: started'],
  );
});
