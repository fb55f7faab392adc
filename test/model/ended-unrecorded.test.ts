import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { type EndedExecution, endedUnrecorded, recordedIds, stopCause, stopError } from '#model/ended-unrecorded';

const machines = new URL('../../statemachines/', import.meta.url);
const arn = 'arn:aws:states:local:000000000000:execution:failover:one';
const ended = (more: Partial<EndedExecution> = {}): EndedExecution => ({
  ...{ arn, machine: 'failover', status: 'ABORTED' },
  ...{ startedAt: '2026-11-20T03:00:00.000Z', endedAt: '2026-11-20T03:05:00.000Z' },
  input: { group: 'shop', requestedBy: 'ada', planned: true },
  ...more,
});
const deedOf = (more: Partial<EndedExecution> = {}) =>
  endedUnrecorded(ended(more), (group) => (group ? 'orders' : null))?.deed;

test('an execution that somebody stopped is their deed', () => {
  assert.deepEqual(deedOf({ error: stopError, cause: stopCause('grace', 'the wrong group') }), {
    ...{ id: `${arn} not moved`, who: 'grace', source: 'orders', when: '2026-11-20T03:05:00.000Z', outcome: 'stopped' },
    what: 'failover of shop, which ada asked for, was stopped by grace: the wrong group',
    ...{ execution: arn, planHash: null, approval: null },
    details: {
      ...{ kind: 'failover', from: null, to: null, mode: 'switchover', fence: null, reached: null, lostBytes: null },
      ...{ rtoMs: null, verification: null },
    },
    ...{ startedAt: '2026-11-20T03:00:00.000Z', durationMs: 300_000 },
  });
});

describe('it is said', () => {
  const cases: [what: string, more: Partial<EndedExecution>, who: string, says: string][] = [
    ['without a name', {}, 'somebody', 'failover of shop, which ada asked for, was stopped'],
    [
      'what another tool gave as a reason',
      { error: 'Oops', cause: 'by the console' },
      'somebody',
      'failover of shop, which ada asked for, was stopped: Oops: by the console',
    ],
    [
      'who stopped it, by an ARN',
      { error: stopError, cause: stopCause('arn:aws:iam::111122223333:user/ada', undefined) },
      'arn:aws:iam::111122223333:user/ada',
      'failover of shop, which ada asked for, was stopped by arn:aws:iam::111122223333:user/ada',
    ],
    [
      'that it took too long',
      { status: 'TIMED_OUT', error: 'States.Timeout' },
      'ada',
      'failover of shop, which ada asked for, took longer than it may, and was ended: States.Timeout',
    ],
    [
      'of what it died',
      { status: 'FAILED', error: 'States.Runtime', cause: 'no such\nvariable' },
      'ada',
      'failover of shop, which ada asked for, died: States.Runtime: no such variable',
    ],
    ['of an input that is none', { input: [{ group: 7 }] }, 'somebody', 'failover was stopped'],
    [
      'of a system',
      { machine: 'system-recovery', input: { system: 'all' } },
      'somebody',
      'recovery of the system all was stopped',
    ],
    ['of a restore', { machine: 'restore', input: { source: 'main' } }, 'somebody', 'restore of main was stopped'],
  ];
  for (const [what, more, who, says] of cases)
    test(what, () => assert.deepEqual([deedOf(more)?.who, deedOf(more)?.what], [who, says]));
});

test('what went well, runs, or is another machine is not recorded here', () => {
  for (const more of [
    { status: 'SUCCEEDED' },
    { status: 'RUNNING' },
    { machine: 'backup' },
    { machine: 'constructor' },
  ])
    assert.equal(deedOf(more), undefined);
});

/** An id that is the execution's own, and not of one thing among several that it did. */
const idsIn = (text: string): string[] =>
  [...text.matchAll(/"id": "\{% \$states\.context\.Execution\.Id & ' ([^']+)' %\}"/g)].map(([, id]) => id!);

test('the ids are those under which the machines that ask people, or move something, record themselves', () => {
  const found: Record<string, string[]> = {};
  for (const file of readdirSync(machines).filter((name) => name.endsWith('.asl.json'))) {
    const text = readFileSync(new URL(file, machines), 'utf8');
    const machine = file.replace('.asl.json', '');
    if (text.includes('AskApproval') || machine === 'failback') found[machine] = [...new Set(idsIn(text))].sort();
  }
  const known = Object.entries(recordedIds).map(([machine, { failed, done }]) => [machine, [failed, ...done].sort()]);
  assert.deepEqual(found, Object.fromEntries(known));
});
