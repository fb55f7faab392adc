import { setTimeout as sleep } from 'node:timers/promises';
import type { CommandContext } from '#cli/command';
import { tookOf } from '#cli/describe-execution';
import { historyLines, printHistoryLine } from '#cli/history-lines';
import { TaskProgress } from '#cli/task-progress';
import { AuthenticationFailed, Failure } from '#model/failure';
import { type ChildEvent, ChildWatch } from '#runtime/child-watch';
import type { ExecutionStanding, Machines } from '#runtime/machines';
import { RemoteFailure, splitHint } from '#runtime/remote-failure';

type Event = ChildEvent['event'];

/** Once it has ended, so many requests may tell what its Maps did last. */
const requestsAtEnd = 60;

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
  const inside = new Inside(machines, output);
  const progress = new TaskProgress(machines, arn);
  let lastEvent = 0;
  let state = '';
  for (;;) {
    const standing = await machines.describe(arn);
    const events = await machines.history(arn, lastEvent);
    lastEvent = events.at(-1)?.id ?? lastEvent;
    state =
      events.findLast(({ stateEnteredEventDetails }) => stateEnteredEventDetails)?.stateEnteredEventDetails?.name ??
      state;
    const ended = standing.status !== 'RUNNING';
    const children = await inside.since(events, ended ? requestsAtEnd : machines.requestsPerLook);
    for (const line of historyLines(events, children)) {
      const said = printHistoryLine(line);
      // what ends it is told with its hint, once
      const text = ended ? splitHint(said).message : said;
      output.note(`  ${line.at.toISOString().slice(11, 19)} ${text.replaceAll('\n', '\n           ')}`);
    }
    if (standing.status === 'SUCCEEDED') return standing;
    if (ended) throw failureOf(standing, now());
    inside.tellWhere([...events, ...children.map(({ event }) => event)]);
    await onState(state);
    const said = await progress.next({ named: inside.found });
    if (said !== undefined) output.note(`           ${said}`);
    await sleep(machines.pollMs, undefined, { signal });
  }
}

/** What goes on within the Maps. That it cannot be shown is told, and is no reason not to wait for the end. */
class Inside {
  readonly #machines: Machines;
  readonly #output: CommandContext['output'];
  readonly #watch: ChildWatch;
  #refused = false;
  #problem = '';
  #untold = 0;
  #toldWhere = false;
  /** whether there is anything within it */
  found = false;

  constructor(machines: Machines, output: CommandContext['output']) {
    this.#machines = machines;
    this.#output = output;
    this.#watch = new ChildWatch(machines);
  }

  async since(events: readonly Event[], requests: number): Promise<ChildEvent[]> {
    this.#watch.follow(events);
    if (this.#refused) return [];
    try {
      const children = await this.#watch.look(requests);
      this.found ||= children.length > 0;
      this.#tellUntold();
      return children;
    } catch (failure) {
      if (!(failure instanceof Failure)) throw failure;
      if (failure.message !== this.#problem) this.#note(`what runs within it cannot be shown: ${failure.message}`);
      this.#problem = failure.message;
      this.#refused = failure instanceof AuthenticationFailed;
      return [];
    }
  }

  /** On AWS tasks say how far they are in their log alone. */
  tellWhere(events: readonly Event[]): void {
    const { taskLog } = this.#machines;
    const isTask = (event: Event) => event.taskScheduledEventDetails?.resourceType === 'ecs';
    if (taskLog === undefined || this.#toldWhere || !events.some(isTask)) return;
    this.#toldWhere = true;
    this.#note(`how far its tasks are: aws logs tail ${taskLog} --follow`);
  }

  #tellUntold(): void {
    const { untold } = this.#watch;
    if (untold > 0 && this.#untold === 0) this.#note(`and ${untold} more, which are not shown one by one`);
    this.#untold = untold;
  }

  #note(text: string): void {
    this.#output.note(`           ${text}`);
  }
}

function failureOf(standing: ExecutionStanding, now: Date): RemoteFailure {
  const { machine, name, status, error, cause } = standing;
  const { message, hint } = splitHint(cause ?? `it ${status === 'ABORTED' ? 'was stopped' : 'took too long'}`);
  const how = status === 'FAILED' ? 'failed' : status.toLowerCase();
  const text = `${machine} ${name} ${how} after ${tookOf(standing, now)}: ${message}`;
  return new RemoteFailure(error ?? status, text, name, hint ?? `see \`lifeboat executions ${name}\``);
}
