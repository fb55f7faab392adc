import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { terminate } from '#postgres/end-program';
import type { Account } from '#postgres/server-process';
import type { Environment } from '#runtime/environment';

export interface Rewind {
  binDir: string;
  /** a server that was shut down, with a restore_command of its own for WAL that is gone locally */
  dataDir: string;
  /** where that is not in the data directory */
  configFile: string | undefined;
  /** without a password */
  conninfo: string;
  account: Account | undefined;
  environment: Environment;
  signal: AbortSignal;
  onBytes(doneBytes: number, totalBytes: number): void;
}

export type RewindOutcome = { done: true; bytes: number } | { done: false; why: string };

export const hasRewind = (binDir: string): boolean => existsSync(join(binDir, 'pg_rewind'));

/** Whether it can be rewound, as far as can be seen without changing anything. */
export const rehearseRewind = (rewind: Rewind): Promise<RewindOutcome> => runRewind(rewind, ['--dry-run']);

/**
 * Take back what a server wrote after the fork, by pg_rewind; files that are half taken back are no cluster any more. It removes
 * standby.signal, and replaces the configuration by that of the source.
 * Source: https://www.postgresql.org/docs/current/app-pgrewind.html
 */
export const rewind = (work: Rewind): Promise<RewindOutcome> => runRewind(work, []);

async function runRewind(work: Rewind, more: readonly string[]): Promise<RewindOutcome> {
  const { binDir, dataDir, configFile, conninfo, account, environment, signal } = work;
  signal.throwIfAborted();
  const options = ['--restore-target-wal', '--no-ensure-shutdown', '--progress', ...more];
  if (configFile !== undefined) options.push('--config-file', configFile);
  const child = spawn(
    join(binDir, 'pg_rewind'),
    ['--target-pgdata', dataDir, '--source-server', conninfo, ...options],
    {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...environment, LC_ALL: 'C', TZ: 'UTC' },
      cwd: '/',
      ...account,
    },
  );
  const closed = once(child, 'close');
  const cancel = () => void terminate(child, closed);
  signal.addEventListener('abort', cancel, { once: true });
  try {
    const [{ lines, bytes }, [code, killedBy]] = await Promise.all([readOutput(child, work), closed]);
    signal.throwIfAborted();
    // it has been asked since the files go on beyond the fork
    if (lines.some((line) => /no rewind required/.test(line))) return { done: false, why: 'pg_rewind sees no fork' };
    if (code === 0) return { done: true, bytes };
    const errors = lines.filter((line) => /error|fatal|detail/i.test(line));
    const said = (errors.length > 0 ? errors : lines).slice(-3).join('; ');
    return { done: false, why: `pg_rewind ended with ${killedBy ?? code}: ${said.replaceAll('pg_rewind: ', '')}` };
  } finally {
    signal.removeEventListener('abort', cancel);
  }
}

async function readOutput(child: ChildProcess, { onBytes }: Rewind): Promise<{ lines: string[]; bytes: number }> {
  const lines: string[] = [];
  let bytes = 0;
  const read = async (stream: NonNullable<ChildProcess['stdout']>) => {
    for await (const line of createInterface({ input: stream })) {
      const [, done, total] = /(\d+)\/(\d+) kB \(\d+%\) copied/.exec(line) ?? [];
      if (done !== undefined) {
        bytes = Number(done) * 1024;
        onBytes(bytes, Number(total) * 1024);
      } else lines.push(line);
      if (lines.length > 60) lines.shift();
    }
  };
  await Promise.all([read(child.stdout!), read(child.stderr!)]);
  return { lines, bytes };
}
