import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { BackupIncomplete } from '#model/failure';

export interface ProgramCall {
  /** its path */
  program: string;
  args: readonly string[];
  /** all that it is told of the world; it inherits nothing */
  environment: Readonly<Record<string, string>>;
  /** what it is asked for, for messages */
  subject: string;
  /** what to do about what it said last, where it is known better than for programs in general */
  hintFor?: (said: string) => string | undefined;
  signal: AbortSignal;
}

/** Who takes the bytes, each piece once. A promise as an answer means: settle it before sending more. */
export type TakeBytes = (bytes: Buffer) => Promise<unknown> | undefined;

/** The last words of a program that fails say why; one that warns of each table would fill the memory. */
const keptLines = 40;
const lineChars = 500;
const patienceMs = 5_000;

/**
 * Everything that a program writes, at the pace of whoever takes it. Settles once the program has gone and its exit code
 * says that all went well, with what it said meanwhile; else nothing of what was taken counts.
 * @throws BackupIncomplete for another exit code, a signal, a program that cannot be started; the signal's reason
 */
export async function streamProgram(call: ProgramCall, take: TakeBytes): Promise<string[]> {
  const { program, args, environment, signal } = call;
  signal.throwIfAborted();
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], env: environment, cwd: '/' });
  const ended = endOf(child);
  const said = lastLines(child.stderr);
  const stop = () => void terminate(child, ended);
  signal.addEventListener('abort', stop, { once: true });
  try {
    for await (const chunk of child.stdout) await take(chunk as Buffer);
  } catch (failure) {
    await terminate(child, ended);
    throw signal.aborted ? signal.reason : failure;
  } finally {
    signal.removeEventListener('abort', stop);
  }
  const end = await ended;
  signal.throwIfAborted();
  if (end === 'ended with exit code 0') return await said;
  throw failed(call, end, await said);
}

/** How it ended, in words; never rejects. Settles when its output is complete, too. */
function endOf(child: ChildProcess): Promise<string> {
  return new Promise((resolve) => {
    child.on('error', (error) => resolve(`cannot be started: ${error.message}`));
    child.on('close', (code, signal) => resolve(`ended ${signal ? `by ${signal}` : `with exit code ${code}`}`));
  });
}

/** By SIGTERM, with which the programs of PostgreSQL cancel what the server does for them. */
async function terminate(child: ChildProcess, ended: Promise<string>): Promise<void> {
  child.stdout?.destroy();
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), patienceMs);
  await ended;
  clearTimeout(timer);
}

async function lastLines(stderr: Readable): Promise<string[]> {
  const kept: string[] = [];
  for await (const line of createInterface({ input: stderr })) {
    if (line.trim() === '') continue;
    kept.push(line.slice(0, lineChars));
    if (kept.length > keptLines) kept.shift();
  }
  return kept;
}

function failed({ program, subject, hintFor }: ProgramCall, end: string, said: readonly string[]): BackupIncomplete {
  const name = program.slice(program.lastIndexOf('/') + 1);
  const why = said.slice(-6).join('; ');
  return new BackupIncomplete(`${name} of ${subject} ${end}${why === '' ? '' : `: ${why}`}`, {
    operation: 'dump',
    subject,
    hint: hintFor?.(why) ?? 'nothing of it counts; see what it said, and what the log of the server says',
  });
}
