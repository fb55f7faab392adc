import assert from 'node:assert/strict';
import { test } from 'node:test';
import { lsn } from '#model/lsn';
import { missingWal } from '../../tasks/wal-to-follow.ts';

const at = (position: number) => lsn(BigInt(position));

test('a backup whose WAL the primary has from its stop on needs none of the bucket', async () => {
  const stored = async () => assert.fail('the bucket is asked');
  for (const oldest of [at(50), at(100), undefined])
    assert.equal(await missingWal({ stop: at(100), oldest, stored }), undefined);
});

test('what the primary has no more may be in the bucket, without a hole up to where the primary begins', async () => {
  const missing = (until: number) => missingWal({ stop: at(100), oldest: at(300), stored: async () => at(until) });
  assert.equal(await missing(300), undefined);
  assert.match((await missing(299))!, /the bucket has WAL up to 0\/12B, and the primary has it from 0\/12C on/);
});
