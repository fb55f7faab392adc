import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import type { Matter } from '#catalog/matters';
import { asking, describeMatters } from '#cli/asked-by';
import { describeWhole, questionHead } from '#cli/describe-question';
import type { Question } from '#model/approval';
import { allStates, machineNames, readMachine } from '#runbook/machine';

const folder = join(import.meta.dirname, '../../statemachines');
const place = { before: 'LIFEBOAT_PLAN=/p.yml ', behind: ' --state /s' };
const now = new Date('2026-11-20T06:00:00Z');

const question = (more: Partial<Question> = {}): Question => ({
  ...{ format: 'lifeboat-question/1', execution: 'arn:aws:states:local:000000000000:execution:failover:abc' },
  ...{ machine: 'failover', source: 'orders', planHash: 'f'.repeat(64), requestedBy: 'Grace' },
  plan: 'failover of shop: the primary of orders moves from east to west\n  because  it burns\n  loses    nothing',
  ...{ askedAt: '2026-11-20T05:00:00Z', expiresAt: '2026-11-21T05:00:00Z', ...more },
});
const matter = (more: Partial<Question> = {}): Matter => ({
  ...{ question: question(more), number: 1, root: 1, answers: [], place: 1 },
});

test('of every machine that asks people it is shown what they were asked', () => {
  const those = machineNames(folder).filter((name) =>
    allStates(readMachine(folder, name)).some(([state]) => state === 'Ask for approval'),
  );
  assert.deepEqual([...asking].sort(), those.sort());
});

test('what waits is shown as a whole, with the lines that answer it from any terminal', () => {
  const { open, questions } = describeMatters([matter()], { status: 'RUNNING', now });
  assert.equal(questions[0]!.plan, question().plan);
  assert.deepEqual(describeWhole(open!, place), [
    'waits until 2026-11-21T05:00:00Z for an answer to this plan:',
    '  failover of shop: the primary of orders moves from east to west',
    '    because  it burns',
    '    loses    nothing',
    'yes  LIFEBOAT_PLAN=/p.yml lifeboat approve abc --plan ffffffffffff --state /s --reason "…"',
    'no   LIFEBOAT_PLAN=/p.yml lifeboat reject abc --plan ffffffffffff --state /s --reason "…"',
  ]);
});

test('only the newest plan of an execution that runs waits', () => {
  const older = matter({ planHash: 'a'.repeat(64) });
  assert.equal(describeMatters([older, matter()], { status: 'RUNNING', now }).open?.planHash, 'f'.repeat(64));
  assert.equal(describeMatters([matter()], { status: 'ABORTED', now }).open, undefined);
  assert.equal(
    describeMatters([matter({ expiresAt: '2026-11-20T05:30:00Z' })], { status: 'RUNNING', now }).open,
    undefined,
  );
});

describe('two questions of one machine are told apart by what begins them', () => {
  for (const [plan, head] of [
    [
      'failover of shop: x moves from east to west\n  REMARK   the primary ANSWERS\n  because  it burns\n  loses    nothing',
      ['failover of shop: x moves from east to west', 'REMARK  the primary ANSWERS', 'because  it burns'],
    ],
    [
      'recovery plan ffff for orders\n  target       latest\n  from         a + b\n  to           /srv/back\n  because      lost',
      ['recovery plan ffff for orders', 'target  latest', 'to  /srv/back', 'because  lost'],
    ],
    [
      'purge plan ffff for orders: everything of it\n  reason       sold\n  goes         all',
      ['purge plan ffff for orders: everything of it', 'reason  sold'],
    ],
  ] as const) {
    test(head[0], () => {
      const found = questionHead({ ...question(), plan }, place);
      assert.deepEqual(found, { head, whole: 'LIFEBOAT_PLAN=/p.yml lifeboat executions abc --state /s' });
    });
  }
});
