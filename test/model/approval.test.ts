import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  type Answer,
  type ApprovalFacts,
  decideApproval,
  describeEnd,
  type GivenAnswer,
  type Question,
  standingOf,
} from '#model/approval';

const planHash = '379ec2ea74d5'.padEnd(64, '0');
const question: Question = {
  format: 'lifeboat-question/1',
  execution: 'arn:aws:states:local:000000000000:execution:restore:lost-orders',
  machine: 'restore',
  source: 'main',
  planHash,
  plan: 'restore main',
  requestedBy: 'Grace',
  askedAt: '2026-11-20T05:00:00.000Z',
  expiresAt: '2026-11-21T05:00:00.000Z',
  taskToken: 'secret',
};
const ada = { name: 'Ada', email: 'ada@example.org' };
const grace = { name: 'Grace', email: 'grace@example.org' };

function decide(given: Partial<GivenAnswer>, more: Partial<ApprovalFacts> = {}): string {
  const outcome = decideApproval({
    question,
    answer: { decision: 'approve', plan: planHash, by: 'Ada', reason: null, ...given },
    approvers: [ada, grace],
    fourEyes: false,
    reasonRequired: false,
    proof: false,
    now: new Date('2026-11-20T06:00:00Z'),
    ...more,
  });
  return outcome.accepted ? (outcome.again ? 'again' : 'accepted') : outcome.reason;
}

const said = (decision: Answer['decision'], by: string): Answer => ({
  format: 'lifeboat-answer/1',
  execution: question.execution,
  machine: 'restore',
  source: 'main',
  planHash,
  decision,
  by,
  reason: null,
  at: '2026-11-20T05:30:00.000Z',
});

describe('an answer', () => {
  test('is accepted from an approver who names the plan by 12 digits of its hash or more', () => {
    assert.equal(decide({}), 'accepted');
    assert.equal(decide({ plan: '379ec2ea74d5' }), 'accepted');
    assert.equal(decide({ plan: '379EC2EA74D5' }), 'accepted');
    assert.equal(decide({ decision: 'reject' }), 'accepted');
  });

  test('to another plan is refused, with the plan that is asked for', () => {
    assert.equal(decide({ plan: '379ec2ea74d' }), 'the plan to answer is 379ec2ea74d5…, not 379ec2ea74d');
    assert.equal(decide({ plan: '479ec2ea74d5' }), 'the plan to answer is 379ec2ea74d5…, not 479ec2ea74d5');
    assert.equal(decide({ plan: '' }), 'the plan to answer is 379ec2ea74d5…, not nothing');
    assert.equal(decide({ plan: `${planHash}0` }).startsWith('the plan to answer is'), true);
  });

  test('after its time is refused, at that very instant too', () => {
    assert.equal(decide({}, { now: new Date(question.expiresAt) }), `the question expired at ${question.expiresAt}`);
  });

  test('of somebody who is no approver is refused; without a list anybody may', () => {
    assert.equal(decide({ by: 'Mallory' }), "Mallory is not among the plan's approvers: Ada, Grace");
    assert.equal(decide({ by: 'Mallory' }, { approvers: [] }), 'accepted');
    for (const by of ['  ', '\u200B', '\t\u2060']) assert.equal(decide({ by }, { approvers: [] }), 'nobody answers');
  });

  test('by name or e-mail, in capitals and with blanks, is the same person’s', () => {
    for (const by of ['ada', ' ADA ', 'Ada@Example.org']) assert.equal(decide({ by }), 'accepted');
  });

  test('of who asked is refused where the plan asks for four eyes, under whichever of his names', () => {
    for (const by of ['Grace', 'grace ', 'GRACE@example.org', 'Gr\u200Bace', '\uFEFFGrace\u00AD', '\x1BGrace']) {
      assert.equal(decide({ by }, { fourEyes: true }), `the plan asks for four eyes, and ${by} asked for it`);
    }
    assert.equal(decide({ by: 'Ada' }, { fourEyes: true }), 'accepted');
    assert.equal(decide({ by: 'Grace' }), 'accepted');
    const byMail = { ...question, requestedBy: 'grace@example.org' };
    assert.match(decide({ by: 'Grace' }, { fourEyes: true, question: byMail }), /asked for it$/);
  });

  test('cannot be of four eyes where nobody knows who asked', () => {
    const unknown = { ...question, requestedBy: 'somebody' };
    assert.equal(
      decide({}, { fourEyes: true, question: unknown }),
      'the plan asks for four eyes, and nobody knows who asked',
    );
    assert.equal(decide({}, { fourEyes: true, question: { ...question, requestedBy: 'schedule' } }), 'accepted');
  });

  test('is final: the same again is accepted, also later; any other is refused', () => {
    const given = { answers: [said('approve', 'Ada')] };
    assert.equal(decide({ by: 'ada@example.org' }, given), 'again');
    assert.equal(decide({}, { ...given, now: new Date('2027-01-01') }), 'again');
    assert.equal(
      decide({ by: 'Grace' }, given),
      'it was approved by Ada at 2026-11-20T05:30:00.000Z, and that is final',
    );
    assert.equal(
      decide({ decision: 'reject' }, given),
      'it was approved by Ada at 2026-11-20T05:30:00.000Z, and that is final',
    );
    assert.match(decide({}, { answers: [said('reject', 'Ada')] }), /^it was rejected by Ada/);
  });

  test('that comes after the yes that was enough is not sent to start it once more', () => {
    const late = (decision: Answer['decision']) =>
      decideApproval({
        question,
        ...{
          answer: { decision: 'approve', plan: planHash, by: 'Grace', reason: null },
          answers: [said(decision, 'Ada')],
        },
        ...{ approvers: [ada, grace], fourEyes: false, reasonRequired: false, proof: false, now: new Date() },
      });
    assert.match(JSON.stringify(late('approve')), /needs nobody's yes any more.*lifeboat executions lost-orders/);
    assert.match(JSON.stringify(late('reject')), /start it again to be asked again/);
  });
});

describe('where several have to say yes', () => {
  const edsger = { name: 'Edsger' };
  const two = { question: { ...question, required: 2 }, approvers: [ada, grace, edsger] };

  test('each is another person, under whatever name', () => {
    const given = { ...two, answers: [said('approve', 'Ada')] };
    for (const by of ['Ada', 'ada@example.org', ' ADA ']) assert.equal(decide({ by }, given), 'again');
    assert.equal(decide({ by: 'Grace' }, given), 'accepted');
    const late = new Date(question.expiresAt);
    assert.equal(decide({ by: 'Ada' }, { ...given, now: late }), `the question expired at ${question.expiresAt}`);
  });

  test('two who share an identity are one, and the second one learns why', () => {
    const role = 'arn:aws:iam::123456789012:role/dba';
    const arn = (session: string) => `arn:aws:sts::123456789012:assumed-role/dba/${session}`;
    const approvers = [
      { ...ada, iam: role },
      { ...grace, iam: role },
    ];
    const given = { ...two, approvers, proof: true, answers: [{ ...said('approve', 'Ada'), iam: arn('ada') }] };
    assert.equal(
      decide({ by: 'Grace', iam: arn('grace') }, given),
      'Grace counts as Ada, who has said yes already: nothing in the plan tells the two apart',
    );
  });

  test('one identity that is no approver’s answers for one of them, whatever names and sessions it gives', () => {
    const arn = (role: string, session: string) => `arn:aws:sts::123456789012:assumed-role/${role}/${session}`;
    const approvers = [ada, grace, { ...edsger, iam: arn('dba', 'edsger') }];
    const given = {
      ...{ ...two, approvers, proof: true },
      answers: [{ ...said('approve', 'Ada'), iam: arn('on-call', 'one') }],
    };
    for (const session of ['one', 'two'])
      assert.equal(
        decide({ by: 'Grace', iam: arn('on-call', session) }, given),
        'Grace counts as Ada, who has said yes already: nothing in the plan tells the two apart',
      );
    assert.equal(decide({ by: 'Ada', iam: arn('on-call', 'one') }, given), 'again');
    assert.equal(decide({ by: 'Grace', iam: arn('night-shift', 'one') }, given), 'accepted');
    assert.equal(decide({ by: 'Edsger', iam: arn('dba', 'edsger') }, given), 'accepted');
  });

  test('the last one that is needed is final, and so is one no, also of who said yes', () => {
    const yes = [said('approve', 'Ada'), said('approve', 'Grace')];
    assert.equal(
      decide({ by: 'Edsger' }, { ...two, answers: yes }),
      'it was approved by Ada and Grace at 2026-11-20T05:30:00.000Z, and that is final',
    );
    assert.equal(decide({ by: 'Ada' }, { ...two, answers: yes }), 'again');
    assert.equal(decide({ by: 'Ada', decision: 'reject' }, { ...two, answers: yes.slice(0, 1) }), 'accepted');
    const no = [said('approve', 'Ada'), said('reject', 'Grace')];
    for (const by of ['Ada', 'Edsger'])
      assert.match(decide({ by }, { ...two, answers: no }), /^it was rejected by Grace/);
  });

  test('what came after the end changes nothing', () => {
    const all = [said('approve', 'Ada'), said('approve', 'Grace'), said('reject', 'Edsger')];
    const { yes, final, missing } = standingOf({ required: 2 }, all);
    assert.deepEqual([yes.length, final, missing], [2, all[1], 0]);
    assert.equal(describeEnd(yes, final!), 'approved by Ada and Grace at 2026-11-20T05:30:00.000Z');
    assert.deepEqual(standingOf({ required: 3 }, all).final, all[2]);
    assert.equal(standingOf({ required: 3 }, all.slice(0, 2)).missing, 1);
    assert.equal(standingOf({}, all).final, all[0]);
  });
});

describe('a reason', () => {
  const asked = { reasonRequired: true };
  test('is needed for a yes and for a no where the plan says so, in words', () => {
    for (const reason of [null, '', '  ', '…', '"…"', '-'])
      assert.equal(decide({ reason }, asked), 'a yes needs a reason, which is kept as evidence', String(reason));
    assert.equal(decide({ decision: 'reject' }, asked), 'a no needs a reason, which is kept as evidence');
    for (const reason of ['lost', '失われた', '5']) assert.equal(decide({ reason }, asked), 'accepted');
    assert.equal(decide({}), 'accepted');
  });

  test('is not asked for again of who has said so before, nor of who may not answer', () => {
    assert.equal(decide({}, { ...asked, answers: [said('approve', 'Ada')] }), 'again');
    assert.equal(decide({ by: 'Mallory' }, asked), "Mallory is not among the plan's approvers: Ada, Grace");
  });
});

test('an answer to a plan that was superseded is told so, and by which', () => {
  const superseded = [{ planHash: 'ab'.repeat(32), by: 'cd'.repeat(32), at: '2026-11-20T05:10:00.000Z' }];
  assert.equal(
    decide({ plan: 'abababababab' }, { superseded }),
    'plan abababababab was superseded by plan cdcdcdcdcdcd at 2026-11-20T05:10:00.000Z, and that is final',
  );
  // the same plan once more is asked again
  assert.equal(decide({}, { superseded: [{ ...superseded[0]!, planHash }] }), 'accepted');
});

describe('an answer with an IAM identity', () => {
  const arn = (session: string) => `arn:aws:sts::123456789012:assumed-role/dba/${session}`;
  const role = 'arn:aws:iam::123456789012:role/dba';
  const byRole = [{ ...ada, iam: role }, grace];
  const bySession = [
    { ...ada, iam: arn('ada') },
    { ...grace, iam: arn('grace') },
  ];

  test('is refused without a proof, and taken with one, where the plan names identities', () => {
    const facts = { approvers: bySession, proof: true };
    assert.equal(
      decide({}, facts),
      "the plan names its approvers' IAM identities, and nothing proves that Ada answers",
    );
    assert.equal(decide({ iam: arn('ada') }, facts), 'accepted');
    assert.equal(decide({ by: arn('ada'), iam: arn('ada') }, facts), 'accepted');
  });

  test('is given by nobody else for an approver with an identity', () => {
    const facts = { approvers: bySession, proof: true };
    assert.equal(
      decide({ iam: arn('mallory') }, facts),
      `Ada is ${arn('ada')} by the plan, and ${arn('mallory')} answers`,
    );
    assert.equal(decide({ iam: arn('grace') }, facts), `Ada is ${arn('ada')} by the plan, and ${arn('grace')} answers`);
    assert.equal(
      decide({ by: arn('ada'), iam: arn('mallory') }, facts),
      `${arn('ada')} is ${arn('ada')} by the plan, and ${arn('mallory')} answers`,
    );
    assert.equal(
      decide({ by: arn('mallory'), iam: arn('mallory') }, facts),
      `${arn('mallory')} is not among the plan's approvers: Ada, Grace`,
    );
  });

  test('of an approver is not given in the name of one without an identity', () => {
    const facts = { approvers: byRole, proof: true };
    assert.equal(
      decide({ by: 'Grace', iam: arn('ada') }, facts),
      `${arn('ada')} is Ada by the plan, and answers for Grace`,
    );
    assert.equal(decide({ by: 'Grace', iam: 'arn:aws:iam::123456789012:user/grace' }, facts), 'accepted');
  });

  test('is called by the name that the plan has for it', () => {
    const outcome = (approvers: typeof bySession, by: string) =>
      decideApproval({
        question,
        answer: { decision: 'approve', plan: planHash, by, reason: null, iam: arn('ada') },
        approvers,
        fourEyes: false,
        reasonRequired: false,
        proof: true,
        now: new Date('2026-11-20T06:00:00Z'),
      });
    assert.deepEqual(outcome(bySession, arn('ada')), { accepted: true, again: false, by: 'Ada' });
    assert.deepEqual(outcome(bySession, ' ada@example.org '), { accepted: true, again: false, by: 'ada@example.org' });
    const shared = bySession.map((one) => ({ ...one, iam: role }));
    assert.deepEqual(outcome(shared, arn('ada')), { accepted: true, again: false, by: arn('ada') });
  });

  test('of who asked is refused where the plan asks for four eyes, whatever they call themselves', () => {
    const four = { approvers: bySession, proof: true, fourEyes: true };
    const asked = (requestedBy: string) => ({ ...four, question: { ...question, requestedBy } });
    for (const requestedBy of ['Ada', 'ada@example.org', arn('ada')])
      for (const by of ['Ada', arn('ada')])
        assert.equal(
          decide({ by, iam: arn('ada') }, asked(requestedBy)),
          `the plan asks for four eyes, and ${by} asked for it`,
        );
    assert.equal(decide({ by: 'Grace', iam: arn('grace') }, asked(arn('ada'))), 'accepted');
    assert.equal(
      decide({ by: 'Grace', iam: arn('grace') }, asked(arn('grace'))),
      'the plan asks for four eyes, and Grace asked for it',
    );
  });

  test('of who asked, under another session and in the name of an approver without an identity, is refused', () => {
    assert.equal(
      decide(
        { by: 'Grace', iam: arn('grace') },
        {
          ...{ approvers: [{ ...ada, iam: arn('ada') }, grace], fourEyes: true, proof: true },
          question: { ...question, requestedBy: arn('ada') },
        },
      ),
      `the plan asks for four eyes, and only the name of the session tells ${arn('grace')} from ${arn('ada')}, who asked for it`,
    );
  });

  test('of the same role under another session is refused with four eyes, where the plan does not tell them apart', () => {
    const asked = { ...question, requestedBy: arn('ada') };
    for (const approvers of [[ada, grace], [], [{ ...grace, iam: arn('grace') }]]) {
      assert.equal(
        decide({ by: 'Grace', iam: arn('grace') }, { approvers, fourEyes: true, question: asked }),
        `the plan asks for four eyes, and only the name of the session tells ${arn('grace')} from ${arn('ada')}, who asked for it`,
      );
    }
    const other = 'arn:aws:sts::123456789012:assumed-role/on-call/grace';
    assert.equal(decide({ by: 'Grace', iam: other }, { fourEyes: true, question: asked }), 'accepted');
  });

  test('again is the same one, by name or by ARN', () => {
    const given = { approvers: bySession, proof: true, answers: [{ ...said('approve', 'Ada'), iam: arn('ada') }] };
    assert.equal(decide({ by: arn('ada'), iam: arn('ada') }, given), 'again');
    assert.equal(
      decide({}, given),
      "the plan names its approvers' IAM identities, and nothing proves that Ada answers",
    );
    assert.match(decide({ by: 'Grace', iam: arn('grace') }, given), /^it was approved by Ada at/);
  });
});
