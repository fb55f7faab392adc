import { Failure } from '#model/failure';

/** What a shell, cron or systemd learns from how `lifeboat` ended. These numbers are a promise: they never change meaning. */
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
    failures: ['TargetUnreachable', 'RestoreFailed'],
  },
  {
    code: 4,
    meaning: 'the server cannot be reached, refuses us or is not suitable',
    failures: ['ConnectionFailed', 'AuthenticationFailed', 'ServerUnsuitable', 'ServerError'],
  },
  { code: 5, meaning: 'the bucket cannot be reached or refuses us', failures: ['StoreUnavailable', 'StoreRefused'] },
  {
    code: 6,
    meaning: 'damage: something is missing, incomplete, changed or answers wrongly',
    failures: ['ObjectDamaged', 'ObjectMissing', 'WalBroken', 'CheckFailed', 'BackupIncomplete'],
  },
  { code: 7, meaning: 'somebody else holds the lease', failures: ['LeaseHeld'] },
  { code: 8, meaning: 'the encryption key is missing or unusable', failures: ['KeyUnusable'] },
  { code: 130, meaning: 'interrupted', failures: ['Aborted'] },
  { code: 255, meaning: 'wal-fetch failed for whatever reason: PostgreSQL must not go on', failures: [] },
] as const satisfies { code: number; meaning: string; failures: readonly string[] }[];

export type ExitCode = (typeof exitCodes)[number]['code'];

export function exitCodeOf(error: unknown): ExitCode {
  if (!(error instanceof Failure)) return 1;
  return exitCodes.find(({ failures }) => (failures as readonly string[]).includes(error.name))?.code ?? 1;
}

/**
 * PostgreSQL takes a restore_command that ends with anything up to 125 for the end of WAL, and starts with rows missing.
 * So whatever goes wrong in wal-fetch, bugs and wrong arguments too, ends with a code above.
 * https://www.postgresql.org/docs/current/runtime-config-wal.html#GUC-RESTORE-COMMAND
 */
export const failureCode = (error: unknown, argv: readonly string[]): ExitCode =>
  argv.includes('wal-fetch') ? 255 : exitCodeOf(error);

/** For help texts. */
export const describeExitCodes = (): string =>
  ['Exit codes:', ...exitCodes.map(({ code, meaning }) => `  ${String(code).padStart(3)}  ${meaning}`)].join('\n');
