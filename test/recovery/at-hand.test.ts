import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type BackupKind, backupId } from '#model/backup-id';
import type { BackupSummary } from '#model/manifest';
import { atHand } from '#recovery/at-hand';
import { facts, seg, backup as taken } from './recovery-scene.ts';

const now = new Date('2026-11-20T12:00:00Z');
const template = taken({ from: '01:00', to: '01:10', start: seg(2, 0x28), stop: seg(2, 0x200) });

function aged(days: number, kind: BackupKind = 'full', parent: BackupSummary | null = null): BackupSummary {
  const id = backupId(new Date(now.getTime() - days * 86_400_000), kind);
  return { ...template, backup: id, kind, parent: parent?.backup ?? null };
}

const old = aged(95);
const childOfOld = aged(10, 'incr', old);
const young = aged(20);
const childOfYoung = aged(5, 'incr', young);
const all = facts([old, young, childOfOld, childOfYoung]);
const left = (tiers: Parameters<typeof atHand>[1], from = all) => atHand(from, tiers, now).backups;

test('what may lie in an archive class is left out, and what builds on it', () => {
  assert.deepEqual(left({ infrequentAccess: 30, glacier: 90 }), [young, childOfYoung]);
  assert.deepEqual(left({ deepArchive: 90 }), [young, childOfYoung]);
});

test('a backup is left out a day before it may move', () => {
  assert.deepEqual(left({ glacier: 21 }), [young, childOfYoung]);
  assert.deepEqual(left({ glacier: 20 }, facts([young, aged(3)])), [aged(3)]);
});

test('classes that are read at once leave nothing out', () => {
  assert.deepEqual(left({ infrequentAccess: 30 }), all.backups);
  assert.deepEqual(left({}), all.backups);
});

test('where everything is archived nothing is left out: a drill then says so', () => {
  assert.deepEqual(left({ glacier: 90 }, facts([old, childOfOld])), [old, childOfOld]);
});
