import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { lastLines, terminate } from '#postgres/end-program';
import type { Account } from '#postgres/server-process';

export interface FedProgram {
  /** its path */
  program: string;
  args: readonly string[];
  /** all that it is told of the world; it inherits nothing */
  environment: Readonly<Record<string, string>>;
  account?: Account | undefined;
  content: AsyncIterable<Buffer>;
  /** Read the content to its end even when the program has gone: for what only the end tells. */
  toEnd: boolean;
  /** Takes what it writes, instead of keeping it; a promise as an answer means: settle it before sending more. */
  take?: (bytes: Buffer) => Promise<unknown> | undefined;
  signal: AbortSignal;
}

export interface ProgramEnd {
  /** null: a signal ended it */
  exitCode: number | null;
  killedBy: NodeJS.Signals | null;
  stdout: Buffer;
  /** its last lines */
  stderr: string[];
}

/**
 * Run a program with a content as its standard input. Settles once the program has gone, all that it wrote was read, and
 * the content has ended (or is not wanted any more). A program that takes no more of it is no failure of the content;
 * what the content throws ends the program, and is thrown, whatever the program made of what it had.
 * @throws what the content throws; the signal's reason; Error when there is no such program
 */
export async function feedProgram(work: FedProgram): Promise<ProgramEnd> {
  const { program, args, environment, account, signal } = work;
  signal.throwIfAborted();
  const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe'], env: environment, cwd: '/', ...account });
  const written = work.take ? takeAll(child.stdout, work.take) : buffer(child.stdout);
  const ended = Promise.all([endOf(child), written, lastLines(child.stderr)]);
  ended.catch(() => undefined); // it is waited for below
  child.stdin.on('error', () => undefined); // it takes no more, and its exit code says whether that is well
  const stop = () => void terminate(child, ended);
  signal.addEventListener('abort', stop, { once: true });
  try {
    await feed(child, work);
    child.stdin.end();
    const [end, stdout, stderr] = await ended;
    signal.throwIfAborted();
    return { ...end, stdout, stderr };
  } catch (failure) {
    child.stdin.destroy();
    await terminate(child, ended);
    throw signal.aborted ? signal.reason : failure;
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

async function feed(child: ChildProcess, { content, toEnd, signal }: FedProgram): Promise<void> {
  const stdin = child.stdin!;
  for await (const block of content) {
    signal.throwIfAborted();
    if (!stdin.writable && !toEnd) return;
    if (!stdin.writable || stdin.write(block)) continue;
    const over = new AbortController();
    const options = { signal: over.signal };
    await Promise.race([once(stdin, 'drain', options), once(stdin, 'close', options)]).catch(() => undefined); // an error closes it, too
    over.abort();
  }
}

async function takeAll(output: Readable, take: NonNullable<FedProgram['take']>): Promise<Buffer> {
  for await (const chunk of output) await take(chunk as Buffer);
  return Buffer.alloc(0);
}

async function endOf(child: ChildProcess): Promise<Pick<ProgramEnd, 'exitCode' | 'killedBy'>> {
  const [exitCode, killedBy] = await once(child, 'close');
  return { exitCode, killedBy };
}
