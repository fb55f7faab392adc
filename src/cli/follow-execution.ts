import { setTimeout as sleep } from 'node:timers/promises';
import type { CommandContext } from '#cli/command';
import { tookOf } from '#cli/describe-execution';
import { describeProgress } from '#cli/describe-progress';
import type { DaemonReport } from '#local/daemon-report';
import { historyLine } from '#runtime/history-line';
import type { ExecutionStanding, Machines } from '#runtime/machines';
import { RemoteFailure, splitHint } from '#runtime/remote-failure';

const progressMs = 3_000;

/**
 * Tell what an execution goes through until it has ended; `onState` learns, again and again, in which state it is.
 * Ctrl-C stops the telling, not the execution.
 * @throws RemoteFailure with the error that ended it
 */
export async function followExecution(
  machines: Machines,
  arn: string,
  { output, signal, now }: Pick<CommandContext, 'output' | 'signal' | 'now'>,
  onState: (state: string) => Promise<void> = async () => undefined,
): Promise<ExecutionStanding> {
  let lastEvent = 0;
  let state = '';
  let progress = { text: '', nextAt: performance.now() + progressMs };
  for (;;) {
    const standing = await machines.describe(arn);
    for (const event of await machines.history(arn, lastEvent)) {
      lastEvent = event.id!;
      const line = historyLine(event);
      if (line !== undefined) output.note(`  ${event.timestamp!.toISOString().slice(11, 19)} ${line}`);
      state = event.stateEnteredEventDetails?.name ?? state;
    }
    if (standing.status === 'SUCCEEDED') return standing;
    if (standing.status !== 'RUNNING') throw failureOf(standing, now());
    await onState(state);
    // tasks on AWS say what they do in their logs alone
    if (machines.kind === 'daemon' && performance.now() >= progress.nextAt) {
      progress = await tellProgress(machines, arn, output, progress.text);
    }
    await sleep(machines.pollMs, undefined, { signal });
  }
}

async function tellProgress(machines: Machines, arn: string, output: CommandContext['output'], before: string) {
  const { tasks } = (await machines.invoke('daemon-status', {})) as DaemonReport;
  const { doing: text = '' } = describeProgress(arn, tasks);
  if (text !== '' && text !== before) output.note(`           ${text}`);
  return { text, nextAt: performance.now() + progressMs };
}

function failureOf(standing: ExecutionStanding, now: Date): RemoteFailure {
  const { machine, name, status, error, cause } = standing;
  const { message, hint } = splitHint(cause ?? `it ${status === 'ABORTED' ? 'was stopped' : 'took too long'}`);
  const how = status === 'FAILED' ? 'failed' : status.toLowerCase();
  const text = `${machine} ${name} ${how} after ${tookOf(standing, now)}: ${message}`;
  return new RemoteFailure(error ?? status, text, name, hint ?? `see \`lifeboat executions ${name}\``);
}
