import { readFileSync } from 'node:fs';
import { commandTable } from '#cli/command-table';
import { failureCode } from '#cli/exit-code';
import { reportFailure } from '#cli/report-failure';
import { run } from '#cli/run';
import { Aborted } from '#model/failure';

/** `lifeboat` as a process: its arguments, streams, signals and end. */
export async function main(): Promise<void> {
  const { stdout, stderr } = process;
  stdout.on('error', endQuietly);
  process.on('uncaughtException', dieOfBug);
  process.exitCode = await run(process.argv.slice(2), {
    table: commandTable,
    environment: process.env,
    cwd: process.cwd(),
    stdout,
    stderr,
    signal: untilSignal(),
    now: () => new Date(),
    version: readVersion,
  });
  stdout.write('', () => setTimeout(() => process.exit(), lingerMs).unref());
}

/** A connection that some command forgot may not keep us here; what is written to stdout has left by then. */
const lingerMs = 1_000;

/** Ctrl-C reaches the whole process group, so a wrapper's forwarded signal follows the terminal's: that is one wish. */
const sameWishMs = 500;

/** Aborted by the first SIGINT, SIGTERM or SIGHUP; a second one, later, ends the process at once. */
function untilSignal(): AbortSignal {
  const controller = new AbortController();
  let firstMs: number | undefined;
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(name, () => {
      const nowMs = performance.now();
      if (firstMs !== undefined && nowMs - firstMs > sameWishMs) process.exit(130);
      firstMs ??= nowMs;
      controller.abort(new Aborted(`interrupted by ${name}`, { operation: 'run command', subject: name }));
    });
  }
  return controller.signal;
}

/** `lifeboat backups | head` is no failure. */
function endQuietly(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EPIPE') throw error;
  process.exit();
}

function dieOfBug(error: unknown): void {
  const asked = (option: string) => process.argv.includes(option);
  reportFailure(error, {
    stdout: process.stdout,
    stderr: process.stderr,
    json: asked('--json'),
    verbose: asked('--verbose'),
  });
  process.exit(failureCode(undefined, process.argv));
}

function readVersion(): string {
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
  return `lifeboat ${version}`;
}
