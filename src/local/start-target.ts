import type { ObjectCreated } from '#model/object-created';
import type { Engine } from './engine.ts';
import { type EventRule, ruleExecutionName } from './event-rules.ts';
import type { Json } from './integration.ts';
import { invokeOrThrow } from './invoke-function.ts';
import type { StartTarget } from './planned-schedules.ts';
import { Refusal } from './refusal.ts';

type Starter = Pick<Engine, 'executions' | 'functions'>;

/** For the scheduler: what was started under this name before is not started again. */
export const startForSchedule =
  (engine: Starter) =>
  async (target: StartTarget, _scheduledTime: Date, name: string): Promise<void> => {
    if ('stateMachine' in target) return startOnce(engine, target.stateMachine, name, target.input);
    await invokeOrThrow(engine.functions, target.function, target.input as object);
  };

/** For the event outbox: functions get the event, machines get it as their input. */
export const startForEvent =
  (engine: Starter) =>
  async (rule: EventRule, event: ObjectCreated): Promise<void> => {
    const { target } = rule;
    if ('function' in target) await invokeOrThrow(engine.functions, target.function, event);
    else await startOnce(engine, target.stateMachine, ruleExecutionName(rule, event), event as unknown as Json);
  };

async function startOnce({ executions }: Starter, machine: string, name: string, input: Json): Promise<void> {
  try {
    await executions.start({ machine, name, input });
  } catch (error) {
    if (!(error instanceof Refusal) || error.type !== 'ExecutionAlreadyExists') throw error;
  }
}
