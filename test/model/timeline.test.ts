import assert from 'node:assert/strict';
import { test } from 'node:test';
import { InputInvalid } from '#model/failure';
import { parseLsn } from '#model/lsn';
import { formatTimeline, historyFileName, isOnPath, parseHistory, spanOnPath } from '#model/timeline';

/** As PostgreSQL writes it for a third timeline, reasons and blank line included. */
const third = [
  '1\t0/5000148\tno recovery target specified',
  '',
  '2\t0/7000028\tbefore 2026-11-20 05:13:45.123456+00',
  '',
].join('\n');

test('timelines are named with eight hexadecimal digits', () => {
  assert.equal(formatTimeline(1), '00000001');
  assert.equal(formatTimeline(0xabcdef12), 'ABCDEF12');
  assert.equal(historyFileName(26), '0000001A.history');
});

test('a history file is read with its reasons, whatever blank lines and comments it has', () => {
  const history = parseHistory(3, `# a comment\n  \n${third}`);
  assert.deepEqual(history, {
    timeline: 3,
    ancestors: [
      { timeline: 1, switchpoint: parseLsn('0/5000148'), reason: 'no recovery target specified' },
      { timeline: 2, switchpoint: parseLsn('0/7000028'), reason: 'before 2026-11-20 05:13:45.123456+00' },
    ],
  });
});

test('a reason may be missing, and a file empty', () => {
  assert.deepEqual(parseHistory(2, '1 0/10\n').ancestors, [{ timeline: 1, switchpoint: 16n, reason: '' }]);
  assert.deepEqual(parseHistory(1, ''), { timeline: 1, ancestors: [] });
});

const refused: [string, number, string, RegExp][] = [
  ['a line that is none', 2, '1\t0/10\nhello', /00000002\.history: "hello" is not allowed: expected lines of timeline/],
  ['a line without a switch point', 2, '1', /00000002\.history: "1" is not allowed/],
  ['a switch point of too many digits', 2, '1\t0/123456789', /two hexadecimal numbers/],
  ['ancestors that do not increase', 4, '2\t0/10\n1\t0/20', /"1\t0\/20" is not allowed: .*increasing order/],
  ['an ancestor twice', 4, '2\t0/10\n2\t0/20', /increasing order/],
  ['switch points that go back', 4, '1\t0/20\n2\t0/10', /increasing order/],
  [
    'an ancestor that is the timeline itself',
    2,
    '2\t0/10',
    /2 is not allowed: expected ancestors older than timeline 2/,
  ],
  ['an ancestor that is newer', 2, '3\t0/10', /3 is not allowed: expected ancestors older than timeline 2/],
];
for (const [what, timeline, content, message] of refused) {
  test(`a history with ${what} is refused by file and line`, () => {
    assert.throws(
      () => parseHistory(timeline, content),
      (failure: unknown) => {
        assert.ok(failure instanceof InputInvalid);
        assert.equal(failure.field, historyFileName(timeline));
        assert.match(failure.message, message);
        return true;
      },
    );
  });
}

test('each timeline on a path has the span between its switch points', () => {
  const path = parseHistory(3, third);
  assert.deepEqual(spanOnPath(path, 1), { from: 0n, to: parseLsn('0/5000148') });
  assert.deepEqual(spanOnPath(path, 2), { from: parseLsn('0/5000148'), to: parseLsn('0/7000028') });
  assert.deepEqual(spanOnPath(path, 3), { from: parseLsn('0/7000028'), to: undefined });
  assert.equal(spanOnPath(path, 4), undefined);
});

test('a position is on a path up to the switch point, and one byte beyond it is not', () => {
  const path = parseHistory(3, third);
  assert.ok(isOnPath(path, 1, parseLsn('0/5000148')));
  assert.ok(!isOnPath(path, 1, parseLsn('0/5000149')));
  assert.ok(isOnPath(path, 2, parseLsn('0/5000148')));
  assert.ok(!isOnPath(path, 2, parseLsn('0/5000147')));
  assert.ok(isOnPath(path, 3, parseLsn('FF/0')));
  assert.ok(!isOnPath(path, 7, parseLsn('0/5000148')));
});
