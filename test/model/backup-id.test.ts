import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from '#harness/fast-check';
import { backupId, backupKinds, isBackupId, parseBackupId } from '#model/backup-id';
import { InputInvalid } from '#model/failure';

const instants = fc.date({
  min: new Date('1970-01-01Z'),
  max: new Date('9999-12-31T23:59:59.999Z'),
  noInvalidDate: true,
});
const kinds = fc.constantFrom(...backupKinds);

test('an id says when, to the millisecond, and what', () => {
  assert.equal(backupId(new Date('2026-11-20T05:13:45.123Z'), 'full'), '20261120T051345123Z-full');
});

test('every id survives printing and reading', () => {
  fc.assert(
    fc.property(instants, kinds, (startedAt, kind) => {
      const id = backupId(startedAt, kind);
      assert.ok(isBackupId(id));
      assert.deepEqual(parseBackupId(id), { id, startedAt, kind });
    }),
  );
});

test('ids sort by time', () => {
  fc.assert(
    fc.property(instants, instants, kinds, kinds, (a, b, kindA, kindB) => {
      fc.pre(a.getTime() !== b.getTime());
      assert.equal(a < b, backupId(a, kindA) < backupId(b, kindB));
    }),
  );
});

const refused = [
  '',
  'latest',
  '20261120T051345123Z',
  '20261120T051345123Z-diff',
  '20261120T051345Z-full',
  '20261320T051345123Z-full',
  '20260230T051345123Z-full',
  '20261120T251345123Z-full',
  '20261120T051345123Z-full/',
  '../20261120T051345123Z-full',
];
for (const text of refused) {
  test(`"${text}" is refused, and the hint tells where ids are listed`, () => {
    assert.throws(
      () => parseBackupId(text),
      (failure: unknown) => {
        assert.ok(failure instanceof InputInvalid);
        assert.equal(failure.message, `backup: "${text}" is not allowed: expected an id like 20261120T051345123Z-full`);
        assert.equal(failure.hint, 'list them with `lifeboat backups`');
        return true;
      },
    );
  });
}

test('what is not an id is told from one', () => {
  assert.ok(!isBackupId('lost+found'));
  assert.ok(!isBackupId('20261120T051345123Z-full.tmp'));
});
