import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { TestDaemon } from '#harness/daemon';
import { until } from '#harness/daemon-process';
import { embeddedInstallation } from '#harness/postgres-installations';
import { TestServer } from '#harness/postgres-server';
import type { Notice } from '#model/notice';
import { channelName } from '#notify/channel-name';
import { type HttpServer, httpServer } from '../runtime/http-server.ts';
import { mailServer } from '../runtime/mail-server.ts';

/** A channel that can be made to hold its answers back. */
async function channel(status = 200): Promise<HttpServer & { held: boolean }> {
  const state = { held: false };
  const server = await httpServer((_, response) => {
    if (!state.held) response.writeHead(status).end();
  });
  return Object.assign(state, server);
}

const [slack, hook, ada, grace, page] = [
  await channel(),
  await channel(),
  await channel(),
  await channel(),
  await channel(401),
];
const mail = await mailServer();

const titles = ({ received }: HttpServer): string[] =>
  received.map(({ body }) => (JSON.parse(body) as Notice).title.replace(/^SEV\d Orders are gone: | after .*/g, ''));

describe('a daemon of a plan with incidents', { timeout: 300_000 }, () => {
  let server: TestServer;
  let daemon: TestDaemon;
  before(async () => {
    server = await TestServer.create(embeddedInstallation(), { initdb: ['--wal-segsize=1'] });
    daemon = new TestDaemon(server, {
      plan: {
        notifications: [
          { kind: 'slack', webhook: 'env:SLACK' },
          { kind: 'webhook', url: 'env:HOOK' },
          {
            ...{ kind: 'email', from: 'a@example.org', to: ['b@example.org'] },
            smtp: { host: '127.0.0.1', port: mail.port },
          },
          { kind: 'statuspage', pageId: 'abc', apiKey: 'env:KEY', apiUrl: page.url },
        ],
        incidents: {
          contacts: [
            { name: 'Ada', webhook: 'env:ADA' },
            { name: 'Grace', webhook: 'env:GRACE', after: '1s' },
            { name: 'Edsger', email: 'edsger@example.org', after: '1h' },
          ],
        },
      },
      environment: { SLACK: slack.url, HOOK: hook.url, ADA: ada.url, GRACE: grace.url, KEY: 'hunter2' },
    });
    await daemon.start();
  });
  after(async () => {
    await daemon?.remove();
    await server?.remove();
  });

  const say = async (...args: string[]) => {
    const ended = await daemon.run(['incident', ...args, '--json']);
    return { ...ended, json: ended.stdout === '' ? {} : JSON.parse(ended.stdout) };
  };
  const open = () => say('open', '--severity', 'SEV1', '--title', 'Orders are gone', '--source', 'orders');

  test('tells the start by every channel at once; what the page refuses is said, and the exit code is 9', async () => {
    const { exitCode, json } = await open();
    assert.equal(exitCode, 9);
    const results = json.telling.told.flatMap((one: { results: object[] }) => one.results);
    const refused = results.filter(({ taken }: { taken: boolean }) => !taken);
    assert.equal(refused.length, 1);
    assert.match(refused[0].hint, /the page does not know the key/);
    assert.deepEqual([titles(hook), titles(ada)], [['started'], ['Ada, nobody has acknowledged']]);
    assert.deepEqual([slack.received.length, mail.received.length], [1, 1]);
    const status = await daemon.run(['status']);
    assert.match(status.stdout, /WRONG +orders: incident \S+, SEV1: Orders are gone; nobody has acknowledged it/);
    assert.match(status.stdout, /do +lifeboat incident ack \S+/);
    const shown = await say('show');
    assert.equal(shown.exitCode, 9);
    assert.match(shown.json.untold[0].reason, /401/);
  });

  test('calls the next one by its own clock, of two who acknowledge one runs it, and the evidence has it', async () => {
    await until('Grace is called', () => grace.received.length > 0, 90_000);
    const answers = await Promise.all(['Ada', 'Grace'].map((name) => say('ack', '--as', name)));
    // 9: the page still refuses; 7: somebody else runs it
    assert.deepEqual(answers.map(({ exitCode }) => exitCode).sort(), [7, 9]);
    const loser = answers.find(({ exitCode }) => exitCode === 7)!;
    assert.match(loser.stdout + loser.stderr, /(Ada|Grace) runs incident .* since/);
    assert.match(loser.stdout + loser.stderr, /--take-over/);
    const said = daemon.evidence().filter(({ what }) => what.startsWith('incident '));
    assert.deepEqual(
      said.map(({ outcome }) => outcome),
      ['opened', 'acknowledged'],
    );
  });

  test('a restore that is asked for names the incident that it is for, and one that is not open is refused', async () => {
    const target = ['restore', '--source', 'orders', '--to', `${daemon.folder}/back`, '--no-wait'];
    const wrong = await daemon.run([...target, '--incident', '20200101-0000']);
    assert.equal(wrong.exitCode, 2, wrong.stderr);
    const [{ id }] = (await say('list')).json.incidents;
    const asked = await daemon.run([...target, '--incident', id]);
    assert.equal(asked.exitCode, 0, asked.stderr);
    const { entries } = (await say('show', id)).json;
    assert.match(entries.at(-1).said.note, /^asked for restore \S+ of orders to /);
  });

  test('killed while a channel has a message and nobody has noted it, the next one tells that once more and the rest once', async () => {
    const updates = ({ received }: HttpServer) => received.filter(({ body }) => body.includes('gone: update 1'));
    hook.held = true;
    const update = daemon.run(['incident', 'update', '--message', 'the restore is at 60%']);
    const slackName = channelName({ kind: 'slack', webhook: { from: 'env', name: 'SLACK' }, on: [] });
    const noted = () => existsSync(join(daemon.bucket, 'notices', updateId(), `${slackName}.json`));
    const updateId = () => String(updates(hook)[0]?.headers['idempotency-key']);
    await until('both channels have it, and that of one is noted', () => updates(hook).length > 0 && noted());
    await daemon.kill9();
    await update;
    hook.held = false;
    await daemon.start();
    await until('it is told again', () => updates(hook).length >= 2, 120_000);
    assert.equal(new Set(updates(hook).map(({ headers }) => headers['idempotency-key'])).size, 1);
    assert.equal(updates(slack).length, 1);
  });

  test('the end is told to all, and to those who were called; nobody else is called after it', async () => {
    const { exitCode, json } = await say('resolve', '--message', 'restored to 02:58', '--as', 'Ada');
    assert.equal(exitCode, 9, JSON.stringify(json));
    for (const one of [hook, ada, grace]) assert.equal(titles(one).at(-1), 'resolved');
    assert.ok(mail.received.every(({ to }) => !to.includes('edsger@example.org')));
    assert.deepEqual((await say('list')).json.incidents, []);
    assert.equal((await say('update', '--message', 'x')).exitCode, 2);
    const [{ resolved }] = (await say('list', '--all')).json.incidents;
    assert.equal(resolved.by, 'Ada');
    assert.equal((await daemon.run(['evidence'])).exitCode, 0);
  });
});
