import assert from 'node:assert/strict';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { TestDaemon } from '#harness/daemon';
import { embeddedInstallation } from '#harness/postgres-installations';
import { TestServer } from '#harness/postgres-server';
import { filesBelow } from './bad-scene.ts';

describe('a restore that two people have to approve', { timeout: 300_000 }, () => {
  let server: TestServer;
  let daemon: TestDaemon;
  before(async () => {
    server = await TestServer.create(embeddedInstallation(), { initdb: ['--wal-segsize=1'] });
    const approvers = [{ name: 'Ada', email: 'ada@example.org' }, { name: 'Grace' }, { name: 'Edsger' }];
    daemon = new TestDaemon(server, { plan: { approvers, fourEyes: true, approvals: { required: 2 } } });
    await daemon.start();
    await daemon.succeeded(await daemon.machines.start('backup', { source: 'orders' }));
    await daemon.untilStored();
  });
  after(async () => {
    await daemon?.remove();
    await server?.remove();
  });

  const at = (name: string) => join(daemon.folder, name);
  const said = async (args: readonly string[], exitCode = 0): Promise<string> => {
    const ended = await daemon.run(args);
    assert.equal(ended.exitCode, exitCode, `lifeboat ${args.join(' ')}\n${ended.stdout}${ended.stderr}`);
    return ended.stdout + ended.stderr;
  };

  test('waits for the second one, and shows who the first one was wherever it is looked for', async () => {
    const to = at('restored');
    const { arn, name, question } = await daemon.askedRestore({ to });
    const yes = (by: string, why: string) => {
      const plan = question.planHash.slice(0, 12);
      return ['approve', name, '--plan', plan, '--as', by, '--reason', why];
    };
    assert.match(await said(yes('Ada', 'orders are lost')), /has the yes of Ada: 1 more has to say yes\n$/);
    assert.match(await said(yes('ada@example.org', 'once more')), /has the yes of Ada: 1 more/);
    assert.match(await said(yes('grace', 'mine'), 10), /four eyes, and grace asked for it/);
    const { status } = await daemon.machines.describe(arn);
    assert.deepEqual([status, existsSync(to), daemon.tasks('restore').length], ['RUNNING', false, 0]);

    const shown = (await daemon.run(['status'])).stdout;
    assert.match(
      shown,
      /^ {2}has {5}1 yes of 2: 1 more person has to say yes\n {10}yes by Ada at \S+: orders are lost$/m,
    );
    const waiting = await said(['executions', name]);
    assert.match(waiting, /^ {2}asked {8}plan [0-9a-f]{12} at \S+: waits until \S+: 1 of 2 people missing$/m);
    assert.match(waiting, /^ +yes by Ada at \S+: orders are lost$/m);
    const titles = daemon.notices().flatMap(({ occasion, title }) => (occasion === 'question' ? [title] : []));
    assert.deepEqual(titles.length, 2, titles.join('\n'));
    assert.equal(titles.filter((title) => / 1 of 2 said yes$/.test(title)).length, 1, titles.join('\n'));

    assert.match(await said(yes('Edsger', 'seen by me, too')), /is approved by Ada and Edsger: follow it with/);
    const { output } = await daemon.succeeded(arn);
    assert.equal((output as { approvedBy: string }).approvedBy, 'Ada, Edsger');
    assert.ok(existsSync(join(to, 'PG_VERSION')));
    const record = daemon.evidence().find((one) => one.execution === arn);
    assert.deepEqual(
      record?.approvals?.map(({ by, reason }) => [by, reason]),
      [
        ['Ada', 'orders are lost'],
        ['Edsger', 'seen by me, too'],
      ],
    );
    const told = await said(['executions', name]);
    assert.match(told, /^ {2}asked {8}plan [0-9a-f]{12} at \S+: approved by Ada and Edsger at \S+$/m);
    assert.match(told, /✓ approved by Ada: orders are lost; by Edsger: seen by me, too$/m);
  });

  test('is over with one no, which status tells for a day', async () => {
    const { arn, name, question } = await daemon.askedRestore({ to: at('rejected') });
    const answer = (word: string, by: string) => {
      const plan = question.planHash.slice(0, 12);
      return [word, name, '--plan', plan, '--as', by, '--reason', 'the wrong hour'];
    };
    await said(answer('approve', 'Ada'));
    assert.match(await said(answer('reject', 'Edsger')), /is rejected by Edsger; nothing was touched/);
    const { error, cause } = await daemon.ended(arn);
    assert.deepEqual([error, existsSync(at('rejected'))], ['RestoreRejected', false], cause);
    const line = new RegExp(
      `^REJECTED {2}restore of orders, ${name}, plan .*: rejected by Edsger at .*: the wrong hour$`,
      'm',
    );
    assert.match((await daemon.run(['status'])).stdout, line);
    assert.match(await said(answer('approve', 'Ada'), 10), /does not wait for an answer: it is FAILED/);
  });

  test('leaves its token where its owner alone may read it, and nowhere else', async () => {
    const { arn, question } = await daemon.askedRestore({ to: at('never') });
    const file = join(daemon.bucket, 'approval-tokens', `${question.tokenDigest}.json`);
    assert.equal(statSync(file).mode & 0o777, 0o600);
    const { taskToken } = JSON.parse(readFileSync(file, 'utf8')) as { taskToken: string };
    assert.ok(taskToken.length > 20);
    for (const name of filesBelow(daemon.bucket)) {
      const path = join(daemon.bucket, name);
      if (path !== file) assert.ok(!contentOf(path).includes(taskToken), path);
    }
    await daemon.answer(arn, 'reject');
    await daemon.ended(arn);
  });
});

/** The daemon goes on meanwhile: what is gone by now has nothing in it. */
function contentOf(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return Buffer.alloc(0);
    throw error;
  }
}
