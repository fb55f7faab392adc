import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { StatusPage } from '#model/notification';
import { pageKey, type StatuspageDeed, toStatuspage } from '#notify/to-statuspage';
import { openSenders } from '#runtime/open-senders';
import { showIncident } from '#runtime/show-incident';
import { notice } from '../notify/notice-sample.ts';
import { httpServer } from './http-server.ts';

interface Incident {
  id: string;
  name: string;
  status: string;
  metadata: unknown;
}

/**
 * As https://developer.statuspage.io/#tag/incidents has it: the key as OAuth, JSON in `incident`, 201 with what was created. `refuse`
 * answers a request with this status.
 */
async function statusPage(refuse: (method: string, count: number) => number | undefined = () => undefined) {
  const incidents: Incident[] = [];
  const components: Record<string, string> = { kctbh9vrtdwd: 'operational' };
  const server = await httpServer((request, response, count) => {
    const answer = (status: number, body: unknown) =>
      void response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    const status = refuse(request.method, count);
    if (status !== undefined) return answer(status, { error: `no hunter2 ${status}` });
    if (request.headers.authorization !== 'OAuth hunter2') return answer(401, { error: 'Could not authenticate' });
    const [, id] = /^\/v1\/pages\/ctm1234\/incidents(?:\/(\w+))?$/.exec(request.url) ?? ['', undefined];
    if (request.method === 'GET' && id === 'unresolved') {
      return answer(
        200,
        incidents.filter((one) => one.status !== 'resolved'),
      );
    }
    const given = request.body === '' ? undefined : JSON.parse(request.body).incident;
    if (!given || Object.values(given.metadata ?? {}).some((value) => typeof value !== 'object')) {
      return answer(422, { error: ['metadata'] });
    }
    Object.assign(components, given.components);
    if (request.method === 'POST' && id === undefined) {
      const created = { ...given, id: `p${incidents.length}`, impact: 'none', created_at: '2026-11-20T05:13:45Z' };
      incidents.push(created);
      return answer(201, created);
    }
    const known = incidents.find((one) => one.id === id);
    if (request.method !== 'PATCH' || !known) return answer(404, { error: 'not found' });
    answer(200, Object.assign(known, given));
  });
  const page: StatusPage = {
    kind: 'statuspage',
    pageId: 'ctm1234',
    apiKey: { from: 'env', name: 'KEY' },
    apiUrl: server.url,
  };
  const show = (changes: Parameters<typeof notice>[0], more: Partial<StatusPage> = {}, key = 'hunter2') =>
    showIncident({ ...page, ...more }, key, toStatuspage(notice(changes), 'id-1'), AbortSignal.timeout(5_000));
  const open = () => incidents.filter(({ status }) => status !== 'resolved').map(({ name }) => name);
  return { ...server, page, show, open, incidents, components };
}

const withComponent = { componentId: 'kctbh9vrtdwd' };
const over = { occasion: 'success', recovered: true } as const;

test('a failure is one incident, however often it is told, and its end resolves it', async () => {
  const { show, open, incidents, received } = await statusPage();
  assert.deepEqual(await show({}), { taken: true });
  assert.deepEqual(await show({}), { taken: true });
  assert.deepEqual(open(), ['main: the backup failed']);
  assert.deepEqual(await show(over), { taken: true });
  assert.deepEqual([open(), incidents.length, incidents[0]!.status], [[], 1, 'resolved']);
  assert.deepEqual(
    received.map(({ method }) => method),
    ['GET', 'POST', 'GET', 'GET', 'PATCH'],
  );
});

test('everybody may read that something failed and since when, and nothing else', async () => {
  const { show, received } = await statusPage();
  await show({ what: 'host db-7.internal refused ada', todo: 'lifeboat backup' });
  const { metadata, ...shown } = JSON.parse(received[1]!.body).incident;
  assert.deepEqual(shown, {
    name: 'main: the backup failed',
    status: 'investigating',
    body: 'Seen by Lifeboat since 2026-11-20T05:13:45.000Z.',
  });
  assert.match(metadata.lifeboat.key, /^[0-9a-f]{32}$/);
});

test('what went well resolves what had failed before, though nobody calls it a recovery', async () => {
  const { show, open } = await statusPage();
  await show({});
  await show({ occasion: 'success' });
  assert.deepEqual(open(), []);
});

test('a component is degraded until the last of our incidents is over', async () => {
  const { show, components } = await statusPage();
  await show({ dedupe: 'a' }, withComponent);
  await show({ dedupe: 'b' }, withComponent);
  assert.deepEqual(components, { kctbh9vrtdwd: 'degraded_performance' });
  await show({ ...over, dedupe: 'a' }, withComponent);
  assert.deepEqual(components, { kctbh9vrtdwd: 'degraded_performance' });
  await show({ ...over, dedupe: 'b' }, withComponent);
  assert.deepEqual(components, { kctbh9vrtdwd: 'operational' });
});

test("people's own incidents are left alone", async () => {
  const { show, incidents, open } = await statusPage();
  incidents.push({ id: 'human', name: 'the network is slow', status: 'identified', metadata: {} });
  incidents.push({ id: 'other', name: 'another tool', status: 'identified', metadata: { lifeboat: 'x' } });
  await show({});
  await show(over);
  assert.deepEqual(open(), ['the network is slow', 'another tool']);
});

test('a test opens nothing, and says what there is', async () => {
  const { show, received } = await statusPage();
  const outcome = await show({ occasion: 'success', dedupe: null });
  assert.deepEqual(outcome, { taken: true, note: 'it would show incidents; 0 of ours are open' });
  assert.deepEqual(
    received.map(({ method }) => method),
    ['GET'],
  );
});

const refusals: [status: number, again: boolean, hint: RegExp | undefined][] = [
  [401, false, /apiKey/],
  [403, false, /right to manage incidents/],
  [404, false, /pageId/],
  [422, false, /componentId/],
  [420, true, undefined],
  [429, true, undefined],
  [500, true, undefined],
];
for (const [status, again, hint] of refusals) {
  for (const method of ['GET', 'POST']) {
    test(`${status} to ${method} is ${again ? 'tried again' : 'for good, with what to do'}`, async () => {
      const { show } = await statusPage((asked) => (asked === method ? status : undefined));
      const outcome = await show({});
      assert.ok(!outcome.taken && outcome.again === again, JSON.stringify(outcome));
      assert.equal(outcome.reason, `HTTP status ${status}`);
      if (hint) assert.match(outcome.hint!, hint);
      assert.doesNotMatch(JSON.stringify(outcome), /hunter2/);
    });
  }
}

test('a page that answers something else, or not at all, is asked again', async () => {
  const html = await httpServer((_, response) => response.end('<html>'));
  const map = await httpServer((_, response) => response.end('{}'));
  const dead = await httpServer((_, response) => response.socket!.destroy());
  const { page } = await statusPage();
  for (const { url } of [html, map, dead]) {
    const deed = toStatuspage(notice(), 'id-1');
    const outcome = await showIncident({ ...page, apiUrl: url }, 'hunter2', deed, AbortSignal.timeout(5_000));
    assert.ok(!outcome.taken && outcome.again, JSON.stringify(outcome));
    assert.doesNotMatch(JSON.stringify(outcome), /hunter2/);
  }
});

test('the key comes from where the plan says', async () => {
  const { page, open } = await statusPage();
  const deed = toStatuspage(notice(), 'id-1');
  const signal = AbortSignal.timeout(5_000);
  assert.deepEqual(await openSenders({ KEY: 'hunter2' }).showIncident(page, deed, signal), { taken: true });
  assert.equal(open().length, 1);
  const missing = await openSenders({}).showIncident(page, deed, signal);
  assert.ok(!missing.taken && /notifications\.apiKey: "env:KEY"/.test(missing.reason), JSON.stringify(missing));
});

test('an update is said once of the incident that there is, opens it where there is none, and its end ends it', async () => {
  const { page, incidents, received } = await statusPage();
  const key = pageKey('incident 20261120-4f2a');
  const show = async (deed: StatuspageDeed) =>
    assert.deepEqual(await showIncident(page, 'hunter2', deed, AbortSignal.timeout(5_000)), { taken: true });
  const update = (body: string) => show({ deed: 'update', key, name: 'orders', body });
  await update('We look into it.');
  await update('It is coming back.');
  assert.equal(incidents.length, 1);
  assert.deepEqual([incidents[0]!.status, incidents[0]!.name], ['identified', 'orders']);
  // as the page lists it, with all that was said of it
  Object.assign(incidents[0]!, { incident_updates: [{ body: 'It is coming back.' }, { body: 'We look into it.' }] });
  await update('It is coming back.');
  await show({ deed: 'resolve', key, body: 'It works again.' });
  await show({ deed: 'resolve', key, body: 'It works again.' });
  assert.equal(incidents[0]!.status, 'resolved');
  assert.deepEqual(
    received.map(({ method }) => method).filter((method) => method !== 'GET'),
    ['POST', 'PATCH', 'PATCH'],
  );
});
