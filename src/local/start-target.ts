import type { ObjectCreated } from '#model/object-created';
import type { StartTarget } from '#model/planned-schedules';
import type { ExecutionStarter } from '#runtime/start-execution';
import type { Engine } from './engine.ts';
import { type EventRule, ruleExecutionName } from './event-rules.ts';
import type { Json } from './integration.ts';
import { invokeOrThrow } from './invoke-function.ts';
import { Refusal } from './refusal.ts';

type Starter = Pick<Engine, 'executions' | 'functions'>;

/** For the scheduler: what was started under this name before is not started again. */
export const startForSchedule =
  (engine: Starter) =>
  async (target: StartTarget, _scheduledTime: Date, name: string): Promise<void> => {
    if ('stateMachine' in target) await startOnce(engine, target.stateMachine, name, target.input);
    else await invokeOrThrow(engine.functions, target.function, target.input);
  };

/** For the event outbox: functions get the event, machines get it as their input. */
export const startForEvent =
  (engine: Starter) =>
  async (rule: EventRule, event: ObjectCreated): Promise<void> => {
    const { target } = rule;
    if ('function' in target) await invokeOrThrow(engine.functions, target.function, event);
    else await startOnce(engine, target.stateMachine, ruleExecutionName(rule, event), event as unknown as Json);
  };

/** For functions that start machines. */
export const localStarter = (engine: Starter): ExecutionStarter => ({
  start: (machine, name, input) => startOnce(engine, machine, name, input as Json),
  running: async (machine) => engine.executions.list({ machine, status: 'RUNNING' }).map(({ name }) => name),
});

async function startOnce(
  { executions }: Starter,
  machine: string,
  name: string,
  input: Json,
): Promise<'started' | 'exists'> {
  try {
    await executions.start({ machine, name, input });
    return 'started';
  } catch (error) {
    if (error instanceof Refusal && error.type === 'ExecutionAlreadyExists') return 'exists';
    throw error;
  }
}
