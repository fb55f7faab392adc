import assert from 'node:assert/strict';
import type { Question } from './fault-engine.ts';
import { failedWith, faultTests, nextMoveWorks, primaryIs, type Scene, succeeded } from './fault-scene.ts';
import { approvers } from './say-yes.ts';

/* A move that somebody asked for, and answers to it that are not the one that it waits for. */

const test = faultTests();
const [who, other] = approvers;
const hourMs = 3_600_000;

test('a yes that comes after a day counts for nothing, before and after the question has ended', async ({
  world,
  primary,
}) => {
  let late: Question | undefined;
  const end = await world.move(
    {},
    {
      async asked(question) {
        late = question;
        world.engine.clock.pass(25 * hourMs);
        const { error, message } = await question.answer({ decision: 'approve', by: other });
        assert.equal(error, 'ApprovalRefused');
        assert.match(message!, /the question expired at .*\nHINT: start it again/s);
      },
    },
  );
  failedWith(world, end, 'ApprovalExpired', /nobody decided within a day whether to move shop/, /nothing was touched/);
  assert.equal((await late!.answer({ decision: 'approve', by: other })).error, 'ApprovalRefused');
  await untouched({ world, primary });
});

test('who asks for it cannot say yes to it, and what says yes to another plan is no yes', async ({
  world,
  primary,
}) => {
  const refused: string[] = [];
  const end = await world.move(
    {},
    {
      async asked(question) {
        refused.push((await question.answer({ decision: 'approve', by: who })).message!);
        refused.push((await question.answer({ decision: 'approve', by: 'Mallory' })).message!);
        refused.push((await question.answer({ decision: 'approve', by: other, plan: 'ab'.repeat(32) })).message!);
        assert.equal(await primary.value('select pg_is_in_recovery()'), 'f', 'nothing began');
        await question.answer({ decision: 'reject', by: other });
      },
    },
  );
  assert.match(refused[0]!, /four eyes, and Ada asked for it\nHINT: let somebody else answer/);
  assert.match(refused[1]!, /Mallory is not among the plan's approvers: Ada, Grace\nHINT: /);
  assert.match(refused[2]!, /the plan to answer is [0-9a-f]{12}…, not abab.*\nHINT: read the plan/);
  failedWith(world, end, 'FailoverRejected', /rejected by Grace/, /nothing was touched/);
  await untouched({ world, primary });
});

test('a no is final: a yes after it moves nothing', async ({ world, primary }) => {
  let later: { error?: string; message?: string } = {};
  const end = await world.move(
    {},
    {
      async asked(question) {
        await question.answer({ decision: 'reject', by: other });
        later = await question.answer({ decision: 'approve', by: other });
      },
    },
  );
  failedWith(world, end, 'FailoverRejected', /rejected by Grace: seen/);
  assert.equal(later.error, 'ApprovalRefused');
  assert.match(later.message!, /it was rejected by Grace .*, and that is final/);
  await untouched({ world, primary });
});

test('a yes that comes twice moves once', async ({ world, standby }) => {
  const answers: { error?: string }[] = [];
  let promotions = 0;
  const end = await world.move(
    { planned: true },
    {
      async before({ name }) {
        if (name === 'promote-standby') promotions++;
      },
      async asked(question) {
        const yes = () => question.answer({ decision: 'approve', by: other });
        answers.push(...(await Promise.all([yes(), yes()])), await yes());
      },
    },
  );
  succeeded(end);
  assert.deepEqual(answers, [{}, {}, {}]);
  assert.equal(promotions, 1);
  await primaryIs(world, standby);
});

test('after all of it a planned move works, and loses nothing', nextMoveWorks);

/** The primary takes writes, and no row that it took is gone. */
async function untouched({ world, primary }: Pick<Scene, 'world' | 'primary'>): Promise<void> {
  await primaryIs(world, primary);
  assert.deepEqual(await world.watch.lost(primary), []);
}
