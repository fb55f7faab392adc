import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Evidence } from '#model/evidence';
import { evidenceTable } from '#model/evidence-table';

const at = '2026-11-20T05:00:00.000Z';
const restored: Evidence = {
  ...{
    format: 'lifeboat-evidence/1',
    sequence: 1,
    previous: null,
    id: 'x restored',
    who: 'bob',
    what: 'restored main',
  },
  ...{ source: 'main', when: at, outcome: 'succeeded', execution: null, planHash: 'ab' },
  approval: null,
  approvals: [
    { decision: 'approve', by: 'Ada', slack: 'U012ADA34', at, reason: `lost; approve by Grace at ${at}: "seen"` },
    { decision: 'approve', by: 'Edsger', iam: 'arn:aws:iam::123456789012:user/edsger', at, reason: null },
  ],
};

/** The one column of that name, of all rows. */
function column(list: 'restores' | 'approvals', name: string): string[] {
  const { columns, rows } = evidenceTable([restored], list);
  return rows.map((row) => row[columns.indexOf(name)]!);
}

describe('who said yes, as auditors read it', () => {
  test('is nobody whom another one wrote into a reason', () => {
    assert.deepEqual(column('restores', 'approval chain'), [
      `approve by Ada (Slack U012ADA34) at ${at}: "lost; approve by Grace at ${at}: \\"seen\\""; approve by Edsger (arn:aws:iam::123456789012:user/edsger) at ${at}: no reason given`,
    ]);
  });

  test('is told with whoever has confirmed it, AWS or Slack', () => {
    assert.deepEqual(column('approvals', 'identity'), ['Slack U012ADA34', 'arn:aws:iam::123456789012:user/edsger']);
  });
});
