import { spawn } from 'node:child_process';
import { hostname } from 'node:os';

/** Who we are, for leases and locks. */
export const thisProcess = (): { host: string; pid: number } => ({ host: hostname(), pid: process.pid });

/** Run `lifeboat` once more, with other arguments, as a process that lives on without us. */
export function startDetached(args: readonly string[], cwd: string): void {
  const program = process.argv[1]!;
  const child = spawn(process.execPath, [program, ...args], { cwd, detached: true, stdio: 'ignore' });
  child.on('error', () => undefined); // only ever used for what is faster, not for what is needed
  child.unref();
}
