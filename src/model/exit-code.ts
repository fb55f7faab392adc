import { Failure } from '#model/failure';

/**
 * What a shell, cron, systemd or a state machine learns from how `lifeboat` or one of its tasks ended. These numbers are
 * a promise: they never change meaning.
 */
export const exitCodes = [
  { code: 0, meaning: 'it worked', failures: [] },
  { code: 1, meaning: 'unexpected failure: a bug, or something nobody thought of', failures: [] },
  {
    code: 2,
    meaning: 'bad arguments or plan; nothing was touched',
    failures: ['InputInvalid', 'PlanInvalid', 'UsageInvalid'],
  },
  {
    code: 3,
    meaning: 'the recovery target cannot be reached, or a restore failed',
    failures: ['TargetUnreachable', 'RestoreFailed', 'SystemRecoveryFailed'],
  },
  {
    code: 4,
    meaning: 'the server cannot be reached, refuses us or is not suitable',
    failures: ['ConnectionFailed', 'AuthenticationFailed', 'ServerUnsuitable', 'ServerError'],
  },
  {
    code: 5,
    meaning: 'the bucket cannot be reached or refuses us',
    failures: ['StoreUnavailable', 'StoreRefused', 'DumpUnrecorded'],
  },
  {
    code: 6,
    meaning: 'damage: something is missing, incomplete, changed or answers wrongly',
    failures: [
      'ObjectDamaged',
      'ObjectMissing',
      'WalBroken',
      'CheckFailed',
      'BackupIncomplete',
      'BackupFailed',
      'RetentionFailed',
      'BackupDamaged',
      'BackupBroken',
      'DumpFailed',
      'DumpBroken',
    ],
  },
  {
    code: 7,
    meaning: 'somebody else holds the lease, runs here already, or runs the incident',
    failures: ['LeaseHeld', 'AlreadyRunning', 'IncidentTaken'],
  },
  { code: 8, meaning: 'the encryption key is missing or unusable', failures: ['KeyUnusable'] },
  {
    code: 9,
    meaning: 'status, groups, notify, incident: something is wrong, a channel fails, or no daemon runs',
    failures: [],
  },
  {
    code: 10,
    meaning: 'not approved: rejected, expired, refused, or the plan changed meanwhile',
    failures: [
      'ApprovalRefused',
      'RestoreRejected',
      'RetentionRejected',
      'FailoverRejected',
      'SystemRecoveryRejected',
      'ApprovalExpired',
      'PlanChanged',
      'MostWouldGo',
    ],
  },
  {
    code: 11,
    meaning: 'a drill, a verification or the proof of a dump could not be carried out: nothing new is known',
    failures: ['DrillFailed', 'VerifyIncomplete', 'DumpUnproven'],
  },
  {
    code: 12,
    meaning: 'failover, failback: refused, or failed before anything was promoted',
    failures: ['NotReady', 'FenceFailed', 'SwitchoverIncomplete', 'PromotionFailed', 'RebuildFailed', 'StandbyBehind'],
  },
  {
    code: 13,
    meaning:
      'failover, failback, recover-system: it stopped half-way, or there are two primaries: look with `lifeboat groups`',
    failures: [
      'FailoverStopped',
      'SystemRecoveryStopped',
      'TwoPrimaries',
      'TrafficNotMoved',
      'NotHealthy',
      'PromotionUnknown',
      'FenceNotUndone',
    ],
  },
  { code: 130, meaning: 'interrupted', failures: ['Aborted'] },
  { code: 255, meaning: 'wal-fetch failed for whatever reason: PostgreSQL must not go on', failures: [] },
] as const satisfies { code: number; meaning: string; failures: readonly string[] }[];

export type ExitCode = (typeof exitCodes)[number]['code'];

export function exitCodeOf(error: unknown): ExitCode {
  if (!(error instanceof Failure)) return 1;
  return exitCodes.find(({ failures }) => (failures as readonly string[]).includes(error.name))?.code ?? 1;
}
