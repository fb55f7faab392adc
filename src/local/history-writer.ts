import { historyOf } from './event-count.ts';
import { type EventDetails, eventsOf } from './history-events.ts';
import type { JournalRecord } from './journal-record.ts';
import { mapRunArn, openedRun } from './map-run.ts';

/** As GetExecutionHistory gives it: `type`, and the details under the name that belongs to it. */
export interface HistoryEvent extends EventDetails {
  id: number;
  /** 0 for none */
  previousEventId: number;
  /** seconds since the epoch */
  timestamp: number;
}

type Record<T extends JournalRecord['type']> = Extract<JournalRecord, { type: T }>;

/** What is to be remembered of a state's visit. Zero is no event. */
interface VisitEvents {
  entered?: Record<'entered'>;
  scheduled?: Record<'scheduled'>;
  attempt: number;
  opened: number;
  /** the last event of what runs inside */
  inside: number;
  /** the event with which something inside failed for all: those that tell of its end follow it */
  fatal: number;
  /** after which the state was said to have failed */
  beforeFailed: number;
  /** events at which iterations have ended, and after which others may begin */
  freed: number[];
}

/**
 * The history of an execution, record by record. Events follow each other within their scope, as recorded on AWS. Of
 * child executions it says nothing; a writer of a child's path says nothing else.
 */
export class HistoryWriter {
  #nextId = 1;
  /** by scope: the event after which the next one comes */
  readonly #last: Map<string, number>;
  readonly #visits = new Map<string, VisitEvents>();
  readonly #path: string;
  #execution: string;

  /** `path`: of a child of that execution */
  constructor(path = '', execution = '') {
    this.#path = path;
    this.#execution = execution;
    this.#last = new Map([[path, 0]]);
  }

  take(record: JournalRecord): HistoryEvent[] {
    return historyOf(record) === this.#path ? this.tell(record) : [];
  }

  /** Also of what no record of a child says: that it began, and that it ended. */
  tell(record: JournalRecord): HistoryEvent[] {
    if (record.type === 'started') this.#execution = record.execution.arn;
    const visit = this.#visit('key' in record ? record.key : '');
    if (record.type === 'entered') visit.entered = record;
    if (record.type === 'scheduled') visit.scheduled = record;
    const run = record.type === 'opened' ? mapRunArn(openedRun(this.#execution, record, visit.attempt)) : undefined;
    const events = eventsOf(record, visit.entered, visit.scheduled, run).map((event) => {
      const id = this.#nextId++;
      return { id, previousEventId: this.#place(record, event.type, visit, id), timestamp: record.at / 1000, ...event };
    });
    if (record.type === 'failed') this.#endAttempt(record, visit);
    return events;
  }

  #visit(key: string): VisitEvents {
    const known = this.#visits.get(key);
    if (known) return known;
    const visit: VisitEvents = { attempt: 0, opened: 0, inside: 0, fatal: 0, beforeFailed: 0, freed: [] };
    this.#visits.set(key, visit);
    return visit;
  }

  #around(scope: string): VisitEvents | undefined {
    return scope === this.#path ? undefined : this.#visit(scope.slice(0, scope.lastIndexOf('@')));
  }

  /** The event before this one; and remembers what this one is for those after it. */
  #place(record: JournalRecord, type: string, visit: VisitEvents, id: number): number {
    if (record.type === 'started' || type === 'ExecutionTimedOut') return 0;
    if (record.type === 'iteration') return this.#placeIteration(record, visit, id);
    const scope = this.#scopeOf(record);
    const around = this.#around(scope);
    if (record.type === 'aborted' && around?.fatal) return around.fatal;
    const previous = this.#previous(record, type, visit, scope);
    // what is inside of a state, its success and its exit follow
    this.#last.set(scope, record.type === 'succeeded' && visit.inside ? previous : id);
    if (around) around.inside = id;
    if (record.type === 'opened') Object.assign(visit, { opened: id, inside: id });
    if (type === 'MapRunFailed') visit.inside = id;
    if (record.type === 'succeeded' && type.endsWith('StateSucceeded')) visit.inside = 0;
    // the Map's success follows its run's, while its exit follows the start of the run
    return record.type === 'succeeded' && record.distributed && type === 'MapStateSucceeded' ? id - 1 : previous;
  }

  #previous(record: JournalRecord, type: string, visit: VisitEvents, scope: string): number {
    const last = visit.inside || (this.#last.get(scope) ?? this.#around(scope)!.opened);
    if (record.type !== 'failed') return last;
    // a catcher that fails begins where the state stood before it failed
    if (type === 'EvaluationFailed') return visit.beforeFailed || last;
    if (!type.endsWith('StateFailed')) return last;
    visit.beforeFailed = visit.fatal || last;
    return visit.beforeFailed;
  }

  #endAttempt(record: Record<'failed'>, visit: VisitEvents): void {
    const scope = this.#scopeOf(record);
    const around = this.#around(scope);
    if (record.as === 'silent' && !record.ends && visit.opened) this.#last.set(scope, visit.fatal || visit.inside);
    if (around && record.next === null) around.fatal ||= this.#last.get(scope)!;
    Object.assign(visit, { attempt: visit.attempt + 1, inside: 0, fatal: 0, freed: [] });
  }

  #placeIteration({ key, index, status }: Record<'iteration'>, visit: VisitEvents, id: number): number {
    const scope = `${key}@${visit.attempt}[${index}]`;
    if (status === 'started') {
      this.#last.set(scope, id);
      return visit.freed.shift() ?? visit.opened;
    }
    const previous = this.#last.get(scope) ?? visit.opened;
    if (status !== 'succeeded' && visit.fatal) return visit.fatal;
    visit.freed.push(previous);
    visit.inside = id;
    return previous;
  }

  #scopeOf(record: JournalRecord): string {
    return 'key' in record ? record.key.slice(0, record.key.lastIndexOf('/')) : this.#path;
  }
}
