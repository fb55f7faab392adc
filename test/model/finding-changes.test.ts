import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Finding, FindingKind } from '#model/finding';
import { findingChanges } from '#model/finding-changes';
import { hasLasted, type LastingTroubles, lastingTroubles } from '#model/lasting-trouble';
import { formatLsn, parseLsn } from '#model/lsn';

const finding = (
  dedupe: string,
  what = 'wrong',
  kind: FindingKind = 'damage',
  since: string | null = null,
): Finding => ({
  kind,
  source: 'main',
  since,
  what,
  todo: 'do',
  dedupe,
});
const keys = (findings: Finding[]) => findings.map(({ dedupe }) => dedupe);

describe('findings', () => {
  test('are raised once and end once', () => {
    const first = findingChanges([], [finding('a'), finding('b')]);
    assert.deepEqual([keys(first.raised), keys(first.ended)], [['a', 'b'], []]);
    const second = findingChanges(first.current, [finding('b', 'worse')]);
    assert.deepEqual([keys(second.raised), keys(second.ended)], [[], ['a']]);
    assert.equal(second.current[0]!.what, 'worse');
    const third = findingChanges(second.current, []);
    assert.deepEqual([keys(third.ended), findingChanges(third.current, []).ended], [['b'], []]);
  });

  test('keep when they began', () => {
    const before = [finding('a', 'x', 'damage', '2026-11-20T05:00:00.000Z')];
    const { current } = findingChanges(before, [finding('a', 'y', 'damage', '2026-11-20T05:01:00.000Z')]);
    assert.deepEqual([current[0]!.since, current[0]!.what], ['2026-11-20T05:00:00.000Z', 'y']);
  });

  test('that cannot be judged go on', () => {
    const before = [finding('still', 'x', 'receiver-still'), finding('gone', 'x', 'wal-gap')];
    const { current, ended } = findingChanges(before, [], ['receiver-still']);
    assert.deepEqual([keys(current), keys(ended)], [['still'], ['gone']]);
  });
});

describe('trouble that lasts', () => {
  const at = (second: number): Date => new Date(Date.UTC(2026, 10, 20, 5, 0, second));
  const end = (text: string, timeline = 1) => ({ timeline, end: parseLsn(text) });
  const server = (text: string, timeline = 1) => ({ timeline, flushed: parseLsn(text) });
  const see = (
    before: LastingTroubles | undefined,
    second: number,
    stored: string,
    flushed: string | undefined,
    gap?: string,
  ) =>
    lastingTroubles(before, {
      now: at(second),
      server: flushed === undefined ? undefined : server(flushed),
      stored: end(stored),
      gapAfter: gap === undefined ? undefined : parseLsn(gap),
    });

  test('is that nothing is stored while the server is ahead', () => {
    const first = see(undefined, 0, '0/100', '0/200');
    assert.deepEqual(first.behind, { storedTo: '0/100', since: at(0).toISOString() });
    assert.deepEqual(see(first, 60, '0/100', '0/300').behind!.since, at(0).toISOString());
    assert.deepEqual(see(first, 60, '0/180', '0/300').behind, { storedTo: '0/180', since: at(60).toISOString() });
    assert.equal(see(first, 60, '0/200', '0/200').behind, null);
    const never = lastingTroubles(undefined, {
      now: at(0),
      server: server('0/1'),
      stored: undefined,
      gapAfter: undefined,
    });
    assert.equal(never.behind!.storedTo, null);
  });

  test('is on another timeline, too; WAL of a later one than the server’s is not behind it', () => {
    const seen = { now: at(0), gapAfter: undefined };
    assert.ok(lastingTroubles(undefined, { ...seen, server: server('0/100', 2), stored: end('0/900') }).behind);
    assert.equal(
      lastingTroubles(undefined, { ...seen, server: server('0/900', 1), stored: end('0/100', 2) }).behind,
      null,
    );
  });

  test('stays what it was while the server does not answer', () => {
    const first = see(undefined, 0, '0/100', '0/200');
    const second = see(first, 60, '0/100', undefined);
    assert.deepEqual([second.behind, second.unreachable], [first.behind, { since: at(60).toISOString() }]);
    assert.deepEqual(see(second, 90, '0/100', undefined).unreachable, second.unreachable);
    assert.equal(see(second, 90, '0/100', '0/200').unreachable, null);
  });

  test('is a gap, from when it was first seen on', () => {
    const first = see(undefined, 0, '0/900', '0/900', '0/300');
    assert.equal(first.gap!.after, formatLsn(parseLsn('0/300')));
    assert.equal(see(first, 60, '0/900', '0/900', '0/300').gap!.since, at(0).toISOString());
    assert.equal(see(first, 60, '0/900', '0/900', '0/400').gap!.since, at(60).toISOString());
    assert.equal(see(first, 60, '0/900', '0/900').gap, null);
  });

  test('begins anew when the clock was set back', () => {
    const first = see(undefined, 60, '0/900', undefined);
    const second = see(first, 0, '0/900', undefined);
    assert.equal(second.unreachable!.since, at(0).toISOString());
    assert.ok(!hasLasted(second.unreachable, at(30), 60_000));
    assert.ok(hasLasted(second.unreachable, at(60), 60_000));
  });
});
