import { type Deed, detailsSchema, type EvidenceDetails } from '#model/evidence';
import { clip, oneLine } from '#model/plain-text';

/** An execution that has ended, as it is seen from outside. */
export interface EndedExecution {
  arn: string;
  machine: string;
  status: string;
  /** ISO 8601 */
  startedAt: string;
  endedAt: string;
  /** what it was started with, as far as that is told */
  input: unknown;
  error?: string | null | undefined;
  cause?: string | null | undefined;
}

/**
 * What a machine that moves, restores or removes something records of itself, by what its ids end with: `failed` when it did not come
 * to its end, one of `done` when it did. Ended from outside, or by what none of its states can catch, it records nothing.
 */
export const recordedIds: Readonly<Record<string, { failed: string; done: readonly string[] }>> = {
  restore: { failed: 'not restored', done: ['restored'] },
  'rds-restore': { failed: 'not restored', done: ['restored'] },
  failover: { failed: 'not moved', done: ['moved', 'rehearsed'] },
  failback: { failed: 'not back', done: ['back'] },
  retention: { failed: 'not expired', done: ['expired', 'snapshots expired'] },
  'system-recovery': { failed: 'system not restored', done: ['system restored'] },
};

export interface UnrecordedEnd {
  /** under the id that the machine would have taken: who records it twice records it once */
  deed: Deed;
  /** ids under which it has recorded that it came to its end */
  done: readonly string[];
}

/** `sourceOf`: of a group of the plan. undefined: it went well, or its machine is none of those */
export function endedUnrecorded(
  ended: EndedExecution,
  sourceOf: (group: string | undefined) => string | null,
): UnrecordedEnd | undefined {
  const { arn, machine, status, startedAt, endedAt } = ended;
  const ids = Object.hasOwn(recordedIds, machine) ? recordedIds[machine]! : undefined;
  if (!ids || !['ABORTED', 'TIMED_OUT', 'FAILED'].includes(status)) return undefined;
  const input = fieldsOf(ended.input);
  const stopped = status === 'ABORTED' ? stopOf(ended) : undefined;
  const deed: Deed = {
    id: `${arn} ${ids.failed}`,
    who: stopped?.by ?? (stopped ? 'somebody' : (input.requestedBy ?? 'somebody')),
    what: clip(`${workOf(machine, input)}${askedBy(input.requestedBy)} ${howOf(ended, stopped)}`, 10_000),
    source: sourceFor(machine, input, sourceOf),
    when: endedAt,
    outcome: stopped ? 'stopped' : 'failed',
    ...{ execution: arn, planHash: null, approval: null, details: detailsOf(machine, ended.input), startedAt },
    durationMs: Math.max(0, Date.parse(endedAt) - Date.parse(startedAt)),
  };
  return { deed, done: ids.done.map((done) => `${arn} ${done}`) };
}

/** As `lifeboat stop` words it, and `stopOf` reads it. */
export const stopError = 'Stopped';
export const stopCause = (by: string, reason: string | undefined): string =>
  `by ${by}${reason === undefined ? '' : `: ${reason}`}`;

interface Stop {
  /** undefined: nobody said */
  by: string | undefined;
  why: string;
}

function stopOf({ error, cause }: EndedExecution): Stop {
  const [, by, why] = (error === stopError && /^by (.+?)(?:: ([\s\S]*))?$/.exec(cause ?? '')) || [];
  if (by !== undefined) return { by: oneLine(by, 200), why: why ?? '' };
  return { by: undefined, why: [error, cause].filter(Boolean).join(': ') };
}

function howOf({ status, error, cause }: EndedExecution, stopped: Stop | undefined): string {
  const why = oneLine(stopped?.why ?? [error, cause].filter(Boolean).join(': '), 2_000);
  const how = stopped
    ? `was stopped${stopped.by === undefined ? '' : ` by ${stopped.by}`}`
    : status === 'TIMED_OUT'
      ? 'took longer than it may, and was ended'
      : 'died';
  return `${how}${why === '' ? '' : `: ${why}`}`;
}

const askedBy = (by: string | undefined): string => (by === undefined ? '' : `, which ${by} asked for,`);

interface Fields {
  source?: string;
  group?: string;
  system?: string;
  requestedBy?: string;
}

/** What was asked may be anything: nobody has checked it. */
function fieldsOf(input: unknown): Fields {
  const given = typeof input === 'object' && input !== null ? (input as Record<string, unknown>) : {};
  const names = ['source', 'group', 'system', 'requestedBy'] as const;
  const read = names.map((name) => [name, given[name]] as const);
  return Object.fromEntries(
    read.flatMap(([name, value]) =>
      typeof value === 'string' && value.trim() !== '' ? [[name, oneLine(value, 200)]] : [],
    ),
  );
}

function workOf(machine: string, { source, group, system }: Fields): string {
  const [work, subject] =
    machine === 'failover' || machine === 'failback'
      ? [machine, group]
      : machine === 'system-recovery'
        ? ['recovery of the system', system]
        : [machine === 'retention' ? machine : 'restore', source];
  if (subject === undefined) return machine === 'system-recovery' ? 'recovery of a system' : work!;
  return machine === 'system-recovery' ? `${work} ${subject}` : `${work} of ${subject}`;
}

function sourceFor(machine: string, { source, group }: Fields, sourceOf: (group?: string) => string | null) {
  if (machine === 'system-recovery') return null;
  return machine === 'failover' || machine === 'failback' ? sourceOf(group) : (source ?? null);
}

function detailsOf(machine: string, input: unknown): EvidenceDetails {
  if (machine === 'retention') return detailsSchema.parse({ kind: 'expiry' });
  if (machine !== 'failover' && machine !== 'failback') return detailsSchema.parse({ kind: 'restore' });
  return detailsSchema.parse({ kind: 'failover', mode: machine === 'failback' ? machine : modeOf(input) });
}

function modeOf(input: unknown): string {
  const { planned, rehearse } = (input ?? {}) as { planned?: unknown; rehearse?: unknown };
  return rehearse === true ? 'rehearsal' : planned === true ? 'switchover' : 'failover';
}
