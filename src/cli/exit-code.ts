import { type ExitCode, exitCodeOf, exitCodes } from '#model/exit-code';

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
