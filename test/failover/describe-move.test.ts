import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { MoveFacts } from '#failover/move-facts';
import { planMove } from '#failover/plan-move';
import type { MoveRequest } from '#failover/planned-move';
import {
  ago,
  behind,
  end,
  groupOf,
  known,
  movable,
  now,
  primary,
  silent,
  standby,
  standingOf,
  unknown,
  wellFacts,
} from '#harness/move-scene';

const group = groupOf({ health: [{ kind: 'http', url: 'http://shop.example/' }] });

function textOf(facts: Partial<MoveFacts>, request: MoveRequest = {}): string {
  const outcome = planMove(group, wellFacts(facts), request, { now });
  assert.ok(outcome.ready, outcome.ready ? '' : outcome.reasons.join('; '));
  return outcome.move.planText.replace(outcome.move.planHash, '<hash>');
}

const outage: Partial<MoveFacts> = {
  bucket: known({ backups: 3, systemId: '7710121666982256801', timeline: 1, end, at: ago(305) }),
  sites: [silent('east'), standby('west', { streams: false, lsn: behind(3_000), replayedAt: ago(310) })],
  witnesses: [
    { what: 'http https://w.example/pg', kind: 'http', says: 'gone', detail: 'status 503' },
    { what: 'alarm db in eu-west-1', kind: 'alarm', says: 'there', detail: 'OK' },
  ],
  standing: known(standingOf({ gone: { since: ago(300).toISOString(), looks: 6, why: '', proposed: null } })),
};

test('a plan says at night what moves, why, what is lost, how long, what changes, and how the old primary is kept from writing', () => {
  assert.equal(
    textOf(outage, { reason: 'the region\nis down', requestedBy: 'ada' }),
    `failover of shop: the primary of orders moves from east to west
  because  the region is down
  asked by ada
  primary  east does not answer: connect ECONNREFUSED; gone since 2026-11-20T02:55:00.000Z (5m)
  witness  http https://w.example/pg says it is gone: status 503
  witness  alarm db in eu-west-1 says it is there: OK
  next     west answers as a standby, at 0/4FFF448 on timeline 1, does not stream
  loses    2.93 KiB of WAL that the bucket has, and whatever east wrote that nobody got; the last commit of west is of 2026-11-20T02:54:50.000Z, 10s before east was seen to be gone
  fence    first, hard, it cannot write whatever it does: it is stopped, and whoever starts its data directory gets a standby; now: it is stopped
  takes    about 42s, as the failover of 2026-11-10 did
  healthy  within 5m, by one check
  name     file /srv/names: to-east → to-west
  capacity file /srv/capacity: to-east → to-west
  setting  file /srv/settings: to-east → to-west
  WARNING  alarm db in eu-west-1 sees the primary, and we do not: it may be the network between us and east
plan <hash>`,
  );
});

test('that it could not be fenced stands in the second line, and what else is forced below it', () => {
  const why = 'it does not answer, and only SQL reaches it';
  const forced = { ...outage, sites: [silent('east', { possible: false, how: why }), outage.sites![1]] as const };
  const lines = textOf(forced, { force: true }).split('\n');
  assert.equal(lines[1], `  DANGER   east COULD NOT BE FENCED: it may still take writes (${why})`);
  assert.equal(lines[2], `  FORCED   in spite of this: east cannot be fenced: ${why}`);
});

test('that the primary answers stands in the second line, whoever forces it: a planned move loses nothing', () => {
  for (const force of [false, true]) {
    const [, remark, next] = textOf({}, { force }).split('\n');
    assert.match(
      remark!,
      /^ {2}REMARK {3}the primary ANSWERS: east takes writes now, and what it commits until it is fenced/,
    );
    assert.match(remark!, /`lifeboat failover shop --to west --planned` loses nothing$/);
    assert.equal(/^ {2}FORCED {3}--force was given/.test(next!), force);
  }
  assert.doesNotMatch(textOf({}, { planned: true }), /REMARK/);
  assert.doesNotMatch(textOf(outage), /REMARK|FORCED/);
});

test('a planned move loses nothing if it completes', () => {
  assert.match(
    textOf({}, { planned: true }),
    /loses {4}nothing, if it completes: writes stop, and west takes over only/,
  );
});

test('a rehearsal says what would be refused, and that nothing is changed', () => {
  const text = textOf({ sites: [primary('east'), standby('west', { lsn: behind(1 << 30) })] }, { rehearse: true });
  assert.match(text, /WARNING {2}a failover would be refused: west has received 1.00 GiB less than east/);
  assert.match(text, /changes {2}nothing on the live pair/);
});

test('what is not known is said, and no number made up', () => {
  const text = textOf({
    ...outage,
    bucket: unknown('no answer in 20 s'),
    measured: known([]),
    standing: unknown('503'),
  });
  assert.match(text, /loses {4}not known how much, and whatever east wrote that nobody got/);
  assert.match(text, /takes {4}not known: none was measured yet/);
  assert.match(text, /WARNING {2}what the bucket has is not known: no answer in 20 s/);
});

describe('whatever it is about', () => {
  const shout = 'x y '.repeat(3_000);
  const many = Array.from({ length: 200 }, (_, index) =>
    movable('names', shout, { what: `${index} ${shout}`, problems: [shout] }),
  );

  test('it has at most 4,000 characters, the forced part and the hash among them', () => {
    const facts = {
      ...outage,
      movables: many,
      witnesses: many.map(({ what }) => ({ what, kind: 'http', says: 'there' as const, detail: shout })),
    };
    const text = textOf(facts, { force: true, reason: shout.slice(0, 500), requestedBy: shout });
    assert.ok(text.length <= 4_000);
    assert.match(text, /FORCED {3}and in spite of 196 more/);
    assert.match(text, /loses {4}2.93 KiB/);
    assert.match(text, /\nplan <hash>$/);
  });

  test('nothing in it can look like another line, and escapes of a terminal are gone', () => {
    const text = textOf(outage, { reason: 'a\nplan 0000\u001b[2Jb\u202Ec', requestedBy: 'eve\r\n  fence    none' });
    assert.match(text, /because {2}a plan 0000\[2Jbc\n/);
    assert.equal(text.split('\n').filter((line) => line.startsWith('  fence')).length, 1);
  });
});
