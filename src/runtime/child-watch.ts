import type { ExecutionStatus, HistoryEvent } from '@aws-sdk/client-sfn';
import { aboutInput } from '#model/about-input';
import { InputInvalid } from '#model/failure';
import type { ExecutionSummary, Machines } from './machines.ts';

/** An event in the history of a child execution. */
export interface ChildEvent {
  /** what the child is about, by its input: a source, or a step; '' where that does not say */
  about: string;
  event: HistoryEvent;
}

interface MapRun {
  kind: 'run';
  arn: string;
  /** the event that began it: the one that ends it follows that */
  event: number;
  /** its Map has ended: one more look says all that there is to know */
  over: boolean;
  done: boolean;
  /** that are told, by ARN */
  children: Map<string, Child>;
  listed: number;
  running: boolean;
}

interface Child {
  kind: 'child';
  arn: string;
  about: string;
  lastEvent: number;
  status: ExecutionStatus;
  runs: MapRun[];
  done: boolean;
}

/** So many children of a Map are told at the same time. */
const mostTold = 20;

/**
 * What the children of an execution's DISTRIBUTED Maps go through, and their children. Each look asks as often as it is
 * let, and goes on where the last one ended: the more there is, the seldomer each is looked at. Of each Map 20 children
 * are told at a time: those that failed, then those that run, then (20 in all) those that are over; the newest first.
 */
export class ChildWatch {
  readonly #machines: Pick<Machines, 'children' | 'history'>;
  readonly #runs: MapRun[] = [];
  /** what was looked at last is last */
  #queue: (MapRun | Child)[] = [];
  #told: ChildEvent[] = [];
  #ended = false;

  constructor(machines: Pick<Machines, 'children' | 'history'>) {
    this.#machines = machines;
  }

  /** What the execution itself went through since the last time: its Maps are known by that. */
  follow(events: readonly HistoryEvent[]): void {
    this.#learn(events, this.#runs);
    if (events.some(isEnd)) this.#ended = true;
  }

  /** How many children there are of which nothing is told. */
  get untold(): number {
    const of = (runs: readonly MapRun[]): number =>
      runs.reduce(
        (sum, { listed, children }) => sum + listed - children.size + of([...children.values()].flatMap(runsOf)),
        0,
      );
    return of(this.#runs);
  }

  /**
   * What happened since the last look, as far as so many requests tell.
   * @throws what Machines.children and Machines.history throw; the next look tells what this one has found
   */
  async look(requests: number): Promise<ChildEvent[]> {
    const looked = new Set<MapRun | Child>();
    while (looked.size < requests) {
      const next = this.#queue.find((one) => !looked.has(one) && this.#isWorthALook(one));
      if (!next) break;
      looked.add(next);
      this.#queue = [...this.#queue.filter((one) => one !== next), next];
      await (next.kind === 'run' ? this.#list(next) : this.#read(next)).catch((failure) => {
        if (!(failure instanceof InputInvalid)) throw failure; // not known everywhere yet
      });
      if (next.done) this.#queue = this.#queue.filter((one) => one !== next);
    }
    return this.#told.splice(0);
  }

  /** A child that waits for children of its own has nothing to tell meanwhile. */
  #isWorthALook(one: MapRun | Child): boolean {
    if (this.#ended || one.kind === 'run' || one.status !== 'RUNNING') return true;
    return !one.runs.some(({ done, running }) => !done && running);
  }

  async #list(run: MapRun): Promise<void> {
    const { over } = run;
    const listed = await this.#machines.children(run.arn);
    run.listed = listed.length;
    run.running = listed.some(({ status }) => status === 'RUNNING');
    for (const { arn, status } of listed) Object.assign(run.children.get(arn) ?? {}, { status });
    const children = chosen(run, listed).map(
      ({ arn, status }): Child => ({ kind: 'child', arn, about: '', lastEvent: 0, status, runs: [], done: false }),
    );
    for (const child of children) run.children.set(child.arn, child);
    this.#queue.push(...children);
    run.done = over || this.#ended;
  }

  async #read(child: Child): Promise<void> {
    const events = await this.#machines.history(child.arn, child.lastEvent);
    for (const event of events) {
      child.lastEvent = event.id!;
      child.about ||= aboutInput(parse(event.executionStartedEventDetails?.input)) ?? '';
      this.#told.push({ about: child.about, event });
    }
    this.#learn(events, child.runs);
    child.done = events.some(isEnd);
  }

  #learn(events: readonly HistoryEvent[], runs: MapRun[]): void {
    for (const { id, type, previousEventId, mapRunStartedEventDetails } of events) {
      const arn = mapRunStartedEventDetails?.mapRunArn;
      if (arn) {
        const run: MapRun = {
          ...{ kind: 'run', arn, event: id!, children: new Map(), listed: 0 },
          ...{ over: false, done: false, running: true },
        };
        runs.push(run);
        this.#queue.push(run);
      }
      const ended = isEnd({ type })
        ? runs
        : runs.filter(({ event }) => /^MapRun/.test(type!) && event === previousEventId);
      for (const run of ended) run.over = true;
    }
  }
}

const runsOf = ({ runs }: Child): MapRun[] => runs;

function chosen({ children }: MapRun, listed: readonly ExecutionSummary[]): ExecutionSummary[] {
  const untold = listed.filter(({ arn }) => !children.has(arn));
  const failed = untold.filter(({ status }) => status === 'FAILED' || status === 'TIMED_OUT');
  const running = untold.filter(({ status }) => status === 'RUNNING');
  // who is aborted ends with all others
  const over = untold.filter(({ status }) => status === 'SUCCEEDED' || status === 'ABORTED');
  const places = mostTold - [...children.values()].filter(({ done }) => !done).length;
  const pressing = [...failed, ...running].slice(0, Math.max(0, places));
  const left = Math.min(places, mostTold - children.size) - pressing.length;
  return [...pressing, ...over.slice(0, Math.max(0, left))];
}

/** How an execution ends, whose history has nothing behind it. */
const isEnd = ({ type }: Pick<HistoryEvent, 'type'>): boolean =>
  /^Execution(?:Succeeded|Failed|TimedOut|Aborted)$/.test(type ?? '');

function parse(input: string | undefined): unknown {
  try {
    return JSON.parse(input ?? 'null');
  } catch {
    return undefined; // it was cut
  }
}
