import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { BackupSummary } from '#model/manifest';
import { chainOf } from '#recovery/chain';
import { backup, otherSystem, seg } from './recovery-scene.ts';

const place = { to: '23:00', start: seg(1), stop: seg(2) };
const full = backup({ ...place, from: '01:00' });
const first = backup({ ...place, from: '02:00', kind: 'incr', parent: full });
const second = backup({ ...place, from: '03:00', kind: 'incr', parent: first });
const sibling = backup({ ...place, from: '04:00', kind: 'incr', parent: full });
const all = [full, first, second, sibling];

const chain = (backups: readonly BackupSummary[], newest: BackupSummary) => {
  const found = chainOf(backups, newest);
  return 'missing' in found ? found : found.backups.map((one) => one.backup);
};

test('a full backup is a chain of its own', () => {
  assert.deepEqual(chain(all, full), [full.backup]);
});

test('an incremental comes after all that it builds on, and after nothing else', () => {
  assert.deepEqual(
    chain(all, second),
    [full, first, second].map((one) => one.backup),
  );
  assert.deepEqual(
    chain(all.toReversed(), sibling),
    [full, sibling].map((one) => one.backup),
  );
});

test('a parent that is gone is named, wherever in the chain it was', () => {
  assert.deepEqual(chain([first, second], second), { missing: full.backup });
  assert.deepEqual(chain([full, second], second), { missing: first.backup });
});

test('a backup that is its own parent ends in a refusal, not in a circle', () => {
  const own = { ...first, parent: first.backup };
  assert.deepEqual(chain([full, own], own), { missing: first.backup });
});

test('two backups that are each the parent of the other end in a refusal', () => {
  const older = { ...first, parent: second.backup };
  assert.deepEqual(chain([older, second], second), { missing: second.backup });
  assert.deepEqual(chain([older, second], older), { missing: second.backup });
});

test('a parent of another system is none', () => {
  const foreign = backup({ ...place, from: '01:00', systemId: otherSystem });
  assert.deepEqual(chain([foreign, first], first), { missing: full.backup });
});
