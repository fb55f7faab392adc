import { type EventDetails, eventsOf } from './history-events.ts';
import type { JournalRecord } from './journal-record.ts';

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
  /** events at which iterations have ended, and after which others may begin */
  freed: number[];
}

/** The history of an execution, record by record. Events follow each other within their scope, as recorded on AWS. */
export class HistoryWriter {
  #nextId = 1;
  /** by scope: the event after which the next one comes */
  readonly #last = new Map<string, number>([['', 0]]);
  readonly #visits = new Map<string, VisitEvents>();

  take(record: JournalRecord): HistoryEvent[] {
    const visit = this.#visit('key' in record ? record.key : '');
    if (record.type === 'entered') visit.entered = record;
    if (record.type === 'scheduled') visit.scheduled = record;
    return eventsOf(record, visit.entered, visit.scheduled).map((event) => {
      const id = this.#nextId++;
      return { id, previousEventId: this.#place(record, visit, id), timestamp: record.at / 1000, ...event };
    });
  }

  #visit(key: string): VisitEvents {
    const known = this.#visits.get(key);
    if (known) return known;
    const visit: VisitEvents = { attempt: 0, opened: 0, inside: 0, freed: [] };
    this.#visits.set(key, visit);
    return visit;
  }

  /** The event before this one; and remembers what this one is for those after it. */
  #place(record: JournalRecord, visit: VisitEvents, id: number): number {
    if (record.type === 'started') return 0;
    if (record.type === 'iteration') return this.#placeIteration(record, visit, id);
    const scope = 'key' in record ? record.key.slice(0, record.key.lastIndexOf('/')) : '';
    const around = scope === '' ? undefined : this.#visit(scope.slice(0, scope.lastIndexOf('@')));
    const previous = visit.inside || (this.#last.get(scope) ?? around!.opened);
    // what is inside of a state, its success and its exit follow
    this.#last.set(scope, record.type === 'succeeded' && visit.inside ? previous : id);
    if (around) around.inside = id;
    if (record.type === 'opened') Object.assign(visit, { opened: id, inside: id });
    if (record.type === 'failed') Object.assign(visit, { attempt: visit.attempt + 1, inside: 0, freed: [] });
    if (record.type === 'succeeded') visit.inside = 0;
    return previous;
  }

  #placeIteration({ key, index, status }: Record<'iteration'>, visit: VisitEvents, id: number): number {
    const scope = `${key}@${visit.attempt}[${index}]`;
    if (status === 'started') {
      this.#last.set(scope, id);
      return visit.freed.shift() ?? visit.opened;
    }
    const previous = this.#last.get(scope) ?? visit.opened;
    visit.freed.push(previous);
    visit.inside = id;
    return previous;
  }
}
