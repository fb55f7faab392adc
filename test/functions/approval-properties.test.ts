import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Context } from 'aws-lambda';
import { readMatters } from '#catalog/matters';
import { listOpenQuestions } from '#catalog/open-questions';
import { handler as answer } from '#functions/answer-approval';
import { handler as ask } from '#functions/ask-approval';
import fc from '#harness/fast-check';
import { storeKinds } from '#harness/stores';
import { standingOf } from '#model/approval';
import { parsePlan } from '#model/plan';
import { provideWorld } from '#runtime/function-world';

/** Each person by all of their names; whoever else answers is nobody that may. */
const people: Record<string, string[]> = {
  Ada: ['Ada', ' ADA ', 'ada@example.org', 'A\u200Bda'],
  Grace: ['Grace', 'grace'],
  Edsger: ['Edsger', 'edsger@example.org'],
  Barbara: ['Barbara'],
};
const personOf = (name: string) =>
  Object.keys(people).find((person) => people[person]!.some((one) => one.trim() === name.trim()));
const hashes = { a: 'ab'.repeat(32), b: 'cd'.repeat(32) };

const context = { functionName: 'f', awsRequestId: 'r', invokedFunctionArn: 'a', memoryLimitInMB: '128' } as Context;
const call = (handler: unknown, event: object): Promise<Record<string, unknown>> =>
  (handler as (event: object, context: Context) => Promise<Record<string, unknown>>)(event, context);

type Act =
  | { kind: 'ask'; plan: keyof typeof hashes; again: boolean }
  | { kind: 'answer'; by: string; decision: 'approve' | 'reject'; plan: keyof typeof hashes; reason: string | null };

const act: fc.Arbitrary<Act> = fc.oneof(
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('ask' as const),
      plan: fc.constantFrom('a' as const, 'a' as const, 'b' as const),
      again: fc.boolean(),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('answer' as const),
      by: fc.constantFrom(...Object.values(people).flat(), 'Mallory'),
      decision: fc.constantFrom('approve' as const, 'approve' as const, 'approve' as const, 'reject' as const),
      plan: fc.constantFrom('a' as const, 'a' as const, 'b' as const),
      reason: fc.constantFrom('seen', 'seen', 'seen', null),
    }),
  },
);
/** what is done at once, and how much time passes before it */
const script = fc.record({
  required: fc.integer({ min: 1, max: 3 }),
  rounds: fc.array(
    fc.record({ afterS: fc.constantFrom(0, 1, 1, 600, 3600), acts: fc.array(act, { minLength: 1, maxLength: 4 }) }),
    { minLength: 1, maxLength: 8 },
  ),
});

test('a token is sent once, and yes only after as many different people as are needed said yes to this very plan', async () => {
  const seen = { approved: 0, rejected: 0, several: 0, superseded: 0 };
  await fc.assert(
    fc.asyncProperty(script, async ({ required, rounds }) => {
      const run = await play(required, rounds);
      for (const one of Object.keys(seen) as (keyof typeof seen)[]) seen[one] += run[one];
    }),
    { numRuns: 300 },
  );
  // else it has shown nothing
  for (const [what, times] of Object.entries(seen)) assert.ok(times > 20, `${what}: ${times}`);
});

interface Sent {
  token: string;
  output: { decision: string; by: string; at: string; planHash: string; approvals?: Said[] };
}
interface Said {
  decision: string;
  by: string;
  at: string;
}

async function play(required: number, rounds: { afterS: number; acts: Act[] }[]) {
  const { store, close } = await storeKinds[0]![1]();
  const sent: Sent[] = [];
  let clock = new Date('2026-11-20T05:00:00Z');
  const plan = parsePlan(
    `bucket: /nowhere
encryption: none
fourEyes: true
approvals: { required: ${required} }
approvers: [{ name: Ada, email: ada@example.org }, { name: Grace }, { name: Edsger, email: edsger@example.org }, { name: Barbara }]
sources: { main: { connection: { host: /tmp, user: postgres } } }`,
    'plan.yml',
  );
  provideWorld({
    plan,
    vault: { store, keyRing: undefined },
    environment: {},
    now: () => clock,
    stepFunctions: {
      async sendTaskSuccess(token, output) {
        if (sent.some((one) => one.token === token)) return 'nobody waits';
        sent.push({ token, output: output as Sent['output'] });
        return 'taken';
      },
    },
  });
  const execution = 'arn:aws:states:local:000000000000:execution:restore:many';
  const said: { person: string; decision: string; planHash: string; at: string; reason: string | null }[] = [];
  const tokens = new Map<string, string>();
  const asking = (planHash: string, again: boolean) => {
    const last = [...tokens.keys()].at(-1);
    const taskToken = again && last !== undefined && tokens.get(last) === planHash ? last : `token-${tokens.size + 1}`;
    tokens.set(taskToken, planHash);
    return call(ask, {
      ...{ execution, machine: 'restore', source: 'main', planHash, plan: 'restore main', requestedBy: 'Barbara' },
      ...{ taskToken, expiresInSeconds: 3600 },
    });
  };
  try {
    await asking(hashes.a, false);
    for (const { afterS, acts } of rounds) {
      clock = new Date(clock.getTime() + afterS * 1000);
      const doing = acts.map(async (one) => {
        if (one.kind === 'ask') return asking(hashes[one.plan], one.again);
        const { by, decision, reason } = one;
        const planHash = hashes[one.plan];
        said.push({ person: personOf(by) ?? '', decision, planHash, at: clock.toISOString(), reason });
        return call(answer, { execution, decision, plan: planHash, by, reason });
      });
      for (const ending of await Promise.allSettled(doing)) {
        if (ending.status === 'fulfilled') continue;
        assert.ok(['ApprovalRefused', 'InputInvalid'].includes(ending.reason.name), String(ending.reason.stack));
      }
      const open = await listOpenQuestions(store, clock);
      assert.ok(open.length <= 1, 'one execution asks one thing at a time');
    }
    const matters = await readMatters(store, { machine: 'restore', name: 'many' });
    for (const { token, output } of sent) checkSent(token, output);
    // what was asked of one plan has one end, whoever waited for it
    const ends = matters.flatMap(({ question, answers }) => standingOf(question, answers).final ?? []);
    for (const { output } of sent) {
      const isEnd = (end: Said & { planHash: string }) =>
        (['decision', 'by', 'at', 'planHash'] as const).every((field) => end[field] === output[field]);
      assert.ok(ends.some(isEnd), `${JSON.stringify(output)} is the end of nothing`);
    }
    for (const { question, answers } of matters) {
      const yes = answers.filter(({ decision }) => decision === 'approve');
      assert.equal(new Set(yes.map(({ by }) => personOf(by))).size, yes.length, 'nobody says yes twice');
      assert.ok(yes.length <= required && answers.length <= required, JSON.stringify(answers));
      assert.ok(answers.every(({ planHash }) => planHash === question.planHash));
    }
    const decided = (decision: string) => sent.filter(({ output }) => output.decision === decision).length;
    return {
      approved: decided('approve'),
      rejected: decided('reject'),
      several: sent.filter(({ output }) => (output.approvals?.length ?? 0) > 1).length,
      superseded: matters.length - 1,
    };
  } finally {
    await close();
  }

  function checkSent(
    token: string,
    { decision, by, at, planHash, approvals = [{ decision, by, at }] }: Sent['output'],
  ) {
    assert.equal(planHash, tokens.get(token), 'an answer to another plan');
    const allowed = (one: Said) =>
      said.some(
        (other) =>
          other.person === personOf(one.by) &&
          !['', 'Barbara'].includes(other.person) &&
          other.decision === one.decision &&
          other.planHash === planHash &&
          other.at === one.at &&
          other.reason !== null,
      );
    assert.ok(approvals.every(allowed), `${JSON.stringify(approvals)} of ${JSON.stringify(said)}`);
    if (decision === 'reject') return assert.equal(approvals.filter((one) => one.decision === 'reject').length, 1);
    const persons = new Set(approvals.map((one) => personOf(one.by)));
    assert.ok(approvals.every((one) => one.decision === 'approve'));
    assert.equal(persons.size, required, `${persons.size} people, and ${required} are needed`);
    // all within the time of one question, or of askings that followed each other
    const times = approvals.map((one) => Date.parse(one.at));
    assert.ok(Math.max(...times) - Math.min(...times) < 3600 * 1000 * tokens.size);
  }
}
