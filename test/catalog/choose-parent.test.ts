import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { chooseParent, type Server } from '#catalog/choose-parent';
import { type BackupId, backupId } from '#model/backup-id';
import { type BackupSummary, parseManifest, summarize } from '#model/manifest';

const golden = summarize(
  parseManifest(readFileSync(new URL('../golden/manifest.json', import.meta.url), 'utf8'), 'golden'),
);
const server: Server = { major: 18, systemId: golden.server.systemId, summarizesWal: true, encrypted: true };

const backupOf = (
  day: number,
  parent: BackupId | null = null,
  own: Partial<BackupSummary['server']> = {},
): BackupSummary => {
  const kind = parent ? 'incr' : 'full';
  const backup = backupId(new Date(Date.UTC(2026, 10, day)), kind);
  return { ...golden, backup, kind, parent, server: { ...golden.server, ...own } };
};
const full = backupOf(1);
const incr = backupOf(2, full.backup);

test('an incremental builds on the newest backup of this cluster, of whatever kind', () => {
  assert.deepEqual(chooseParent([full], server), { parent: full });
  assert.deepEqual(chooseParent([full, incr], server), { parent: incr });
});

test('backups of other clusters are passed over', () => {
  const foreign = backupOf(3, null, { systemId: '7571234567890123999' });
  assert.deepEqual(chooseParent([full, foreign], server), { parent: full });
});

const fulls: [string, BackupSummary[], Partial<Server>, string][] = [
  ['an old server', [full], { major: 16 }, 'PostgreSQL 16 has no incremental backup, 17 and newer have'],
  ['a server that keeps no summaries', [full], { summarizesWal: false }, 'summarize_wal is off on the server'],
  ['the first backup', [], {}, 'there is no backup of this cluster yet'],
  ['a new cluster', [full], { systemId: '7571234567890123999' }, 'there is no backup of this cluster yet'],
  ['a server that was upgraded', [full], { major: 19 }, 'the last backup is of PostgreSQL 18'],
  [
    'encryption that was switched off',
    [full],
    { encrypted: false },
    'the last backup is encrypted, the plan says otherwise now',
  ],
  [
    'encryption that was switched on',
    [{ ...full, encryption: null }],
    {},
    'the last backup is not encrypted, the plan says otherwise now',
  ],
  ['a chain that lost its first', [incr], {}, `the last backup needs ${full.backup}, which is gone`],
  [
    'a chain that lost one in the middle',
    [full, backupOf(3, incr.backup)],
    {},
    `the last backup needs ${incr.backup}, which is gone`,
  ],
];
for (const [what, backups, changes, reason] of fulls) {
  test(`${what} needs a full backup: ${reason}`, () => {
    assert.deepEqual(chooseParent(backups, { ...server, ...changes }), { reason });
  });
}

test('parents in a circle are no chain', () => {
  const own = { ...incr, parent: incr.backup };
  assert.deepEqual(chooseParent([full, own], server), {
    reason: `the last backup needs ${incr.backup}, which is gone`,
  });
});
