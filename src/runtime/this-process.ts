import { spawn } from 'node:child_process';
import { availableParallelism, hostname, userInfo } from 'node:os';
import { join } from 'node:path';

/** Who we are, for leases and locks. */
export const thisProcess = (): { host: string; pid: number } => ({ host: hostname(), pid: process.pid });

/** The name of the account that we run as. */
export function thisUser(): string {
  try {
    return userInfo().username;
  } catch {
    return 'somebody'; // an id without an entry in the list of accounts
  }
}

/** Who runs a command: before sudo, if that is so. A variable that is set and empty (cron, containers) names nobody. */
export const thisPerson = (environment: Readonly<Record<string, string | undefined>>): string =>
  environment.SUDO_USER || environment.USER || environment.LOGNAME || thisUser();

/** The words that start `lifeboat`, whichever of our programs we are: for commands that PostgreSQL runs later. */
export const lifeboatWords = (): string[] => [process.execPath, join(import.meta.dirname, '../../bin/lifeboat.mjs')];

/**
 * Give back what is not needed any more: without a push, a process that mostly waits keeps what its start has left for
 * hours. Nothing where Node was not started with --expose-gc.
 */
export const releaseMemory = (): void => globalThis.gc?.();

/** For what is no text. */
export const standardOutput = (): NodeJS.WriteStream => process.stdout;

/** How much can be done at the same time. */
export const cores = (): number => availableParallelism();

/** Run `lifeboat` once more, with other arguments, as a process that lives on without us. */
export function startDetached(args: readonly string[], cwd: string): void {
  const [program, ...words] = lifeboatWords();
  const child = spawn(program!, [...words, ...args], { cwd, detached: true, stdio: 'ignore' });
  child.on('error', () => undefined); // only ever used for what is faster, not for what is needed
  child.unref();
}
