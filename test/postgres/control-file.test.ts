import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from '#harness/fast-check';
import { Failure, InputInvalid, ObjectDamaged } from '#model/failure';
import { lsn } from '#model/lsn';
import { parseControlFile } from '#postgres/control-file';

/**
 * The first 304 bytes of global/pg_control of PostgreSQL 16.14 and 17.10, shut down, and what pg_control_*() said of it
 * there. A difference means that the parser no longer reads these versions: correct the parser, not the bytes.
 */
const golden = [
  {
    bytes:
      '78dcc86a70ddff6a14050000fff50e0c010000000000000070ddff6a0000000050107201000000005010720100000000010000000100' +
      '00000100000000000000da02000000000000b43400000100000000000000d20200000100000001000000010000000000000070ddff6a' +
      '00000000da020000da0200000000000000000000e8030000000000000000000000000000000000000000000000000000000000000000' +
      '0000000000000000000002000000010000004d0000000900000007000000050000004600000001000000080000000000000087d63241' +
      '002000000000020000200000000000014000000020000000cc0700000008000001000000010000001b6405efdd1f66ad3a2588271742' +
      '5d6d964d893dad92fa32e145208cb5d215a161b8e846000000000000000000000000',
    majorVersion: 16,
    controlVersion: 1300,
    catalogVersion: 202307071,
    systemIdentifier: '7710124561979202680',
    checkpoint: lsn(0x1721050n),
  },
  {
    bytes:
      '8e3c4a0771ddff6aa40600008979100c010000000000000071ddff6a0000000050197201000000005019720100000000010000000100' +
      '00000100000002000000e202000000000000b93400000100000000000000da0200000100000001000000010000000000000071ddff6a' +
      '00000000e2020000e20200000000000000000000e8030000000000000000000000000000000000000000000000000000000000000000' +
      '0000000000000000000002000000010000004d0000000900000007000000050000004600000001000000080000000000000087d63241' +
      '002000000000020000200000000000014000000020000000cc070000000800000100000001000000a4209b7f67cfaffd48643f8a665a' +
      '683235d17513eb320a09ac70146cbd588717e14a06c9000000000000000000000000',
    majorVersion: 17,
    controlVersion: 1700,
    catalogVersion: 202406281,
    systemIdentifier: '7710124564604927118',
    checkpoint: lsn(0x1721950n),
  },
];

for (const { bytes, ...expected } of golden) {
  test(`a control file of PostgreSQL ${expected.majorVersion} is read`, () => {
    assert.deepEqual(parseControlFile(Buffer.from(bytes, 'hex')), {
      ...expected,
      state: 'shut down',
      redo: expected.checkpoint,
      timeline: 1,
      minRecoveryPoint: 0n,
      minRecoveryPointTimeline: 0,
      backupStartPoint: 0n,
      backupEndPoint: 0n,
      backupEndRequired: false,
      maxConnections: 77,
      maxWorkerProcesses: 9,
      maxWalSenders: 7,
      maxPreparedTransactions: 5,
      maxLocksPerTransaction: 70,
      walLevel: 'logical',
      walLogHints: true,
      trackCommitTimestamp: true,
      blockSizeBytes: 8192,
      blocksPerFile: 131072,
      walBlockSizeBytes: 8192,
      walSegmentSizeBytes: 16777216,
      dataChecksumVersion: 1,
    });
  });
}

describe('a control file is refused', () => {
  const whole = Buffer.from(golden[1]!.bytes, 'hex');

  test('with its versions when they are not known', () => {
    const other = Buffer.from(whole);
    other.writeUInt32LE(1201, 8);
    other.writeUInt32LE(201909212, 12);
    assert.throws(
      () => parseControlFile(other),
      (error: unknown) => {
        assert(error instanceof InputInvalid);
        assert.match(error.message, /control version 1201, catalog version 201909212.*PostgreSQL 15, 16, 17 or 18/);
        return true;
      },
    );
  });

  test('when it is shorter than what its CRC covers', () => {
    assert.throws(() => parseControlFile(whole.subarray(0, 295)), ObjectDamaged);
  });

  test('when any of its bytes was changed', () => {
    fc.assert(
      fc.property(fc.nat(291), fc.integer({ min: 1, max: 255 }), (at, change) => {
        const changed = Buffer.from(whole);
        changed[at] = changed[at]! ^ change;
        assert.throws(() => parseControlFile(changed), Failure);
      }),
    );
  });
});
