import { spawn } from 'node:child_process';
import { availableParallelism, hostname } from 'node:os';

/** Who we are, for leases and locks. */
export const thisProcess = (): { host: string; pid: number } => ({ host: hostname(), pid: process.pid });

/** The words that start `lifeboat` as we were started: for commands that PostgreSQL runs later. */
export const lifeboatWords = (): string[] => [process.execPath, process.argv[1]!];

/** How much can be done at the same time. */
export const cores = (): number => availableParallelism();

/** Run `lifeboat` once more, with other arguments, as a process that lives on without us. */
export function startDetached(args: readonly string[], cwd: string): void {
  const program = process.argv[1]!;
  const child = spawn(process.execPath, [program, ...args], { cwd, detached: true, stdio: 'ignore' });
  child.on('error', () => undefined); // only ever used for what is faster, not for what is needed
  child.unref();
}
