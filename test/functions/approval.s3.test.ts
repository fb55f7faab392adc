import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, test } from 'node:test';
import type { Context } from 'aws-lambda';
import { listOpenQuestions, listRestoring, rebuildOpenQuestions } from '#catalog/open-questions';
import { handler as answer } from '#functions/answer-approval';
import { handler as ask } from '#functions/ask-approval';
import { type AnsweredTokens, startAnsweredTokens } from '#harness/answered-tokens';
import { storeKinds } from '#harness/stores';
import type { NoticeInput } from '#model/notice';
import { parsePlan } from '#model/plan';
import { provideWorld } from '#runtime/function-world';
import { approvalFolder, openQuestionsKey } from '#store/bucket-layout';
import type { ObjectStore } from '#store/object-store';

const plan = parsePlan(
  `bucket: /nowhere
encryption: none
fourEyes: true
approvers: [{ name: Ada, email: ada@example.org }, { name: Grace }]
sources: { main: { connection: { host: /tmp, user: postgres } } }`,
  'plan.yml',
);
const execution = 'arn:aws:states:local:000000000000:execution:restore:lost-orders';
const planHash = 'ab'.repeat(32);
const asked = {
  execution,
  machine: 'restore',
  source: 'main',
  planHash,
  plan: 'restore main to 05:13',
  requestedBy: 'Grace',
  taskToken: 'token-1',
  expiresInSeconds: 3600,
};

const context = { functionName: 'f', awsRequestId: 'r', invokedFunctionArn: 'a', memoryLimitInMB: '128' } as Context;
const call = (handler: unknown, event: object): Promise<unknown> =>
  (handler as (event: object, context: Context) => Promise<unknown>)(event, context);

for (const [name, open] of storeKinds) {
  describe(`an approval in ${name}`, () => {
    let steps: AnsweredTokens;
    let store: ObjectStore;
    let close: () => Promise<void>;
    let clock = new Date('2026-11-20T05:00:00Z');
    const notices: NoticeInput[] = [];
    before(async () => {
      steps = await startAnsweredTokens();
    });
    beforeEach(async () => {
      await close?.();
      ({ store, close } = await open());
      steps.answers.length = 0;
      steps.over.clear();
      steps.status = undefined;
      notices.length = 0;
      clock = new Date('2026-11-20T05:00:00Z');
      provideWorld({
        plan,
        vault: { store, keyRing: undefined },
        environment: steps.environment,
        now: () => clock,
        publish: async (notice) => void notices.push(notice),
      });
    });
    after(async () => {
      await close();
      await steps.close();
    });
    const answering = (more: object = {}) =>
      call(answer, {
        execution,
        decision: 'approve',
        plan: planHash.slice(0, 12),
        by: 'Ada',
        reason: 'orders lost',
        ...more,
      });
    const later = (seconds: number) => {
      clock = new Date(clock.getTime() + seconds * 1000);
    };

    test('once given, what it names may be at work for days, and a rebuild knows that', async () => {
      await call(ask, asked);
      const named = async () => (await listRestoring(store, clock)).map((question) => question.execution);
      assert.deepEqual(await named(), [execution]);
      await answering();
      for (let again = 0; again < 2; again++) {
        assert.deepEqual([await named(), await listOpenQuestions(store, clock)], [[execution], []]);
        await store.delete(openQuestionsKey);
        await rebuildOpenQuestions(store, clock);
      }
      later(5 * 24 * 3600 + 1);
      assert.deepEqual(await named(), []);
    });

    test('refused, nothing of it is at work', async () => {
      await call(ask, asked);
      await answering({ decision: 'reject' });
      assert.deepEqual(await listRestoring(store, clock), []);
    });

    test('is asked for, told, listed and given, and the state goes on with it', async () => {
      await call(ask, asked);
      assert.equal(notices[0]!.occasion, 'question');
      assert.equal(
        notices[0]!.todo,
        'lifeboat approve lost-orders --plan abababababab --reason "…"\nlifeboat reject lost-orders --plan abababababab --reason "…"',
      );
      const open = await listOpenQuestions(store, clock);
      assert.deepEqual(
        open.map(({ execution }) => execution),
        [execution],
      );
      assert.doesNotMatch(JSON.stringify([notices, open]), /token-1/);
      later(60);
      const output = await answering({ reason: 'orders lost' });
      const expected = { decision: 'approve', by: 'Ada', reason: 'orders lost', at: clock.toISOString(), planHash };
      assert.deepEqual(output, { execution, ...expected, yes: ['Ada'], missing: 0 });
      assert.deepEqual(steps.answers, [{ token: 'token-1', output: expected }]);
      assert.deepEqual(await listOpenQuestions(store, clock), []);
    });

    test('asked once more by a repeated invocation is the same question', async () => {
      await call(ask, asked);
      assert.deepEqual(await call(ask, asked), { execution, number: 1, answered: false });
      assert.equal((await Array.fromAsync(store.list(approvalFolder('restore', 'lost-orders')))).length, 1);
      assert.equal(notices[0]!.dedupe, notices[1]!.dedupe);
    });

    test('is not one to a question that says something else, or of somebody else, though the hash is the same', async () => {
      await call(ask, asked);
      await answering();
      const others = [{ plan: 'restore main to 05:13, what lies there is set aside' }, { requestedBy: 'Ada' }];
      for (const [index, other] of others.entries()) {
        const again = { ...asked, ...other, taskToken: `other-${index}` };
        assert.deepEqual(await call(ask, again), { execution, number: index + 2, answered: false });
      }
      assert.deepEqual(
        steps.answers.map(({ token }) => token),
        ['token-1'],
      );
      await assert.rejects(answering(), { message: /the plan asks for four eyes, and Ada asked for it/ });
    });

    test('asked once more by a retried state goes to the newest token', async () => {
      await call(ask, asked);
      steps.over.add('token-1');
      later(10);
      await call(ask, { ...asked, taskToken: 'token-2' });
      await answering();
      assert.deepEqual(
        steps.answers.map(({ token }) => token),
        ['token-2'],
      );
    });

    test('asked once more in the very moment of the answer goes to the newest token', async () => {
      await call(ask, asked);
      steps.over.add('token-1');
      let raced = false;
      const racing: ObjectStore = new Proxy(store, {
        get(target, member: keyof ObjectStore) {
          const value = target[member];
          if (typeof value !== 'function') return value;
          if (member !== 'put') return value.bind(target);
          return async (...args: Parameters<ObjectStore['put']>) => {
            if (args[0].endsWith('/answer.json') && !raced) {
              raced = true;
              await call(ask, { ...asked, taskToken: 'token-2' });
            }
            return target.put(...args);
          };
        },
      });
      const { environment } = steps;
      provideWorld({ plan, vault: { store: racing, keyRing: undefined }, environment, now: () => clock });
      await answering();
      assert.deepEqual(
        steps.answers.map(({ token }) => token),
        ['token-2'],
      );
    });

    test('given before the state was retried goes to its new token at once', async () => {
      await call(ask, asked);
      await answering();
      later(10);
      assert.deepEqual(await call(ask, { ...asked, taskToken: 'token-2' }), { execution, number: 2, answered: true });
      assert.deepEqual(
        steps.answers.map(({ token }) => token),
        ['token-1', 'token-2'],
      );
      assert.deepEqual(await listOpenQuestions(store, clock), []);
    });

    test('of an earlier plan, or of a question that has expired, answers no later one', async () => {
      await call(ask, asked);
      await answering();
      const other = 'cd'.repeat(32);
      assert.deepEqual(await call(ask, { ...asked, planHash: other, taskToken: 'token-2' }), {
        execution,
        number: 2,
        answered: false,
      });
      await assert.rejects(
        answering(),
        /plan abababababab was superseded by plan cdcdcdcdcdcd at 2026-\S+Z, and that is final/,
      );
      await answering({ plan: other });
      later(7200);
      assert.deepEqual(await call(ask, { ...asked, planHash: other, taskToken: 'token-3' }), {
        execution,
        number: 3,
        answered: false,
      });
      assert.deepEqual(
        steps.answers.map(({ token }) => token),
        ['token-1', 'token-2'],
      );
    });

    test('that could not be sent is kept: the same answer sends it again, another one is refused', async () => {
      await call(ask, asked);
      steps.status = 403;
      await assert.rejects(answering(), { name: 'AnswerUndelivered', message: /: no right to \[token\]\nHINT: / });
      steps.status = undefined;
      await assert.rejects(answering({ decision: 'reject' }), { name: 'ApprovalRefused' });
      assert.deepEqual(steps.answers, []);
      await answering();
      await answering();
      assert.deepEqual(
        steps.answers.map(({ token }) => token),
        ['token-1'],
      );
    });

    test('stays on the list when the list is lost, until it is answered', async () => {
      await call(ask, asked);
      const open = await listOpenQuestions(store, clock);
      await store.delete(openQuestionsKey);
      assert.deepEqual(await listOpenQuestions(store, clock), []);
      await rebuildOpenQuestions(store, clock);
      assert.deepEqual(await listOpenQuestions(store, clock), open);
      await answering();
      await rebuildOpenQuestions(store, clock);
      assert.deepEqual(await listOpenQuestions(store, clock), []);
    });

    test('given by several at the same time is one answer, and the others are refused', async () => {
      await call(ask, { ...asked, requestedBy: 'schedule' });
      const all = ['approve', 'reject'].flatMap((decision) =>
        ['Ada', 'Grace'].map((by) => answering({ decision, by })),
      );
      const endings = await Promise.allSettled(all);
      assert.equal(endings.filter(({ status }) => status === 'fulfilled').length, 1);
      assert.equal(steps.answers.length, 1);
    });

    test('is refused to who asked, to strangers, too late, and where nothing is asked', async () => {
      await assert.rejects(answering(), /"arn:aws:states:local:\S+" is not allowed: expected one that asks something/);
      await call(ask, asked);
      await assert.rejects(
        answering({ by: 'grace' }),
        /four eyes, and grace asked for it\nHINT: let somebody else answer/,
      );
      await assert.rejects(answering({ by: 'Mallory' }), /not among the plan's approvers/);
      await assert.rejects(answering({ execution: 'lost-orders' }), /expected an execution's ARN/);
      // who proves his identity does so for an ARN: of another account's execution, somebody there could have had it
      const foreign = execution.replace('000000000000', '210987654321');
      await assert.rejects(answering({ execution: foreign }), /expected one that asks something/);
      later(3600);
      await assert.rejects(answering(), /the question expired at 2026-11-20T06:00:00.000Z/);
      assert.deepEqual(await listOpenQuestions(store, clock), []);
      assert.deepEqual(steps.answers, []);
    });

    test('for an execution that was stopped meanwhile says so', async () => {
      await call(ask, asked);
      steps.over.add('token-1');
      await assert.rejects(answering(), /lost-orders does not wait for an answer any more/);
    });
  });
}
