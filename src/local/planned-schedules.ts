import { createHash } from 'node:crypto';
import type { Plan } from '#model/plan';
import type { PostgresSource } from '#model/postgres-source';
import type { Schedule } from '#model/schedule';
import type { Json } from './integration.ts';

/** What a schedule or a rule starts. */
export type StartTarget = { stateMachine: string; input: Json } | { function: string; input: Json };

export interface PlannedSchedule {
  /** letters, digits and `-`, at most 63, and alone in its plan */
  name: string;
  expression: Schedule;
  target: StartTarget;
}

/** Where this stands in an input, EventBridge Scheduler puts the instant that the firing was due at, and so do we. */
export const scheduledTimeWord = '<aws.scheduler.scheduled-time>';

/** Everything that the plan wants done by the clock. */
export const plannedSchedules = (plan: Plan): PlannedSchedule[] => [
  ...plan.sources.flatMap(schedulesOf),
  { name: 'watch', expression: 'rate(1 minute)' as Schedule, target: { function: 'watch', input: {} } },
];

/** `full-main-20261122T020000Z`: the same for the same firing, so that no firing starts two executions. */
export const firingName = (schedule: string, scheduledTime: Date): string =>
  `${schedule}-${scheduledTime.toISOString().replace(/[-:]|\.\d+/g, '')}`;

function schedulesOf({ name: source, schedules }: PostgresSource): PlannedSchedule[] {
  const scheduledTime = scheduledTimeWord;
  const backup = (type: 'full' | 'incremental'): StartTarget => ({
    stateMachine: 'backup',
    input: { source, type, scheduledTime },
  });
  const drill: StartTarget = { stateMachine: 'drill', input: { source, target: 'random', scheduledTime } };
  return [
    ...scheduled('full', source, schedules.full, backup('full')),
    ...scheduled('incremental', source, schedules.incremental, backup('incremental')),
    ...scheduled('drill', source, schedules.drill, drill),
  ];
}

const scheduled = (
  kind: string,
  source: string,
  expression: Schedule | undefined,
  target: StartTarget,
): PlannedSchedule[] => (expression === undefined ? [] : [{ name: scheduleName(kind, source), expression, target }]);

/** A schedule's name has at most 64 characters in AWS; with `-` and the time it becomes an execution's, which has 80. */
const longestName = 80 - '-20261122T020000Z'.length;

function scheduleName(kind: string, source: string): string {
  const name = `${kind}-${source}`;
  if (name.length <= longestName) return name;
  const digest = createHash('sha256').update(source).digest('hex').slice(0, 8);
  return `${name.slice(0, longestName - 9)}-${digest}`;
}
