import assert from 'node:assert/strict';
import { test } from 'node:test';
import { UsageInvalid } from '#cli/usage-invalid';
import * as moveFailures from '#failover/failures';
import { exitCodeOf, exitCodes } from '#model/exit-code';
import * as failures from '#model/failure';
import { PlanInvalid } from '#model/plan-invalid';

const detail = { operation: 'x', subject: 'y' };

test('the exit codes are a promise', () => {
  assert.deepEqual(exitCodes.flatMap(({ code, failures }) => failures.map((name) => `${name} ${code}`)).toSorted(), [
    'Aborted 130',
    'AlreadyRunning 7',
    'ApprovalExpired 10',
    'ApprovalRefused 10',
    'AuthenticationFailed 4',
    'BackupBroken 6',
    'BackupDamaged 6',
    'BackupFailed 6',
    'BackupIncomplete 6',
    'CheckFailed 6',
    'ConnectionFailed 4',
    'DrillFailed 11',
    'DumpBroken 6',
    'DumpFailed 6',
    'DumpUnproven 11',
    'DumpUnrecorded 5',
    'FailoverRejected 10',
    'FailoverStopped 13',
    'FenceFailed 12',
    'FenceNotUndone 13',
    'IncidentTaken 7',
    'InputInvalid 2',
    'KeyUnusable 8',
    'LeaseHeld 7',
    'MostWouldGo 10',
    'NotHealthy 13',
    'NotReady 12',
    'ObjectDamaged 6',
    'ObjectMissing 6',
    'PlanChanged 10',
    'PlanInvalid 2',
    'PromotionFailed 12',
    'PromotionUnknown 13',
    'RebuildFailed 12',
    'RestoreFailed 3',
    'RestoreRejected 10',
    'RetentionFailed 6',
    'RetentionRejected 10',
    'ServerError 4',
    'ServerUnsuitable 4',
    'StandbyBehind 12',
    'StoreRefused 5',
    'StoreUnavailable 5',
    'SwitchoverIncomplete 12',
    'SystemRecoveryFailed 3',
    'SystemRecoveryRejected 10',
    'SystemRecoveryStopped 13',
    'TargetUnreachable 3',
    'TrafficNotMoved 13',
    'TwoPrimaries 13',
    'UsageInvalid 2',
    'VerifyIncomplete 11',
    'WalBroken 6',
  ]);
});

test('every failure there is has one', () => {
  const known = new Set<string>(exitCodes.flatMap(({ failures }) => [...failures]));
  const all = [...Object.keys(failures), ...Object.keys(moveFailures)].filter((name) => name !== 'Failure');
  assert.ok(all.length > 22);
  assert.deepEqual(
    all.filter((name) => !known.has(name)),
    [],
  );
});

test('a failure is told by its class, anything else is unexpected', () => {
  assert.equal(exitCodeOf(new failures.LeaseHeld('m', detail)), 7);
  assert.equal(exitCodeOf(new PlanInvalid('plan.yml', [])), 2);
  assert.equal(exitCodeOf(new UsageInvalid('m', 'h')), 2);
  assert.equal(exitCodeOf(new TypeError('m')), 1);
  assert.equal(exitCodeOf({ name: 'LeaseHeld' }), 1);
  assert.equal(exitCodeOf(undefined), 1);
});
