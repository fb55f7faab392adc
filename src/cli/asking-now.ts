import { setTimeout as sleep } from 'node:timers/promises';
import { listOpenQuestions, type OpenQuestion } from '#catalog/open-questions';
import type { CommandContext } from '#cli/command';
import { findMachines } from '#cli/open-machines';
import { Failure } from '#model/failure';
import type { ExecutionSummary, Machines } from '#runtime/machines';
import type { ObjectStore } from '#store/object-store';

/** Who runs the plan, and what runs there; undefined: nobody, or nobody who answers, so that nobody knows what runs. */
export interface RunningNow {
  kind: Machines['kind'];
  executions: ExecutionSummary[];
}

/** What waits for an answer: an execution that has ended, or that somebody stopped, waits for none any more. */
export async function askingNow(
  store: ObjectStore,
  now: Date,
  running: Pick<RunningNow, 'executions'> | undefined,
): Promise<OpenQuestion[]> {
  const open = await listOpenQuestions(store, now);
  return running ? open.filter(({ execution }) => running.executions.some(({ arn }) => arn === execution)) : open;
}

/** For commands that tell more than that, and do so without it. */
export async function runningNow(
  context: CommandContext,
  state: string | undefined,
  patienceMs = 10_000,
): Promise<RunningNow | undefined> {
  const late = new AbortController();
  const asked = ask(context, state).catch((failure: Error) => {
    if (failure instanceof Failure) return undefined;
    throw failure;
  });
  try {
    return await Promise.race([asked, sleep(patienceMs, undefined, { signal: late.signal, ref: false })]);
  } finally {
    late.abort();
  }
}

async function ask(context: CommandContext, state: string | undefined): Promise<RunningNow | undefined> {
  const machines = await findMachines(context, state);
  if (!machines) return undefined;
  try {
    return { kind: machines.kind, executions: await machines.list('RUNNING') };
  } finally {
    machines.close();
  }
}
