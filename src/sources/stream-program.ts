import { type ChildProcess, spawn } from 'node:child_process';
import { BackupIncomplete } from '#model/failure';
import { lastLines, terminate } from '#postgres/end-program';

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

function failed({ program, subject, hintFor }: ProgramCall, end: string, said: readonly string[]): BackupIncomplete {
  const name = program.slice(program.lastIndexOf('/') + 1);
  const why = said.slice(-6).join('; ');
  return new BackupIncomplete(`${name} of ${subject} ${end}${why === '' ? '' : `: ${why}`}`, {
    operation: 'dump',
    subject,
    hint: hintFor?.(why) ?? 'nothing of it counts; see what it said, and what the log of the server says',
  });
}
