import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { AuthenticationFailed } from '#model/failure';
import { type Finding, judgeReadiness, type ReadinessDetail } from '#postgres/readiness';

const good: ReadinessDetail = {
  role: { name: 'lifeboat', superuser: false, replication: true },
  settings: {
    wal_level: 'replica',
    max_wal_senders: '10',
    max_replication_slots: '10',
    max_slot_wal_keep_size: '51200',
    summarize_wal: 'on',
    data_checksums: 'on',
    full_page_writes: 'on',
    fsync: 'on',
    wal_segment_size: '16777216',
  },
  senders: 0,
  slots: 0,
};

test('a server that has everything is ready, and everything is told', () => {
  const findings = judge({});
  assert.deepEqual(
    findings.map(({ subject, status }) => [subject, status]),
    [
      'version',
      'wal_level',
      'role',
      'replication connection',
      'max_wal_senders',
      'max_replication_slots',
      'max_slot_wal_keep_size',
      'summarize_wal',
      'data_checksums',
      'full_page_writes',
      'fsync',
      'wal_segment_size',
    ].map((subject) => [subject, 'ok']),
  );
  assert.ok(findings.every(({ hint }) => hint === undefined));
  assert.equal(found(findings, 'wal_segment_size').found, '16 MiB');
});

test('a server before 15 is refused, and nothing else is said of it', () => {
  const findings = judgeReadiness({ version: '14.19', versionNumber: 140_019 });
  assert.deepEqual(
    findings.map(({ subject, status, found }) => [subject, status, found]),
    [['version', 'failed', 'PostgreSQL 14.19, and 15 or newer is needed']],
  );
});

describe('what a backup cannot work without fails, with the command that changes it', () => {
  const failing: [what: string, detail: Partial<ReadinessDetail>, subject: string, found: RegExp, hint: string][] = [
    [
      'wal_level = minimal',
      settings({ wal_level: 'minimal' }),
      'wal_level',
      /^minimal, and replica is needed$/,
      "ALTER SYSTEM SET wal_level = 'replica', and restart PostgreSQL",
    ],
    [
      'a role without the right',
      { role: { name: 'Backup User', superuser: false, replication: false } },
      'role',
      /^Backup User may not replicate$/,
      'ALTER ROLE "Backup User" REPLICATION',
    ],
    [
      'a refused replication connection',
      {
        replicationRefusal: new AuthenticationFailed('no entry', { operation: 'connect', subject: 'h', hint: 'do it' }),
      },
      'replication connection',
      /^no entry$/,
      'do it',
    ],
    [
      'one free WAL sender',
      { ...settings({ max_wal_senders: '3' }), senders: 2 },
      'max_wal_senders',
      /^2 of 3 in use, and 2 free are needed$/,
      "ALTER SYSTEM SET max_wal_senders = '4', and restart PostgreSQL",
    ],
    [
      'no free slot',
      { ...settings({ max_replication_slots: '2' }), slots: 2 },
      'max_replication_slots',
      /^2 of 2 in use, and one free is needed$/,
      "ALTER SYSTEM SET max_replication_slots = '3', and restart PostgreSQL",
    ],
    [
      'a slot of that name for something else',
      { slots: 1, slot: { name: 'lifeboat', type: 'logical', active: false, walStatus: 'reserved' } },
      'max_replication_slots',
      /^the slot lifeboat is logical$/,
      'name another slot in the plan',
    ],
    [
      'a slot that has lost its WAL',
      { slots: 1, slot: { name: 'lifeboat', type: 'physical', active: false, walStatus: 'lost' } },
      'max_replication_slots',
      /^the slot lifeboat has lost its WAL$/,
      "SELECT pg_drop_replication_slot('lifeboat'), and take a full backup",
    ],
  ];
  for (const [what, detail, subject, expected, hint] of failing) {
    test(what, () => {
      const finding = found(judge(detail), subject);
      assert.equal(finding.status, 'failed');
      assert.match(finding.found, expected);
      assert.equal(finding.hint, hint);
    });
  }
});

describe('what makes a backup less good is a warning', () => {
  const warned: [what: string, detail: Partial<ReadinessDetail>, subject: string, found: RegExp, hint: RegExp][] = [
    [
      'a slot without limit',
      settings({ max_slot_wal_keep_size: '-1' }),
      'max_slot_wal_keep_size',
      /fills the disk/,
      /50GB/,
    ],
    [
      'no WAL summaries',
      settings({ summarize_wal: 'off' }),
      'summarize_wal',
      /incremental .* impossible/,
      /'on'; SELECT/,
    ],
    ['no checksums', settings({ data_checksums: 'off' }), 'data_checksums', /unnoticed/, /pg_checksums --enable/],
    [
      'full_page_writes = off',
      settings({ full_page_writes: 'off' }),
      'full_page_writes',
      /tears/,
      /full_page_writes = 'on'/,
    ],
    ['fsync = off', settings({ fsync: 'off' }), 'fsync', /destroy/, /fsync = 'on'/],
  ];
  for (const [what, detail, subject, expected, hint] of warned) {
    test(what, () => {
      const finding = found(judge(detail), subject);
      assert.equal(finding.status, 'warning');
      assert.match(finding.found, expected);
      assert.match(finding.hint!, hint);
    });
  }

  test('a server before 17, which has no incremental backups', () => {
    const finding = found(judgeReadiness({ version: '16.4', versionNumber: 160_004, detail: good }), 'summarize_wal');
    assert.equal(finding.status, 'warning');
    assert.match(finding.found, /need PostgreSQL 17/);
  });
});

describe('what is in use by Lifeboat itself does not count against it', () => {
  const slot = { name: 'lifeboat', type: 'physical', active: true, walStatus: 'reserved' };

  test('its slot, when there is no other', () => {
    const finding = found(
      judge({ ...settings({ max_replication_slots: '1' }), slots: 1, slot }),
      'max_replication_slots',
    );
    assert.deepEqual([finding.status, finding.found], ['ok', '1 of 1 in use, lifeboat among them']);
  });

  test("its receiver's WAL sender", () => {
    const detail = { ...settings({ max_wal_senders: '2' }), senders: 1 };
    assert.equal(found(judge({ ...detail, slots: 1, slot }), 'max_wal_senders').status, 'ok');
    assert.equal(found(judge(detail), 'max_wal_senders').status, 'failed');
  });
});

test('a superuser needs no right to replicate, and logical is more than replica', () => {
  const findings = judge({
    role: { name: 'postgres', superuser: true, replication: false },
    ...settings({ wal_level: 'logical' }),
  });
  assert.ok(findings.every(({ status }) => status === 'ok'));
});

function settings(changed: Record<string, string>): Partial<ReadinessDetail> {
  return { settings: { ...good.settings, ...changed } };
}

function judge(changed: Partial<ReadinessDetail>): Finding[] {
  return judgeReadiness({ version: '17.2', versionNumber: 170_002, detail: { ...good, ...changed } });
}

function found(findings: Finding[], subject: string): Finding {
  const finding = findings.find((candidate) => candidate.subject === subject);
  assert.ok(finding, `nothing is said of ${subject}`);
  return finding;
}
