import assert from 'node:assert/strict';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, beforeEach, describe, test } from 'node:test';
import type { Context } from 'aws-lambda';
import { readMatters } from '#catalog/matters';
import { listEndedQuestions, listOpenQuestions, listRestoring, rebuildOpenQuestions } from '#catalog/open-questions';
import { describeMatters } from '#cli/asked-by';
import { handler as answer } from '#functions/answer-approval';
import { handler as ask } from '#functions/ask-approval';
import { type AnsweredTokens, startAnsweredTokens } from '#harness/answered-tokens';
import { storeKinds } from '#harness/stores';
import type { NoticeInput } from '#model/notice';
import { parsePlan } from '#model/plan';
import { provideWorld } from '#runtime/function-world';
import { answerKey, approvalFolder, approvalTokensFolder, openQuestionsKey, questionKey } from '#store/bucket-layout';
import type { ObjectStore } from '#store/object-store';
import { readObject } from '#store/read-object';

const planOf = (more: string) =>
  parsePlan(
    `bucket: /nowhere
encryption: none
approvers: [{ name: Ada, email: ada@example.org }, { name: Grace }, { name: Edsger }, { name: Barbara }]
sources: { main: { connection: { host: /tmp, user: postgres } } }
${more}`,
    'plan.yml',
  );
const plan = planOf('fourEyes: true\napprovals: { required: 1, restore: { required: 2 } }');
const execution = 'arn:aws:states:local:000000000000:execution:restore:lost-orders';
const name = { machine: 'restore', name: 'lost-orders' };
const [planHash, otherHash] = ['ab'.repeat(32), 'cd'.repeat(32)];
const asked = {
  ...{ execution, machine: 'restore', source: 'main', planHash, plan: 'restore main to 05:13' },
  ...{ requestedBy: 'Barbara', taskToken: 'token-1', expiresInSeconds: 3600 },
};

const context = { functionName: 'f', awsRequestId: 'r', invokedFunctionArn: 'a', memoryLimitInMB: '128' } as Context;
const call = (handler: unknown, event: object): Promise<Record<string, unknown>> =>
  (handler as (event: object, context: Context) => Promise<Record<string, unknown>>)(event, context);

for (const [kind, open] of storeKinds) {
  describe(`approvals of several people in ${kind}`, () => {
    let steps: AnsweredTokens;
    let store: ObjectStore;
    let close: () => Promise<void>;
    let clock = new Date('2026-11-20T05:00:00Z');
    let untold: string | undefined;
    const notices: NoticeInput[] = [];
    const provide = (given = plan) =>
      provideWorld({
        plan: given,
        vault: { store, keyRing: undefined },
        environment: steps.environment,
        now: () => clock,
        publish: async (notice) => {
          if (untold !== undefined) throw new Error(untold);
          notices.push(notice);
        },
      });
    before(async () => {
      steps = await startAnsweredTokens();
    });
    beforeEach(async () => {
      await close?.();
      ({ store, close } = await open());
      steps.answers.length = 0;
      steps.over.clear();
      notices.length = 0;
      untold = undefined;
      clock = new Date('2026-11-20T05:00:00Z');
      provide();
    });
    after(async () => {
      await close();
      await steps.close();
    });
    const answering = (by: string, more: object = {}) =>
      call(answer, { execution, decision: 'approve', plan: planHash, reason: `${by} has looked`, by, ...more });
    const later = (seconds: number) => {
      clock = new Date(clock.getTime() + seconds * 1000);
    };
    const sent = () => steps.answers.map(({ token }) => token);

    test('go on with the last one that is needed, and with everybody who said yes', async () => {
      await call(ask, asked);
      const { yes, missing } = await answering('Ada');
      assert.deepEqual([yes, missing, sent()], [['Ada'], 1, []]);
      const [open] = await listOpenQuestions(store, clock);
      const at = clock.toISOString();
      assert.deepEqual([open?.required, open?.yes], [2, [{ by: 'Ada', at, reason: 'Ada has looked' }]]);
      assert.equal(notices.length, 2);
      assert.match(notices[1]!.title, /: 1 of 2 said yes$/);
      assert.match(String(notices[1]!.what), /May answer: Grace, Edsger\.\n/);
      later(60);
      await answering('Grace');
      const approvals = [
        { decision: 'approve', by: 'Ada', reason: 'Ada has looked', at },
        { decision: 'approve', by: 'Grace', reason: 'Grace has looked', at: clock.toISOString() },
      ];
      assert.deepEqual(steps.answers, [{ token: 'token-1', output: { ...approvals[1], planHash, approvals } }]);
      assert.deepEqual(await listOpenQuestions(store, clock), []);
      assert.deepEqual((await listRestoring(store, clock)).length, 1);
      assert.equal(notices.length, 2, 'the last yes is no question any more');
      const keys = (await Array.fromAsync(store.list(approvalFolder('restore', 'lost-orders')))).map(({ key }) => key);
      assert.deepEqual(
        keys.sort(),
        [
          answerKey('restore', 'lost-orders', 1),
          answerKey('restore', 'lost-orders', 1, 2),
          questionKey('restore', 'lost-orders', 1),
        ].sort(),
      );
    });

    test('are not those of one person, under whatever name, nor of who asked', async () => {
      await call(ask, asked);
      for (const by of ['Ada', 'ada@example.org', ' ADA ']) assert.equal((await answering(by)).missing, 1);
      await assert.rejects(answering('barbara'), /four eyes, and barbara asked for it/);
      assert.deepEqual([sent(), notices.length], [[], 2]);
    });

    test('end with one no, also of who said yes', async () => {
      await call(ask, asked);
      await answering('Ada');
      const no = await answering('Ada', { decision: 'reject', reason: 'wrong hour' });
      assert.deepEqual([no.decision, no.missing], ['reject', 0]);
      await assert.rejects(answering('Grace'), /was rejected by Ada at \S+, and that is final/);
      assert.deepEqual(
        steps.answers.map(({ output }) => (output as { decision: string }).decision),
        ['reject'],
      );
      const ended = async () => (await listEndedQuestions(store, clock)).map(({ outcome, why }) => [outcome, why]);
      assert.deepEqual(await ended(), [['rejected', `rejected by Ada at ${clock.toISOString()}: wrong hour`]]);
      await store.delete(openQuestionsKey);
      await rebuildOpenQuestions(store, clock);
      assert.equal((await ended()).length, 1);
      later(25 * 3600);
      assert.deepEqual(await ended(), []);
    });

    test('are asked for a reason, unless the plan lets it be', async () => {
      await call(ask, asked);
      for (const reason of [undefined, ' ', '…'])
        await assert.rejects(
          answering('Ada', { reason }),
          /a yes needs a reason, which is kept as evidence\nHINT: say why .* --reason TEXT/,
        );
      await assert.rejects(answering('Ada', { decision: 'reject', reason: null }), /a no needs a reason/);
      provide(planOf('approvals: { required: 2, reason: optional }'));
      assert.equal((await answering('Ada', { reason: null })).missing, 1);
    });

    test('at the same time are as many as are needed, and one answer to the machine', async () => {
      await call(ask, { ...asked, requestedBy: 'schedule' });
      const people = ['Ada', 'Grace', 'Edsger', 'Barbara', 'ada@example.org'];
      const endings = await Promise.allSettled(people.map((by) => answering(by)));
      const refused = endings.filter(({ status }) => status === 'rejected');
      assert.equal(steps.answers.length, 1);
      const { approvals } = steps.answers[0]!.output as { approvals: { by: string }[] };
      assert.equal(new Set(approvals.map(({ by }) => by.replace('ada@example.org', 'Ada'))).size, 2);
      assert.ok(refused.length >= 2, `${refused.length} refused`);
    });

    test('given before the state was retried count with those given after', async () => {
      await call(ask, asked);
      await answering('Ada');
      steps.over.add('token-1');
      await call(ask, { ...asked, taskToken: 'token-2' });
      assert.match(notices.at(-1)!.title, /1 of 2 said yes$/);
      await answering('Grace');
      assert.deepEqual(sent(), ['token-2']);
      assert.deepEqual(await call(ask, { ...asked, taskToken: 'token-3' }), { execution, number: 3, answered: true });
      assert.deepEqual(sent(), ['token-2', 'token-3']);
    });

    test('to a plan that was superseded are over, and count for no other', async () => {
      await call(ask, asked);
      await answering('Ada');
      later(60);
      await call(ask, { ...asked, planHash: otherHash, taskToken: 'token-2' });
      await assert.rejects(
        answering('Grace'),
        /plan abababababab was superseded by plan cdcdcdcdcdcd at 2026-11-20T05:01:00.000Z, and that is final\nHINT: .* --plan cdcdcdcdcdcd/,
      );
      assert.equal((await answering('Grace', { plan: otherHash })).missing, 1);
      assert.deepEqual(sent(), []);
      const [ended] = await listEndedQuestions(store, clock);
      assert.deepEqual([ended?.outcome, ended?.planHash], ['superseded', planHash]);
      await answering('Ada', { plan: otherHash });
      assert.deepEqual(sent(), ['token-2']);
      const { lines } = describeMatters(await readMatters(store, name), { status: 'SUCCEEDED', now: clock });
      assert.deepEqual(
        lines.map((line) => line.replace(/ at \S+?(?=[:,]? |$|: )/g, '')),
        [
          'plan abababababab: superseded by plan cdcdcdcdcdcd',
          'yes by Ada: Ada has looked',
          'plan cdcdcdcdcdcd: approved by Grace and Ada',
          'yes by Grace: Grace has looked',
          'yes by Ada: Ada has looked',
        ],
      );
    });

    test('given in the very moment in which another plan takes the place of theirs go nowhere', async () => {
      await call(ask, asked);
      await answering('Ada');
      let raced = false;
      const racing: ObjectStore = new Proxy(store, {
        get(target, member: keyof ObjectStore) {
          const value = target[member];
          if (typeof value !== 'function') return value;
          if (member !== 'put') return value.bind(target);
          return async (...args: Parameters<ObjectStore['put']>) => {
            if (args[0].endsWith('/answer.2.json') && !raced) {
              raced = true;
              await call(ask, { ...asked, planHash: otherHash, taskToken: 'token-2' });
            }
            return target.put(...args);
          };
        },
      });
      const { environment } = steps;
      provideWorld({ plan, vault: { store: racing, keyRing: undefined }, environment, now: () => clock });
      await assert.rejects(answering('Grace'), /its plan was superseded by plan cdcdcdcdcdcd at/);
      assert.ok(raced);
      assert.deepEqual(sent(), []);
      assert.equal((await listOpenQuestions(store, clock))[0]?.planHash, otherHash);
    });

    test('that are too few when the time is over are nothing', async () => {
      await call(ask, asked);
      await answering('Ada');
      later(3600);
      for (const by of ['Ada', 'Grace']) await assert.rejects(answering(by), /the question expired at/);
      const [ended] = await listEndedQuestions(store, clock);
      assert.deepEqual([ended?.outcome, ended?.why], ['expired', '1 of 2 said yes by 2026-11-20T06:00:00.000Z']);
      await call(ask, { ...asked, taskToken: 'token-2' });
      assert.equal((await answering('Grace')).missing, 1, 'what was said before the end is not said of it');
      assert.deepEqual(sent(), []);
    });

    test('count though people cannot be told, and who gives them learns that', async () => {
      await call(ask, asked);
      untold = 'SNS does not answer';
      const first = await answering('Ada');
      assert.deepEqual([first.missing, first.untold], [1, 'SNS does not answer']);
      await answering('Grace');
      assert.deepEqual(sent(), ['token-1']);
    });

    test('are as many as the plan said when it was asked', async () => {
      await call(ask, asked);
      provide(planOf('approvals: { required: 1 }'));
      assert.equal((await answering('Ada')).missing, 1);
      await call(ask, { ...asked, machine: 'rds-restore', execution: execution.replace(':restore:', ':rds-restore:') });
      const one = await call(answer, {
        ...{ execution: execution.replace(':restore:', ':rds-restore:'), decision: 'approve', plan: planHash },
        ...{ by: 'Ada', reason: 'seen' },
      });
      assert.equal(one.missing, 0);
    });

    test('leave the token where nobody reads it who may read the rest', async () => {
      await call(ask, asked);
      await answering('Ada');
      await answering('Grace');
      const holders: string[] = [];
      for await (const { key } of store.list(''))
        if ((await readObject(store, key, { maxBytes: 1 << 20 })).includes('token-1')) holders.push(key);
      assert.equal(holders.length, 1);
      assert.match(holders[0]!, /^approval-tokens\/[0-9a-f]{64}\.json$/);
      if (kind === 'a directory') {
        const { mode } = await stat(join(store.url, holders[0]!));
        assert.equal(mode & 0o777, 0o600);
      }
    });

    test('of a token that is not there any more are kept, and say so', async () => {
      await call(ask, asked);
      await answering('Ada');
      for await (const { key } of store.list(approvalTokensFolder)) await store.delete(key);
      await assert.rejects(answering('Grace'), { name: 'AnswerUndelivered', message: /has no token of lost-orders/ });
      assert.equal((await readMatters(store, name))[0]!.answers.length, 2);
    });

    test('are not needed by a question of an earlier version, which has its token in it', async () => {
      const { expiresInSeconds: _, ...old } = asked;
      const times = { askedAt: clock.toISOString(), expiresAt: '2026-11-20T06:00:00.000Z' };
      const put = (key: string, record: object) => store.put(key, Buffer.from(JSON.stringify(record)));
      const question = { format: 'lifeboat-question/1', ...old, ...times };
      await put(questionKey('restore', 'lost-orders', 1), question);
      await put(openQuestionsKey, { format: 'lifeboat-questions/1', open: [{ ...without(question), number: 1 }] });
      assert.equal((await listOpenQuestions(store, clock)).length, 1);
      assert.equal((await answering('Ada')).missing, 0);
      assert.deepEqual(sent(), ['token-1']);
      assert.deepEqual(await listOpenQuestions(store, clock), []);
      // asked once more before this version by its retried state, and answered under that number
      await put(questionKey('restore', 'older', 1), question);
      await put(questionKey('restore', 'older', 2), { ...question, taskToken: 'token-2' });
      const said = { format: 'lifeboat-answer/1', execution, machine: 'restore', source: 'main', planHash };
      const yes = { ...said, decision: 'approve', by: 'Ada', reason: null, at: clock.toISOString() };
      await put(answerKey('restore', 'older', 2), yes);
      const [matter] = await readMatters(store, { machine: 'restore', name: 'older' });
      assert.deepEqual([matter?.root, matter?.number, matter?.answers.length], [1, 2, 1]);
    });
  });
}

const without = ({ taskToken: _, ...shown }: { taskToken: string }) => shown;
