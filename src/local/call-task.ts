import { ScopeStopped } from './execution-run.ts';
import type { Json, TaskCall } from './integration.ts';
import { interruptible } from './interruptible.ts';
import { NotJson, toJson } from './json-value.ts';
import { StateFailed, taskFailure } from './state-failed.ts';
import type { Visit } from './state-visit.ts';

/**
 * How long what was told to end is waited for: a container is killed 30 seconds after it was asked to stop. What it
 * does after that, nobody waits for.
 */
const graceMs = 45_000;

/** A resumed call has at least this long to hand over what ended while nobody was there to take it. */
const leastResumedMs = 5_000;

/**
 * Calls what is outside, and ends it when its time is over or its scope has to end. A call that was being ended when
 * the engine died is made once more if something may still run, with a signal that is aborted already: what was begun
 * under its id must end, and nothing be begun.
 * @throws StateFailed; ScopeStopped
 */
export async function callTask(visit: Visit, id: string, resumed: boolean): Promise<Json> {
  const { run, scope, log, key } = visit;
  const over = new AbortController();
  const ending = new AbortController();
  const stopped = log.attempt.stopping;
  if (stopped || scope.signal.aborted) ending.abort(scope.signal.reason);
  const alarms = new Alarms(visit, over.signal, resumed);
  const unneeded = new AbortController();
  const answer = answerOf(visit, callOf(visit, id, ending.signal), alarms, unneeded.signal);
  try {
    if (stopped) throw new StateFailed(stopped.error, stopped.cause, 'timed out');
    return await interruptible(answer, [scope.signal, run.leaving, alarms.signal]);
  } catch (reason) {
    const timedOut = reason instanceof StateFailed && reason.as === 'timed out';
    if (timedOut || reason instanceof ScopeStopped) {
      if (timedOut && !stopped) {
        run.append({ type: 'stopping', key, error: reason.error, cause: reason.cause });
        await run.journal.durable();
      }
      ending.abort(reason);
      await settled(answer, visit);
    }
    throw reason;
  } finally {
    over.abort();
    if (!run.leaving.aborted) unneeded.abort();
  }
}

async function settled(answer: Promise<Json>, { run }: Visit): Promise<void> {
  const over = new AbortController();
  const grace = run.clock.sleep(graceMs, over.signal);
  const quiet = [grace, answer].map((work) => work.then(noop, noop));
  try {
    await interruptible(Promise.race(quiet), [run.leaving]);
  } finally {
    over.abort();
  }
}

const noop = (): void => undefined;

function callOf({ run, log }: Visit, id: string, signal: AbortSignal): TaskCall {
  const { resource, pattern, arguments: given, token } = log.attempt.scheduled!;
  const { arn, name, machineName: machine } = run.execution;
  return { resource, pattern, arguments: structuredClone(given), id, execution: { arn, name, machine }, token, signal };
}

/** @throws StateFailed */
async function answerOf(visit: Visit, call: TaskCall, alarms: Alarms, unneeded: AbortSignal): Promise<Json> {
  const { token, resource, pattern } = call;
  try {
    // a request that died with its engine has left nothing that could be told to end
    if (call.signal.aborted && pattern === 'request') throw new ScopeStopped();
    const answer =
      token === undefined ? visit.run.integrations(call) : tokenAnswer(visit, call, token, alarms, unneeded);
    return toJson((await answer) ?? null);
  } catch (failure) {
    if (failure instanceof NotJson)
      throw new StateFailed('States.Runtime', `the answer of ${resource} is no JSON: ${failure.message}`);
    throw taskFailure(failure);
  }
}

/**
 * The answer may come before the call that hands out the token is over, or long after it. `unneeded`: aborted when no
 * answer is waited for any more.
 */
async function tokenAnswer(
  visit: Visit,
  call: TaskCall,
  token: string,
  alarms: Alarms,
  unneeded: AbortSignal,
): Promise<Json> {
  const { run, key, log } = visit;
  const { attempt } = log;
  const signal = AbortSignal.any([call.signal, unneeded]);
  const given = run.tokens.answer(token, { signal, onHeartbeat: () => alarms.beat() });
  if (attempt.submitted || call.signal.aborted) return given;
  const handedOut = run.integrations(call).then((output) => {
    if (log.attempt === attempt && !attempt.succeeded && !run.leaving.aborted && !unneeded.aborted)
      run.append({ type: 'submitted', key, output: toJson(output ?? null) });
    return given;
  });
  return await Promise.race([given, handedOut]);
}

/** Aborts its signal when the task's time is over. */
class Alarms {
  readonly #alarm = new AbortController();
  readonly #visit: Visit;
  readonly #over: AbortSignal;
  #heartbeat = new AbortController();

  constructor(visit: Visit, over: AbortSignal, resumed: boolean) {
    this.#visit = visit;
    this.#over = over;
    const { at, timeoutSeconds, pattern } = visit.log.attempt.scheduled!;
    if (timeoutSeconds !== undefined) {
      const left = at + timeoutSeconds * 1000 - visit.run.clock.now();
      this.#set('States.Timeout', Math.max(left, resumed ? leastResumedMs : 0), over);
    }
    if (pattern === 'token') this.beat();
  }

  get signal(): AbortSignal {
    return this.#alarm.signal;
  }

  /** The time between two heartbeats begins again. */
  beat(): void {
    const { heartbeatSeconds } = this.#visit.log.attempt.scheduled ?? {};
    if (heartbeatSeconds === undefined || this.#over.aborted) return;
    this.#heartbeat.abort();
    this.#heartbeat = new AbortController();
    const signal = AbortSignal.any([this.#over, this.#heartbeat.signal]);
    this.#set('States.HeartbeatTimeout', heartbeatSeconds * 1000, signal);
  }

  #set(error: string, ms: number, signal: AbortSignal): void {
    const ring = (): void => this.#alarm.abort(new StateFailed(error, '', 'timed out'));
    this.#visit.run.clock.sleep(ms, signal).then(ring, noop);
  }
}
