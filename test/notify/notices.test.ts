import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type NoticeInput, noticeSchema } from '#model/notice';
import {
  eventDead,
  fineAgain,
  noticeKeys,
  overdue,
  receiverStands,
  rpoAboveTier,
  rtoAboveTier,
  startedAfterCrash,
  walGap,
} from '#notify/notices';
import { type Question, questionNotice } from '#notify/question';
import { shellWord } from '#notify/shell-word';
import { toEmail } from '#notify/to-email';
import { toSlack } from '#notify/to-slack';

const source = 'main';
const since = new Date('2026-11-20T05:00:00Z');
const now = new Date('2026-11-20T05:10:00Z');

const told: [string, NoticeInput, todo: string][] = [
  [
    'gap',
    walGap({ source, timeline: 1, after: '0/3000000', before: '0/5000000', foundAt: since }),
    'lifeboat backup --source main --type full',
  ],
  [
    'receiver',
    receiverStands({ source, lastStoredAt: since, reason: 'connection refused', now }),
    'lifeboat status --source main',
  ],
  ['rpo', rpoAboveTier({ source, rpoMs: 600_000, promisedMs: 60_000, since }), 'lifeboat status --source main'],
  [
    'rto',
    rtoAboveTier({ source, rtoMs: 7_200_000, promisedMs: 3_600_000, backup: '20261120T051345123Z-full', since }),
    'lifeboat drill --source main',
  ],
  [
    'overdue full',
    overdue({ source, kind: 'full', dueAt: since, lastAt: undefined }),
    'lifeboat backup --source main --type full',
  ],
  ['overdue drill', overdue({ source, kind: 'drill', dueAt: since, lastAt: since }), 'lifeboat drill --source main'],
  [
    'dead event',
    eventDead({ id: 'e1', about: source, target: 'verify', tries: 20, reason: 'x', firstAt: since }),
    'lifeboat status',
  ],
  [
    'crash',
    startedAfterCrash({ host: 'db1', startedAt: now, lastSeenAt: since, resumed: ['backup full-main-1'], left: [] }),
    'lifeboat executions',
  ],
];
for (const [name, notice, todo] of told) {
  test(`${name}: what happened, since when, and the command`, () => {
    const { occasion, since: begun, todo: command, dedupe, what, recovered } = noticeSchema.parse(notice);
    assert.deepEqual([occasion, begun, command, recovered], ['failure', since.toISOString(), todo, false]);
    assert.ok(dedupe !== null && dedupe.length > 3);
    assert.doesNotMatch(what, /undefined|null|NaN|Invalid/);
  });
}

test('each has a key of its own, the same each minute', () => {
  const keys = told.map(([, { dedupe }]) => dedupe);
  assert.equal(new Set(keys).size, keys.length);
  const later = receiverStands({
    source,
    lastStoredAt: since,
    reason: 'timeout',
    now: new Date(now.getTime() + 60_000),
  });
  assert.equal(later.dedupe, noticeKeys.receiver(source));
  assert.ok(keys.includes(later.dedupe));
});

test('what was never stored is said to be so', () => {
  assert.match(
    String(receiverStands({ source, lastStoredAt: undefined, reason: '', now }).what),
    /^No WAL is stored yet\./,
  );
  assert.match(
    String(startedAfterCrash({ host: 'h', startedAt: now, lastSeenAt: undefined, resumed: [], left: [] }).what),
    /not known\.\nNothing was/,
  );
});

test('"fine again" ends what was told with the same key', () => {
  const notice = noticeSchema.parse(
    fineAgain({ subject: source, title: 'WAL is stored again', dedupe: noticeKeys.receiver(source), since, now }),
  );
  assert.deepEqual([notice.occasion, notice.recovered, notice.dedupe], ['success', true, 'receiver main']);
  assert.equal(notice.what, 'It is fine again after 10m.');
});

const question: Question = {
  subject: source,
  machine: 'restore',
  execution: { arn: 'arn:aws:states:local:000000000000:execution:restore:0f7c2e1a-restore', name: '0f7c2e1a-restore' },
  planHash: '379ec2ea74d5',
  title: 'restore main to 2026-11-20 05:13:45+00',
  does: ['set /srv/data aside', 'lay down 20261120T051345123Z-full'],
  loses: ['what was written after 05:13:45 (4m)'],
  requestedBy: 'bob',
  approvers: ['Ada', 'Grace'],
  fourEyes: true,
  askedAt: since,
  expiresAt: now,
};

test('a question says what will be done, what is lost, who may answer and how', () => {
  const notice = noticeSchema.parse(questionNotice(question));
  assert.equal(notice.occasion, 'question');
  assert.equal(
    notice.todo,
    'lifeboat approve 0f7c2e1a-restore --plan 379ec2ea74d5\nlifeboat reject 0f7c2e1a-restore --plan 379ec2ea74d5',
  );
  assert.equal(
    notice.what,
    `bob asks for it. What will be done:
- set /srv/data aside
- lay down 20261120T051345123Z-full
What is lost:
- what was written after 05:13:45 (4m)
May answer: Ada, Grace, but not bob.
Without an answer by 2026-11-20T05:10:00.000Z nothing is done.`,
  );
});

test('no message of a question has a link or a token in it', () => {
  const token = 'QUJD'.repeat(150);
  const withToken = noticeSchema.parse({
    ...questionNotice({ ...question, does: [`hold ${token}`] }),
    taskToken: token,
  });
  const messages = [toSlack(withToken), toEmail(withToken, 'id', { from: 'a@b.c', to: ['d@e.f'] }), withToken];
  for (const message of messages) assert.doesNotMatch(JSON.stringify(message), /https?:|QUJDQUJD/);
});

test('a name that a shell would take apart is quoted', () => {
  assert.equal(shellWord('full-main-20261120T051300Z'), 'full-main-20261120T051300Z');
  assert.equal(shellWord("a'; rm -rf (x)"), `'a'\\''; rm -rf (x)'`);
  assert.equal(shellWord(''), "''");
});
