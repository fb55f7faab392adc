import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { TestDaemon } from '#harness/daemon';
import { until } from '#harness/daemon-process';
import { embeddedInstallation } from '#harness/postgres-installations';
import { TestServer } from '#harness/postgres-server';
import { type SlackHooks, startSlackHooks } from '#harness/slack-hooks';
import { formOf, type PostedMessage, pressPayload, type SlackPress, signedHeaders } from '#harness/slack-press';
import { readEndpoint } from '#runtime/daemon-endpoint';
import { httpServer } from '../runtime/http-server.ts';

const secret = '8f742231b10e8888abcd99yyyzzz85a5';

// where the incoming webhook leads
const channel = await httpServer((_, response) => response.end('ok'));

describe('a restore asks people in Slack', { timeout: 300_000 }, () => {
  let server: TestServer;
  let daemon: TestDaemon;
  let hooks: SlackHooks;
  let url: string;
  before(async () => {
    server = await TestServer.create(embeddedInstallation(), { initdb: ['--wal-segsize=1'] });
    hooks = await startSlackHooks();
    const approvers = [
      { name: 'Ada', slack: 'U012ADA34' },
      { name: 'Grace', slack: 'U012GRACE' },
    ];
    const plan = {
      ...{ approvers, fourEyes: true, slack: { signingSecret: 'env:SLACK_SIGNING_SECRET', workspace: 'T012ABCDEF' } },
      notifications: [{ kind: 'slack', webhook: 'env:SLACK_WEBHOOK', on: ['question'] }],
    };
    const environment = { ...hooks.environment, SLACK_SIGNING_SECRET: secret, SLACK_WEBHOOK: `${channel.url}/secret` };
    daemon = new TestDaemon(server, { plan, environment });
    await daemon.start();
    url = `${(await readEndpoint(daemon.state))!.url}/slack`;
    await daemon.succeeded(await daemon.machines.start('backup', { source: 'orders' }, 'the-backup'));
    await daemon.untilStored();
  });
  after(async () => {
    await daemon?.remove();
    await server?.remove();
    await hooks?.close();
  });

  const at = (name: string) => join(daemon.folder, name);

  /** A restore that waits, and the message that asks about it. */
  async function asked(to: string) {
    const { arn, name, question } = await daemon.askedRestore({ to: at(to) });
    let message: PostedMessage | undefined;
    await until('Slack has the question', () => {
      const posted = channel.received.find(({ body }) => body.includes(arn) && body.includes('"actions"'));
      if (posted) message = JSON.parse(posted.body);
      return posted !== undefined;
    });
    return { arn, name, question, message: message! };
  }

  const send = async (body: string, headers: Record<string, string>, method = 'POST') => {
    const response = await fetch(url, { method, headers, ...(method === 'POST' ? { body } : {}) });
    return { status: response.status, body: await response.text() };
  };
  const press = (given: SlackPress) => {
    const body = formOf(pressPayload({ reason: 'seen, orders lost at 09:12', ...given }));
    return send(body, signedHeaders(body, secret));
  };
  const waits = async (arn: string, name: string) => {
    assert.equal((await daemon.machines.describe(arn)).status, 'RUNNING');
    const records = readdirSync(join(daemon.bucket, 'approvals/restore', name));
    assert.deepEqual(records, ['question.json']);
  };

  test('whoever is not Slack changes nothing and learns nothing', async () => {
    const { arn, name, message } = await asked('unsigned');
    const good = formOf(pressPayload({ message, decision: 'approve', user: 'U012ADA34', reason: 'seen' }));
    const seconds = (from: number) => signedHeaders(good, secret, new Date(Date.now() + from * 1000));
    const headers = seconds(0);
    const huge = `payload=${'a'.repeat(7_000_000)}`;
    const tries: [string, Record<string, string>, number, string?][] = [
      [good, {}, 401],
      [good.replace('lifeboat-approve', 'lifeboat-reject'), headers, 401],
      [`${good}&`, headers, 401],
      [good, seconds(-310), 401],
      [good, seconds(310), 401],
      [good, { ...headers, 'x-slack-signature': headers['x-slack-signature']!.replace('v0=', 'v1=') }, 401],
      [good, signedHeaders(good, 'a guess'), 401],
      ['', headers, 405, 'GET'],
      ['', headers, 405, 'HEAD'],
      ['', {}, 405, 'GET'],
    ];
    for (const [body, given, status, method] of tries) {
      assert.deepEqual(await send(body, given, method), { status, body: '' }, `${method} ${JSON.stringify(given)}`);
    }
    // it may be hung up on before all of it was sent
    const long = await send(huge, signedHeaders(huge, secret)).catch(() => ({ status: 413, body: '' }));
    assert.deepEqual(long, { status: 413, body: '' });
    for (const odd of [
      'no form',
      formOf('no JSON'),
      formOf({ type: 'view_submission' }),
      formOf(unknownAction(message)),
    ]) {
      assert.deepEqual(await send(odd, signedHeaders(odd, secret)), { status: 400, body: '' }, odd.slice(0, 60));
    }
    await waits(arn, name);
    assert.match(daemon.log, /POST \/slack was refused with status 401/);
    assert.doesNotMatch(daemon.log, /U012ADA34|lifeboat-approve/);
    await daemon.ask('stop', name);
  });

  const unknownAction = (message: PostedMessage) => {
    const payload = pressPayload({ message, decision: 'approve', user: 'U012ADA34' });
    return { ...payload, actions: [{ ...payload.actions[0], action_id: 'lifeboat-purge' }] };
  };

  test('who may not answer is told so alone, and the restore goes on waiting', async () => {
    const { arn, name, message } = await asked('not-by-them');
    const ada = { message, decision: 'approve', user: 'U012ADA34' } as const;
    const another = JSON.parse(JSON.stringify(message).replaceAll(/[0-9a-f]{64} arn/g, `${'0'.repeat(64)} arn`));
    const foreign = JSON.parse(JSON.stringify(message).replaceAll('local:000000000000', 'local:210987654321'));
    const refusals: [SlackPress, RegExp][] = [
      [{ ...ada, user: 'U012MALLORY' }, /no approver with the member id U012MALLORY/],
      [{ ...ada, workspace: 'T099OTHER' }, /workspace T099OTHER, and the plan names another/],
      [{ ...ada, user: 'U012GRACE' }, /four eyes, and Grace asked for it/],
      [{ ...ada, message: another }, /the plan to answer is [0-9a-f]{12}…, not 0{64}/],
      [{ ...ada, message: foreign }, /one that asks something/],
      [{ ...ada, reason: null }, /needs a reason/],
    ];
    for (const [given, says] of refusals) {
      const { status, body } = await press(given);
      assert.equal(status, 200, body);
      const { response_type, text } = JSON.parse(body);
      assert.equal(response_type, 'ephemeral', text);
      assert.match(text, says);
    }
    await waits(arn, name);
    assert.ok(!existsSync(at('not-by-them')));
    await daemon.ask('stop', name);
  });

  test('a press by an approver restores, Slack is told at its own address, and the same request counts once', async () => {
    const { arn, name, message } = await asked('approved');
    const responseUrl = 'https://hooks.slack.com/actions/T012ABCDEF/1/x';
    const body = formOf(
      pressPayload({ message, decision: 'approve', user: 'U012ADA34', reason: 'orders lost at 09:12', responseUrl }),
    );
    const headers = signedHeaders(body, secret);
    assert.deepEqual(await send(body, headers), { status: 200, body: '' }, daemon.log);
    assert.deepEqual(await send(body, headers), { status: 409, body: '' });
    const { output } = await daemon.succeeded(arn);
    assert.equal((output as { approvedBy: string }).approvedBy, 'Ada');
    assert.ok(existsSync(at('approved/PG_VERSION')));
    const answer = JSON.parse(readFileSync(join(daemon.bucket, 'approvals/restore', name, 'answer.json'), 'utf8'));
    assert.deepEqual(
      [answer.decision, answer.by, answer.slack, answer.reason],
      ['approve', 'Ada', 'U012ADA34', 'orders lost at 09:12'],
    );
    const record = daemon.evidence().find((one) => one.execution === arn);
    const { by, slack, reason } = record!.approval!;
    assert.deepEqual([by, slack, reason], ['Ada', 'U012ADA34', 'orders lost at 09:12']);

    const [told, ...more] = hooks.received;
    assert.deepEqual([told?.url, more.length, hooks.asked], ['/actions/T012ABCDEF/1/x', 0, ['hooks.slack.com:443']]);
    const { replace_original, text, blocks } = told!.body as { replace_original: true; text: string; blocks: object[] };
    assert.deepEqual([replace_original, text], [true, 'Approved by Ada: orders lost at 09:12']);
    assert.doesNotMatch(JSON.stringify(blocks), /"actions"|"input"/);
  });

  test('a no ends it, and where the answer goes is never what a request says that is not Slack', async () => {
    const { arn, message } = await asked('rejected');
    const before = hooks.asked.length;
    const responseUrl = 'https://hooks.slack.com.evil.example/actions/1';
    const given = { message, decision: 'reject', user: 'U012ADA34', reason: 'the wrong hour', responseUrl } as const;
    const { status, body } = await press(given);
    assert.deepEqual([status, JSON.parse(body).text], [200, 'Rejected by Ada: the wrong hour']);
    const { status: ended, error, cause } = await daemon.ended(arn);
    assert.deepEqual([ended, error], ['FAILED', 'RestoreRejected']);
    assert.match(cause!, /the wrong hour/);
    assert.equal(hooks.asked.length, before);
    assert.ok(!existsSync(at('rejected')));
    const again = await press({ ...given, decision: 'approve' });
    assert.match(JSON.parse(again.body).text, /was rejected by Ada .* final/);
  });
});
