import type { Ending, Exit, FailedAttempt, JournalRecord, ScheduledTask } from './journal-record.ts';

type RecordOf<T extends JournalRecord['type']> = Extract<JournalRecord, { type: T }>;

/** What is known of one visit of a state. */
export interface VisitLog {
  entered?: RecordOf<'entered'> & { event: number };
  /** the attempts that failed, in their order */
  failed: (FailedAttempt & { at: number })[];
  /** the attempt after those */
  attempt: AttemptLog;
  waiting?: number;
  exited?: Exit;
  aborted?: boolean;
}

export interface AttemptLog {
  scheduled?: ScheduledTask & { at: number };
  submitted?: boolean;
  opened?: RecordOf<'opened'>;
  iterations: Map<number, RecordOf<'iteration'>>;
  stopping?: RecordOf<'stopping'>;
  succeeded?: RecordOf<'succeeded'>;
}

/** What the records so far say, to be looked up by whoever resumes. */
export class JournalState {
  started: RecordOf<'started'> | undefined;
  ending: (Ending & { at: number }) | undefined;
  ended: (Ending & { at: number }) | undefined;
  readonly #visits = new Map<string, VisitLog>();

  visit(key: string): VisitLog {
    const known = this.#visits.get(key);
    if (known) return known;
    const log: VisitLog = { failed: [], attempt: { iterations: new Map() } };
    this.#visits.set(key, log);
    return log;
  }

  /** `event` is the id of the record's first event in the history */
  apply(record: JournalRecord, event: number): void {
    if (record.type === 'started') this.started = record;
    else if (record.type === 'ending') this.ending = record;
    else if (record.type === 'ended') this.ended = record;
    else this.#applyToVisit(record, event);
  }

  #applyToVisit(record: Extract<JournalRecord, { key: string }>, event: number): void {
    const log = this.visit(record.key);
    switch (record.type) {
      case 'entered':
        log.entered = { ...record, event };
        break;
      case 'scheduled':
        log.attempt.scheduled = record;
        break;
      case 'submitted':
        log.attempt.submitted = true;
        break;
      case 'opened':
        log.attempt.opened = record;
        break;
      case 'iteration':
        // how it ended does not say what it began with
        log.attempt.iterations.set(record.index, { ...log.attempt.iterations.get(record.index), ...record });
        break;
      case 'stopping':
        log.attempt.stopping = record;
        break;
      case 'succeeded':
        log.attempt.succeeded = record;
        break;
      case 'failed':
        log.failed.push(record);
        log.attempt = { iterations: new Map() };
        break;
      case 'waiting':
        log.waiting = record.until;
        break;
      case 'exited':
        log.exited = record;
        break;
      case 'aborted':
        log.aborted = true;
        break;
    }
  }
}
