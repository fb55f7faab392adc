import type { Output } from '#cli/output';
import type { LocalLog } from '#local/local-log';

/** What a daemon says, a line with its time for each; a line that follows belongs to the one before. */
export function daemonLog(output: Output, now: () => Date): LocalLog {
  const line = (level: string, message: string): string =>
    `${now().toISOString()} ${level.padEnd(5)} ${message.replaceAll('\n', '\n      ')}`;
  return {
    info: (message) => output.note(line('info', message)),
    // --quiet leaves out what is as it should be
    warn: (message) => output.log(line('warn', message)),
    error: (message) => output.log(line('error', message)),
  };
}
