import { historyOf } from './event-count.ts';
import type { ExecutionEnding } from './execution-folder.ts';
import { type HistoryEvent, HistoryWriter } from './history-writer.ts';
import type { Json } from './integration.ts';
import type { ExecutionIdentity, JournalRecord } from './journal-record.ts';
import { childArn, childName, childPath, type MapRun, mapRunArn, openedRun } from './map-run.ts';

type Iteration = Extract<JournalRecord, { type: 'iteration' }>;

/** A child execution, as far as its execution's journal tells of it. */
export interface ToldChild extends Omit<ExecutionIdentity, 'machineName' | 'roleArn'> {
  mapRunArn: string;
  status: 'RUNNING' | ExecutionEnding['status'];
  ending: ExecutionEnding | undefined;
  events: HistoryEvent[];
}

/** What the records of an execution's journal tell: its history, the runs of its Maps, and the children of these. */
export class ToldExecution {
  readonly events: HistoryEvent[] = [];
  /** by ARN; children in the order in which they began */
  readonly mapRuns = new Map<string, ToldChild[]>();
  readonly children = new Map<string, ToldChild>();
  readonly #writer = new HistoryWriter();
  readonly #byPath = new Map<string, ChildTeller>();
  /** by the key of the Map's visit, until its next attempt */
  readonly #runs = new Map<string, MapRun & { items: readonly Json[] }>();
  readonly #failures = new Map<string, number>();
  #identity: ExecutionIdentity | undefined;

  take(record: JournalRecord): void {
    this.events.push(...this.#writer.take(record));
    this.#byPath.get(historyOf(record))?.take(record);
    if (record.type === 'started') this.#identity = record.execution;
    else if (record.type === 'opened' && record.distributed) this.#open(record);
    else if (record.type === 'iteration') this.#iterate(record);
    else if (record.type === 'failed') this.#failures.set(record.key, this.#failed(record.key) + 1);
  }

  #failed(key: string): number {
    return this.#failures.get(key) ?? 0;
  }

  #open(record: Extract<JournalRecord, { type: 'opened' }>): void {
    const run = openedRun(this.#identity!.arn, record, this.#failed(record.key));
    this.#runs.set(record.key, { ...run, items: record.items });
    this.mapRuns.set(mapRunArn(run), []);
  }

  #iterate(record: Iteration): void {
    const run = this.#runs.get(record.key);
    if (!run) return; // of an inline Map
    const path = childPath(run, record.index);
    if (record.status !== 'started') {
      this.#byPath.get(path)?.end(record.status, record.at);
      return;
    }
    const { machineArn } = this.#identity!;
    const child: ToldChild = {
      arn: childArn(run, record.index),
      mapRunArn: mapRunArn(run),
      machineArn: `${machineArn}/${run.label}`,
      name: childName(run, record.index),
      startTime: new Date(record.at).toISOString(),
      input: record.input ?? itemInput(run.items[record.index]!),
      status: 'RUNNING',
      ending: undefined,
      events: [],
    };
    this.children.set(child.arn, child);
    this.mapRuns.get(child.mapRunArn)!.push(child);
    this.#byPath.set(path, new ChildTeller(child, path, this.#identity!, record.at));
  }
}

/** Without an ItemSelector a child is given the item itself, or the member with its name. */
function itemInput(item: Json): Json {
  const { Key, Value } = item as { Key?: Json; Value: Json };
  return Key === undefined ? Value : { Key, Value };
}

class ChildTeller {
  readonly #child: ToldChild;
  readonly #path: string;
  readonly #writer: HistoryWriter;
  #said: Pick<ExecutionEnding, 'output' | 'error' | 'cause'> = {};

  constructor(child: ToldChild, path: string, parent: ExecutionIdentity, at: number) {
    this.#child = child;
    this.#path = path;
    this.#writer = new HistoryWriter(path, parent.arn);
    const execution = { ...parent, input: child.input };
    this.#tell({ type: 'started', at, format: 'lifeboat-journal/1', definition: '', execution });
  }

  take(record: JournalRecord): void {
    this.#child.events.push(...this.#writer.take(record));
    if (!('key' in record) || record.key.slice(0, record.key.lastIndexOf('/')) !== this.#path) return;
    // the last state's answer is the child's, and a failure that nobody catches its end
    if (record.type === 'exited') this.#said = { output: record.output };
    if (record.type === 'failed') this.#said = { error: record.error, cause: record.cause };
  }

  end(status: Exclude<Iteration['status'], 'started'>, at: number): void {
    if (this.#child.ending) return;
    const ended = { succeeded: 'SUCCEEDED', failed: 'FAILED', aborted: 'ABORTED' } as const;
    const said = status === 'aborted' ? {} : this.#said;
    Object.assign(this.#child, {
      status: ended[status],
      ending: { status: ended[status], stopDate: new Date(at).toISOString(), ...said },
    });
    this.#tell({ type: 'ended', at, status: ended[status], ...said });
  }

  #tell(record: JournalRecord): void {
    this.#child.events.push(...this.#writer.tell(record));
  }
}
