import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { RestoreFailed } from '#model/failure';

/** The account that a server runs under; PostgreSQL refuses to run as root. */
export interface Account {
  uid: number;
  gid: number;
}

export interface ServerOptions {
  /** folder with the `postgres` program of the cluster's major version */
  binDir: string;
  dataDir: string;
  /** set on the command line, so they win over every configuration file */
  settings: Record<string, string>;
  /** needed when we are root */
  account?: Account;
  /** for what the server starts itself, like restore_command */
  environment?: Readonly<Record<string, string | undefined>>;
  /** each line the server logs */
  onLog?: (line: string) => void;
}

export interface RunningServer {
  readonly pid: number;
  /** settles once the server has gone: how, and its last log lines */
  readonly ended: Promise<ServerEnd>;
  /** fast: disconnect everybody and checkpoint; immediate: as in a crash */
  stop(mode: 'fast' | 'immediate'): Promise<ServerEnd>;
}

export interface ServerEnd {
  exitCode: number | null;
  signal: NodeJS.Signals | null;
  lastLines: readonly string[];
}

const keptLines = 60;
const stopSignal = { fast: 'SIGINT', immediate: 'SIGQUIT' } as const;

/**
 * Start `postgres` as our child. It answers when the process exists, not when it accepts connections.
 * @throws RestoreFailed when the program cannot be started at all.
 * Source: https://www.postgresql.org/docs/current/server-shutdown.html for the signals
 */
export async function startServer(options: ServerOptions): Promise<RunningServer> {
  const program = `${options.binDir}/postgres`;
  const settings = { lc_messages: 'C', log_destination: 'stderr', logging_collector: 'off', ...options.settings };
  const assignments = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  const child = spawn(program, ['-D', options.dataDir, ...assignments], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...options.environment, LC_ALL: 'C', TZ: 'UTC' },
    cwd: '/',
    ...options.account,
  });
  const lastLines: string[] = [];
  const logEnded = keepLines(child, lastLines, options.onLog);
  try {
    await once(child, 'spawn');
  } catch (cause) {
    throw new RestoreFailed(`${program} cannot be started: ${(cause as Error).message}`, {
      operation: 'start server',
      subject: options.dataDir,
      hint: 'the folder with the server programs must be readable and executable for the account that runs the server',
      cause,
    });
  }
  const ended = Promise.all([once(child, 'exit'), logEnded]).then(
    ([[exitCode, signal]]): ServerEnd => ({ exitCode, signal, lastLines }),
  );
  return {
    pid: child.pid!,
    ended,
    stop(mode) {
      child.kill(stopSignal[mode]);
      return ended;
    },
  };
}

async function keepLines(child: ChildProcess, kept: string[], onLog?: (line: string) => void): Promise<void> {
  for await (const line of createInterface({ input: child.stderr! })) {
    kept.push(line);
    if (kept.length > keptLines) kept.shift();
    onLog?.(line);
  }
}
