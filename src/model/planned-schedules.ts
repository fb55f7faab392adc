import { createHash } from 'node:crypto';
import type { ManagedSource } from '#model/managed-source';
import type { Plan } from '#model/plan';
import type { PostgresSource } from '#model/postgres-source';
import type { Schedule } from '#model/schedule';

/** What a schedule starts. */
export type StartTarget = { input: Record<string, string> } & ({ stateMachine: string } | { function: string });

export interface PlannedSchedule {
  /** letters, digits and `-`, at most 63, and alone in its plan */
  name: string;
  expression: Schedule;
  timezone: string;
  /** how much later EventBridge Scheduler may begin */
  windowMinutes: number;
  target: StartTarget;
}

/** Where this stands in an input, EventBridge Scheduler puts the instant that the firing was due at, and so do we. */
export const scheduledTimeWord = '<aws.scheduler.scheduled-time>';

/** As EventBridge Scheduler does it: in the text of the input, in whole seconds. */
export function filledIn(target: StartTarget, scheduledTime: Date): StartTarget {
  const time = scheduledTime.toISOString().replace(/\.\d+/, '');
  return { ...target, input: JSON.parse(JSON.stringify(target.input).replaceAll(scheduledTimeWord, time)) };
}

/** Everything that the plan wants done by the clock. */
export const plannedSchedules = (plan: Plan): PlannedSchedule[] => [
  ...plan.sources.flatMap(schedulesOf),
  ...plan.managed.flatMap(schedulesOfManaged),
  {
    name: 'watch',
    expression: 'rate(1 minute)' as Schedule,
    timezone: 'UTC',
    windowMinutes: 0,
    target: { function: 'watch', input: {} },
  },
  // after midnight, so that a firing that is hours late is still of its day
  ...(plan.evidence === undefined
    ? []
    : [
        {
          name: 'sign-evidence',
          expression: 'cron(10 0 * * ? *)' as Schedule,
          timezone: 'UTC',
          windowMinutes: 0,
          target: { function: 'sign-evidence', input: {} },
        },
      ]),
  ...(plan.incidents === undefined
    ? []
    : [
        {
          name: 'tell-incidents',
          expression: 'rate(1 minute)' as Schedule,
          timezone: 'UTC',
          windowMinutes: 0,
          target: { function: 'tell-incidents', input: {} },
        },
      ]),
  ...(plan.managed.length === 0
    ? []
    : [
        {
          name: 'watch-managed',
          expression: 'rate(1 minute)' as Schedule,
          timezone: 'UTC',
          windowMinutes: 0,
          target: { function: 'watch-managed', input: {} },
        },
      ]),
  ...(plan.failover.length === 0
    ? []
    : [
        {
          name: 'watch-failover',
          expression: 'rate(1 minute)' as Schedule,
          timezone: 'UTC',
          windowMinutes: 0,
          target: { function: 'watch-failover', input: {} },
        },
      ]),
];

/** `full-main-20261122T020000Z`: the same for the same firing, so that no firing starts two executions. */
export const firingName = (schedule: string, scheduledTime: Date): string =>
  `${schedule}-${scheduledTime.toISOString().replace(/[-:]|\.\d+/g, '')}`;

/** Whether an execution of this name is a firing of that schedule. */
export const isFiringOf = (schedule: string, execution: string): boolean =>
  execution.startsWith(`${schedule}-`) && /^\d{8}T\d{6}Z$/.test(execution.slice(schedule.length + 1));

function schedulesOf({ name: source, schedules }: PostgresSource): PlannedSchedule[] {
  const { timezone, windowMinutes } = schedules;
  const scheduledTime = scheduledTimeWord;
  const targets: Record<'full' | 'incremental' | 'dump' | 'drill' | 'scrub' | 'retention', StartTarget> = {
    full: { stateMachine: 'backup', input: { source, type: 'full', scheduledTime } },
    incremental: { stateMachine: 'backup', input: { source, type: 'incremental', scheduledTime } },
    dump: { stateMachine: 'dump', input: { source, scheduledTime } },
    drill: { stateMachine: 'drill', input: { source, target: 'random', scheduledTime } },
    scrub: { stateMachine: 'scrub', input: { source, scheduledTime } },
    retention: { stateMachine: 'retention', input: { source, scheduledTime } },
  };
  return (['full', 'incremental', 'dump', 'drill', 'scrub', 'retention'] as const).flatMap((kind) => {
    const expression = schedules[kind];
    if (expression === undefined) return [];
    return [{ name: scheduleName(kind, source), expression, timezone, windowMinutes, target: targets[kind] }];
  });
}

function schedulesOfManaged({ name: source, schedules }: ManagedSource): PlannedSchedule[] {
  const { timezone, windowMinutes } = schedules;
  const machines = { snapshot: 'rds-snapshot', dump: 'dump', retention: 'retention' } as const;
  return (['snapshot', 'dump', 'retention'] as const).flatMap((kind) => {
    const expression = schedules[kind];
    if (expression === undefined) return [];
    const target = { stateMachine: machines[kind], input: { source, scheduledTime: scheduledTimeWord } };
    return [{ name: scheduleName(kind, source), expression, timezone, windowMinutes, target }];
  });
}

/** A schedule's name has at most 64 characters in AWS; with `-` and the time it becomes an execution's, which has 80. */
const longestName = 80 - '-20261122T020000Z'.length;

export function scheduleName(kind: string, source: string): string {
  const name = `${kind}-${source}`;
  if (name.length <= longestName) return name;
  const digest = createHash('sha256').update(source).digest('hex').slice(0, 8);
  return `${name.slice(0, longestName - 9)}-${digest}`;
}
