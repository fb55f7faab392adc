import type { Json } from './integration.ts';
import { childArn, childName } from './map-run.ts';
import type { Visit } from './state-visit.ts';

type Context = { [name: string]: Json };

/** $states.context of a child execution of a DISTRIBUTED Map: an execution of its own, of a machine named for the Map. */
export function childContext(visit: Visit, index: number, input: Json, context: Context): Context {
  const { run, key, log, name, state } = visit;
  const { arn, machineArn, machineName } = run.execution;
  const label = state.Label ?? name;
  const mapRun = { execution: arn, label, key, attempt: log.failed.length };
  const around = context.Execution as Context;
  const { at } = log.attempt.iterations.get(index)!;
  const Execution = {
    ...around,
    Id: childArn(mapRun, index),
    Input: input,
    Name: childName(mapRun, index),
    StartTime: new Date(at).toISOString(),
  };
  return { ...context, Execution, StateMachine: { Id: `${machineArn}/${label}`, Name: `${machineName}/${label}` } };
}
