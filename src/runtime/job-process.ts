import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { type CarriedFailure, packFailure, unpackFailure } from '#model/carry-failure';
import { Aborted } from '#model/failure';

type Answer = { progress: number } | { done: true } | { failure: CarriedFailure };

/**
 * A process of our own that does one job after the other. A process and not a thread: what it uses of memory is its own
 * account, so that many of them stay within what one may have; and it dies with us.
 */
export class JobProcess<Job> {
  readonly #child: ChildProcess;

  /** `program`: a module that calls serveJobs */
  constructor(program: URL, environment: Readonly<Record<string, string | undefined>>) {
    this.#child = fork(program, {
      serialization: 'advanced',
      // glibc otherwise keeps a heap for each thread, and each of them keeps what large frames once needed
      env: { ...environment, MALLOC_ARENA_MAX: '1' },
      execArgv: [],
    });
  }

  /** One at a time. @throws what the job threw; Aborted when the signal ends it, and the process with it */
  async perform(job: Job, subject: string, signal: AbortSignal, onProgress: (done: number) => void): Promise<void> {
    const child = this.#child;
    const over = new AbortController();
    const answered = new Promise<void>((resolve, reject) => {
      child.on('message', (answer: Answer) => {
        if ('progress' in answer) onProgress(answer.progress);
        else if ('done' in answer) resolve();
        else reject(unpackFailure(answer.failure));
      });
      child.once('error', reject);
      const stop = () => reject(stopped(subject, signal));
      signal.addEventListener('abort', stop, { once: true, signal: over.signal });
      if (signal.aborted) stop();
    });
    const died = once(child, 'exit', { signal: over.signal }).then(([code, killedBy]) => {
      throw new Error(`the process for ${subject} ended with ${killedBy ?? `code ${code}`}`);
    });
    died.catch(() => undefined); // it lost the race, or was told that the job is over
    try {
      child.send(job as object);
      await Promise.race([answered, died]);
    } finally {
      over.abort();
      child.removeAllListeners('message').removeAllListeners('error');
    }
  }

  /** It ends at once, whatever it does. */
  async close(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    this.#child.kill('SIGKILL');
    await once(this.#child, 'exit');
  }
}

function stopped(subject: string, signal: AbortSignal): Error {
  if (signal.reason instanceof Error && signal.reason.name !== 'AbortError') return signal.reason;
  return new Aborted(`the work on ${subject} was stopped`, { operation: 'do a part of the work', subject });
}

/** The other side: do each job that is sent, and end when whoever sends them is gone. */
export function serveJobs<Job>(
  perform: (job: Job, tell: (done: number) => void, environment: Record<string, string | undefined>) => Promise<void>,
): void {
  const answer = (message: Answer) => process.send!(message);
  process.on('disconnect', () => process.exit(0));
  // The terminal's ^C reaches all of us: who sends the jobs decides what it means.
  process.on('SIGINT', () => undefined);
  process.on('message', async (job: Job) => {
    try {
      await perform(job, (progress) => answer({ progress }), process.env);
      answer({ done: true });
    } catch (failure) {
      answer({ failure: packFailure(failure) });
    }
  });
}
