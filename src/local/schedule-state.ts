import { z } from 'zod';
import { nextFiring, pastFirings, type Recurrence, rateInterval } from '#model/next-firing';
import type { Schedule } from '#model/schedule';

/**
 * What is remembered of a schedule. A firing is due, then started or skipped, which settles it and all before it:
 *
 *     due --last: starting (durable)--> start --settledUntil, last: started (durable)--> settled
 *
 * Whoever is killed between the two starts the same firing again under the same name, which starts nothing twice.
 */
export interface ScheduleState {
  expression: string;
  timezone: string;
  /** when this expression was first seen, in whole seconds: a rate counts from here */
  anchor: string;
  /** no firing up to here is due any more */
  settledUntil: string;
  /** the newest firing whose start was begun: its execution may still run */
  last?: { scheduledTime: string; state: 'starting' | 'started' } | undefined;
  /** the newest of the firings that were settled, in their order: they are not due again when the clock comes back */
  settled: string[];
}

export const scheduleStateSchema: z.ZodType<ScheduleState> = z.object({
  expression: z.string(),
  // there was only this one once
  timezone: z.string().default('UTC'),
  anchor: z.iso.datetime(),
  settledUntil: z.iso.datetime(),
  last: z.object({ scheduledTime: z.iso.datetime(), state: z.enum(['starting', 'started']) }).optional(),
  settled: z.array(z.iso.datetime()),
});

/**
 * The state of a schedule as the plan has it now. One that was never seen begins now; a rate then fires at once, as in
 * AWS (https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html). A changed expression or zone begins
 * now, too, but with its next firing: what it was before has been firing until now.
 */
export function stateOf(
  known: ScheduleState | undefined,
  { expression, timezone }: { expression: Schedule; timezone: string },
  now: Date,
): ScheduleState {
  if (known?.expression === expression && known.timezone === timezone) return known;
  const anchor = wholeSecond(now);
  if (known) return { ...known, expression, timezone, anchor, settledUntil: now.toISOString() };
  return { expression, timezone, anchor, settledUntil: new Date(Date.parse(anchor) - 1).toISOString(), settled: [] };
}

const recurrenceOf = ({ expression, timezone, anchor }: ScheduleState): Recurrence => ({
  expression: expression as Schedule,
  timezone,
  anchor: new Date(anchor),
});

/** Executions are named by seconds. */
const wholeSecond = (now: Date): string => new Date(Math.floor(now.getTime() / 1000) * 1000).toISOString();

/** The clock may go back by this much, and nothing fires until it is there again. */
const clockSlackMs = 600_000;

/**
 * The state after a clock that was far ahead came back; undefined when it was not. What is due from now on is due, but
 * for what was settled; a rate counts from now, on another beat, so that none of its firings is one of before.
 */
export function afterClockCameBack(state: ScheduleState, now: Date): ScheduleState | undefined {
  const rateMs = rateInterval(state.expression as Schedule);
  const aheadMs = Date.parse(state.settledUntil) - now.getTime();
  if (aheadMs <= Math.max(clockSlackMs, rateMs ?? 0)) return undefined;
  const settledUntil = now.toISOString();
  if (rateMs === undefined) return { ...state, settledUntil };
  const anchor = wholeSecond(now);
  const onOldBeat = (Date.parse(anchor) - Date.parse(state.anchor)) % rateMs === 0;
  return { ...state, settledUntil, anchor: onOldBeat ? wholeSecond(new Date(now.getTime() + 1000)) : anchor };
}

export interface DueFiring {
  scheduledTime: Date;
  /** how many before it were missed, and are left out */
  missed: number;
}

/** Only the newest of the firings that are due: after downtime one backup is as good as the five that were missed. */
export function dueFiring(state: ScheduleState, now: Date): DueFiring | undefined {
  const next = nextDue(state);
  if (next === undefined || next > now) return undefined;
  const past = pastFirings(recurrenceOf(state), new Date(state.settledUntil), now);
  return past && { scheduledTime: past.latest, missed: past.count - 1 };
}

export const wasSettled = (state: ScheduleState, scheduledTime: Date): boolean =>
  state.settled.includes(scheduledTime.toISOString());

export function starting(state: ScheduleState, scheduledTime: Date): ScheduleState {
  return { ...state, last: { scheduledTime: scheduledTime.toISOString(), state: 'starting' } };
}

const keptFirings = 64;

export function settle(state: ScheduleState, scheduledTime: Date): ScheduleState {
  const time = scheduledTime.toISOString();
  const last = state.last?.scheduledTime === time ? { scheduledTime: time, state: 'started' as const } : state.last;
  const settled = [...state.settled.filter((other) => other !== time), time].slice(-keptFirings);
  return { ...state, settledUntil: time, last, settled };
}

/** Asked for all the time, and only changed with the state, which never is: a change makes another one. */
const knownDue = new WeakMap<ScheduleState, { time: Date | undefined }>();

/** When it is due, or was first of what is due. */
export function nextDue(state: ScheduleState): Date | undefined {
  let known = knownDue.get(state);
  if (!known) {
    const time = nextFiring(recurrenceOf(state), new Date(state.settledUntil));
    known = { time };
    knownDue.set(state, known);
  }
  return known.time;
}
