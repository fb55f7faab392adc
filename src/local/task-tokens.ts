import { createHash } from 'node:crypto';
import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { z } from 'zod';
import { createFile, readJson } from './durable-file.ts';
import { type Json, StatesError, type TaskTokens } from './integration.ts';

/** What became of what was sent for a token. */
export type TokenOutcome = 'taken' | 'unknown' | 'over';

const answerSchema = z.union([
  z.object({ output: z.json() }),
  z.object({ error: z.string(), cause: z.string() }),
  z.object({ over: z.literal(true) }),
]);
type Answer = z.infer<typeof answerSchema>;

/**
 * Task tokens and their answers as files, `<sha256 of the token>.asked` and `.json`, so that an answer given while
 * nobody waits is not lost. The token itself is written nowhere. A token goes
 *
 *   asked → answered   by the first success or failure, which is final
 *   asked → over       when its task ends without one; both are decided by creating the same file
 */
export class FileTaskTokens implements TaskTokens {
  readonly #folder: string;
  readonly #leaving: AbortSignal;
  readonly #waiting = new Map<string, { onAnswer: (answer: Answer) => void; onHeartbeat: () => void }>();

  /** `leaving`: aborted when this process ends and others will wait: then no token is over */
  constructor({ folder, leaving }: { folder: string; leaving: AbortSignal }) {
    this.#folder = folder;
    this.#leaving = leaving;
  }

  /** To be called before anybody is told the token. */
  async ask(token: string, execution: string): Promise<void> {
    const record = { format: 'lifeboat-token/1', execution, askedAt: new Date().toISOString() };
    await createFile(this.#path(token, 'asked'), JSON.stringify(record));
  }

  /** What comes for it from now on is too late, and nobody waits for it any more. */
  async end(token: string): Promise<void> {
    const path = this.#path(token, 'json');
    await this.#end(path);
    this.#waiting.delete(path);
  }

  async answer(token: string, options: { signal: AbortSignal; onHeartbeat: () => void }): Promise<Json> {
    const { signal, onHeartbeat } = options;
    const path = this.#path(token, 'json');
    const { promise: answered, resolve: onAnswer } = Promise.withResolvers<Answer>();
    const waiter = { onAnswer, onHeartbeat };
    this.#waiting.set(path, waiter);
    const interrupted = Promise.withResolvers<never>();
    interrupted.promise.catch(() => undefined); // while nobody looks yet
    const interrupt = () => interrupted.reject(signal.reason);
    signal.addEventListener('abort', interrupt, { once: true });
    try {
      const earlier = await this.#read(path);
      if (earlier) return outputOf(earlier);
      if (signal.aborted) interrupt();
      return outputOf(await Promise.race([answered, interrupted.promise]));
    } catch (failure) {
      if (signal.aborted && !this.#leaving.aborted && failure === signal.reason) await this.#end(path);
      throw failure;
    } finally {
      signal.removeEventListener('abort', interrupt);
      if (this.#waiting.get(path) === waiter) this.#waiting.delete(path);
    }
  }

  /** Remove the answers that were given before: for what comes then, their tokens are unknown. */
  async forget(before: Date): Promise<void> {
    const answers = (await readdir(this.#folder)).filter((name) => name.endsWith('.json'));
    for (const name of answers) {
      const path = join(this.#folder, name);
      if ((await stat(path)).mtime >= before) continue;
      await rm(path.replace(/json$/, 'asked'), { force: true });
      await rm(path, { force: true });
    }
  }

  sendSuccess(token: string, output: Json): Promise<TokenOutcome> {
    return this.#send(token, { output: output as z.infer<ReturnType<typeof z.json>> });
  }

  /** Was it answered with this already? Two may bring the same answer at the same time: both have brought it. */
  async hasSucceededWith(token: string, output: Json): Promise<boolean> {
    const found = await this.#read(this.#path(token, 'json'));
    return found !== undefined && 'output' in found && isDeepStrictEqual(found.output, output);
  }

  sendFailure(token: string, error: string, cause: string): Promise<TokenOutcome> {
    return this.#send(token, { error, cause });
  }

  async sendHeartbeat(token: string): Promise<TokenOutcome> {
    const outcome = await this.#standing(token);
    if (outcome === 'taken') this.#waiting.get(this.#path(token, 'json'))?.onHeartbeat();
    return outcome;
  }

  async #send(token: string, answer: Answer): Promise<TokenOutcome> {
    const outcome = await this.#standing(token);
    if (outcome !== 'taken') return outcome;
    const path = this.#path(token, 'json');
    if (!(await createFile(path, JSON.stringify(answer)))) return 'over';
    this.#waiting.get(path)?.onAnswer(answer);
    return 'taken';
  }

  async #standing(token: string): Promise<TokenOutcome> {
    if ((await readJson(this.#path(token, 'asked'))) === undefined) return 'unknown';
    return (await readJson(this.#path(token, 'json'))) === undefined ? 'taken' : 'over';
  }

  async #end(path: string): Promise<void> {
    await createFile(path, JSON.stringify({ over: true }));
  }

  async #read(path: string): Promise<Answer | undefined> {
    const found = await readJson(path);
    return found === undefined ? undefined : answerSchema.parse(found);
  }

  #path(token: string, kind: 'asked' | 'json'): string {
    return join(this.#folder, `${createHash('sha256').update(token).digest('hex')}.${kind}`);
  }
}

function outputOf(answer: Answer): Json {
  if ('output' in answer) return answer.output as Json;
  if ('error' in answer) throw new StatesError(answer.error, answer.cause);
  throw new StatesError('States.Timeout', 'the task that had this token was over already');
}
