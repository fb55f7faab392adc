import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { describeStatus } from '#cli/describe-status';
import type { SourceReport, StatusReport } from '#cli/status-report';
import type { BackupId } from '#model/backup-id';
import type { DumpId } from '#model/dump-id';
import type { FailoverStanding } from '#model/failover-standing';

const now = new Date('2026-11-20T06:00:00Z');
const source: SourceReport = {
  name: 'orders',
  proven: {
    backup: '20261120T050000000Z-full' as BackupId,
    since: '2026-11-20T05:30:00Z',
    reason: "restored to the backup's end, started, replayed and checked",
  },
  window: { from: '2026-11-13 05:00:00+00', to: '2026-11-20 05:59:58+00', count: 2 },
  rpo: { lossMs: 2_000, reason: 'everything up to 0/3000000 is stored and verified', at: '2026-11-20T06:00:00Z' },
  rto: {
    ms: 754_000,
    phasesMs: { files: 600_000, replay: 100_000, checks: 54_000 },
    drills: 3,
    newestDrillAt: '2026-11-20T05:30:00Z',
    confidence: 'good',
    basis: '3 drills, the last one 30m ago',
  },
  tier: { rpoMs: 60_000, rtoMs: 3_600_000 },
  counts: { proven: 7, verified: 1, committed: 0, broken: 0 },
  bytes: 3 * 1024 ** 3,
  dump: undefined,
};
const report: StatusReport = {
  now,
  sources: [source],
  groups: [],
  daemon: { pid: 42, startedAt: '2026-11-19T06:00:00Z' },
  stack: undefined,
  services: [{ name: 'receive-orders', runs: true, restarts: 0 }],
  next: [{ schedule: 'full-orders', at: '2026-11-22T02:00:00Z' }],
  running: [],
  questions: [],
  ended: [],
  problems: [],
};
const linesOf = (change: Partial<StatusReport>): string[] => describeStatus({ ...report, ...change }).split('\n');

describe('status', () => {
  test('tells of a source what is proven, what can be restored, and what was measured against what is promised', () => {
    assert.deepEqual(linesOf({}), [
      'orders',
      "  proven  20261120T050000000Z-full, 30m ago: restored to the backup's end, started, replayed and checked",
      '  window  2026-11-13 05:00:00+00 to 2026-11-20 05:59:58+00, and 1 earlier',
      '  RPO     2s, promised at most 1m: everything up to 0/3000000 is stored and verified',
      '  RTO     12m 34s, promised at most 1h (3 drills, the last one 30m ago)',
      '  backups 7 proven, 1 verified, 3.00 GiB stored',
      'daemon    process 42 since 2026-11-19T06:00:00Z; receive-orders runs',
      'next      full-orders  2026-11-22T02:00:00Z  in 1d 20h',
      'everything is as it should be',
    ]);
  });

  test('tells of each group where its primary was seen last', () => {
    const standing: FailoverStanding = {
      ...{ format: 'lifeboat-failover/1', group: 'shop', at: '2026-11-20T05:59:30Z', primary: 'west', sites: [] },
      ...{ gone: null, witnesses: [], findings: [], automatic: null, plans: [] },
    };
    const since = '2026-11-20T05:50:00Z';
    const gone = { since, looks: 9, why: 'west does not answer', proposed: null };
    assert.deepEqual(
      linesOf({ groups: [standing, { ...standing, gone }] }).filter((line) => line.startsWith('group')),
      [
        'group     shop: the primary is at west (seen 30s ago)',
        `group     shop: NO PRIMARY since ${since}: west does not answer (seen 30s ago)`,
      ],
    );
  });

  test('of a source without anything says so in every line', () => {
    const counts = { proven: 0, verified: 0, committed: 0, broken: 0 };
    const bare = { name: 'new', tier: undefined, counts, bytes: 0 };
    const nothing = { proven: undefined, window: undefined, rpo: undefined, rto: undefined, dump: undefined };
    assert.deepEqual(linesOf({ sources: [{ ...bare, ...nothing }] }).slice(0, 6), [
      'new',
      '  proven  NO BACKUP IS PROVEN',
      '  window  NOTHING CAN BE RESTORED',
      '  RPO     not measured yet',
      '  RTO     not measured yet: no drill has been made',
      '  backups none, 0 B stored',
    ]);
  });

  test('tells of the newest dump where there is one, and whether it is broken', () => {
    const dump: SourceReport['dump'] = {
      ...{
        dump: '20261120T040000000Z-dump' as DumpId,
        kind: 'dump',
        state: 'proven',
        finishedAt: '2026-11-20T04:30:00Z',
      },
      ...{ databases: ['shop', 'crm'], storedBytes: 1 << 20, count: 3 },
    };
    const line = (more: Partial<typeof dump>) =>
      linesOf({ sources: [{ ...source, dump: { ...dump, ...more } }] }).find((one) => one.startsWith('  dump'));
    const told = '20261120T040000000Z-dump';
    assert.equal(line({}), `  dump    ${told} is proven, 1h 30m old: shop, crm, 1.00 MiB stored, and 2 earlier`);
    const broken = { state: 'broken', count: 1, databases: ['a', 'b', 'c', 'd'] } as const;
    assert.equal(
      line({ ...broken, databases: [...broken.databases] }),
      `  dump    ${told} is BROKEN, 1h 30m old: 4 databases, 1.00 MiB stored`,
    );
  });

  test('never ends well without a daemon, whatever the bucket says', () => {
    const lines = linesOf({ daemon: undefined, services: [], next: [] });
    assert.ok(lines.some((line) => line.includes('NOT RUNNING')));
    assert.equal(lines.at(-1), 'ONE THING NEEDS SOMEBODY');
  });

  test('names what is wrong with what to do, and counts', () => {
    const problem = { source: 'orders', what: 'a gap', since: '2026-11-20T05:00:00Z', todo: 'lifeboat backup' };
    const lines = linesOf({ problems: [problem, { ...problem, since: null }] });
    assert.deepEqual(lines.slice(-5), [
      'WRONG     orders: a gap (since 2026-11-20T05:00:00Z)',
      '  do      lifeboat backup',
      'WRONG     orders: a gap',
      '  do      lifeboat backup',
      '2 THINGS NEED SOMEBODY',
    ]);
  });

  test('gives for each question the commands that answer it, without the secret that ends it', () => {
    const question = {
      format: 'lifeboat-question/1' as const,
      execution: 'arn:aws:states:local:000000000000:execution:restore:abc',
      machine: 'restore',
      source: 'orders',
      planHash: 'f'.repeat(64),
      plan: 'the plan',
      requestedBy: 'Grace',
      askedAt: '2026-11-20T05:00:00Z',
      expiresAt: '2026-11-21T05:00:00Z',
      number: 1,
      yes: [],
    };
    assert.deepEqual(linesOf({ questions: [question] }).slice(-6), [
      'ASKED     restore of orders, by Grace, until 2026-11-21T05:00:00Z',
      '  plan    the plan',
      '  all     lifeboat executions abc',
      '  yes     lifeboat approve abc --plan ffffffffffff --reason "…"',
      '  no      lifeboat reject abc --plan ffffffffffff --reason "…"',
      'somebody has to answer',
    ]);
    const yes = [{ by: 'Ada', at: '2026-11-20T05:30:00Z', reason: 'orders are\nlost' }];
    assert.deepEqual(linesOf({ questions: [{ ...question, required: 2, yes }] }).slice(-5, -3), [
      '  has     1 yes of 2: 1 more person has to say yes',
      '          yes by Ada at 2026-11-20T05:30:00Z: orders are lost',
    ]);
    const evil = { ...question, execution: `${question.execution.replace('abc', "x;curl$IFS'y")}` };
    assert.deepEqual(
      linesOf({
        questions: [
          {
            ...{ ...evil, required: 2, requestedBy: 'Grace\rASKED\x1b[2J' },
            yes: [{ by: 'Ada\x1b[2J', at: question.askedAt, reason: null }],
          },
        ],
      }).slice(-8, -1),
      [
        'ASKED     restore of orders, by Grace ASKED[2J, until 2026-11-21T05:00:00Z',
        '  plan    the plan',
        `  all     lifeboat executions 'x;curl$IFS'\\''y'`,
        '  has     1 yes of 2: 1 more person has to say yes',
        `          yes by Ada[2J at ${question.askedAt}`,
        `  yes     lifeboat approve 'x;curl$IFS'\\''y' --plan ffffffffffff --reason "…"`,
        `  no      lifeboat reject 'x;curl$IFS'\\''y' --plan ffffffffffff --reason "…"`,
      ],
      'what people write is neither a line of its own nor a command',
    );
    const { execution, machine, source, planHash } = question;
    const ended = { execution, machine, source, planHash, outcome: 'rejected' as const, at: question.askedAt };
    assert.ok(
      linesOf({ ended: [{ ...ended, why: 'rejected by Ada' }] }).includes(
        'REJECTED  restore of orders, abc, plan ffffffffffff: rejected by Ada',
      ),
    );
  });

  test('shows what runs with what it last said, and a receiver that is down', () => {
    const running = {
      arn: 'arn:aws:states:local:000000000000:execution:backup:b1',
      machine: 'backup',
      name: 'b1',
      status: 'RUNNING' as const,
      startedAt: new Date(now.getTime() - 65_000),
      stoppedAt: undefined,
      doing: 'copy: 1.00 GiB of 3.00 GiB',
    };
    const lines = linesOf({ running: [running], services: [{ name: 'receive-orders', runs: false, restarts: 3 }] });
    assert.ok(lines.includes('runs      backup  b1  for 1m 5s  copy: 1.00 GiB of 3.00 GiB'), lines.join('\n'));
    assert.ok(lines.some((line) => line.endsWith('; receive-orders IS DOWN, restarted 3 times')));
  });

  test('says in words that everything would be lost', () => {
    const lines = linesOf({ sources: [{ ...source, rpo: { lossMs: null, reason: 'no backup', at: 'x' } }] });
    assert.ok(lines.includes('  RPO     EVERYTHING would be lost, promised at most 1m: no backup'), lines.join('\n'));
  });
});
