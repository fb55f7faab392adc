import { z } from 'zod';
import { InputInvalid } from '#model/failure';
import { nextFiring } from '#model/next-firing';
import type { Plan } from '#model/plan';
import { text } from '#model/plan-field';
import { filledIn, firingName, isFiringOf, plannedSchedules } from '#model/planned-schedules';
import { fields } from '#model/read-input';
import { executionStarterOf } from '#runtime/start-execution';
import { edge } from './edge.ts';

/**
 * EventBridge Scheduler says that a schedule is due; what is started for it is what the plan says. The execution is named
 * after schedule and time, so that a firing that comes twice starts nothing twice. As on one machine, a firing whose
 * successor has begun is over, and nothing is started while what the same schedule started before still runs.
 */
export const handler = edge({
  name: 'start-scheduled',
  input: fields({
    schedule: text('the name of a schedule'),
    scheduledTime: z.iso.datetime('an instant like 2026-11-20T05:13:45Z').transform((time) => new Date(time)),
  }),

  async run({ schedule: name, scheduledTime }, { plan, now, ...world }, logger) {
    const { target, ...schedule } = machineSchedule(plan, name);
    const execution = firingName(name, scheduledTime);
    const skip = (why: string) => {
      logger.warn(`${execution} is not started: ${why}`);
      return { execution, outcome: 'skipped', why };
    };
    if (scheduledTime.getTime() > now().getTime() + slackMs)
      throw new InputInvalid('scheduledTime', scheduledTime.toISOString(), 'an instant that has come');
    const successor = nextFiring({ ...schedule, anchor: scheduledTime }, scheduledTime);
    if (successor && successor.getTime() + schedule.windowMinutes * 60_000 + slackMs <= now().getTime())
      return skip(`it comes so late that the next one was due at ${successor.toISOString()}`);
    const starter = executionStarterOf(world);
    const running = (await starter.running(target.stateMachine)).filter((other) => isFiringOf(name, other));
    if (running.length > 0 && !running.includes(execution)) return skip(`${running[0]} still runs`);
    const { input } = filledIn(target, scheduledTime);
    const outcome = await starter.start(target.stateMachine, execution, input);
    logger.info(outcome === 'started' ? `${execution} is started` : `${execution} was started before`);
    return { execution, outcome: outcome === 'started' ? 'started' : 'started before' };
  },
});

/** As late as Scheduler and Lambda may be, and as far as clocks may be apart. */
const slackMs = 300_000;

/** @throws InputInvalid when the plan does not have it (any more) */
function machineSchedule(plan: Plan, name: string) {
  const known = plannedSchedules(plan).flatMap(({ target, ...schedule }) =>
    'stateMachine' in target ? [{ ...schedule, target }] : [],
  );
  const schedule = known.find((one) => one.name === name);
  if (schedule) return schedule;
  const hint = 'the plan was changed: deploy the stack with it, so that only its schedules are left';
  throw new InputInvalid('schedule', name, `a schedule of the plan (it has ${known.length} that start machines)`, hint);
}
