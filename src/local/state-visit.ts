import type { StateDefinition } from './definition.ts';
import type { ExecutionRun, Scope } from './execution-run.ts';
import { type Bindings, evaluate, expressionText, isExpression, QueryFailed } from './expression.ts';
import type { Json } from './integration.ts';
import type { Exit } from './journal-record.ts';
import type { VisitLog } from './journal-state.ts';
import { sizeBytes, typeOf } from './json-value.ts';
import { StateFailed } from './state-failed.ts';

/** A state that is being run: once for each time that its scope comes by. */
export interface Visit {
  run: ExecutionRun;
  scope: Scope;
  key: string;
  name: string;
  state: StateDefinition;
  input: Json;
  /** as they were when the state was entered, those of the scopes around included */
  variables: Bindings;
  log: VisitLog;
}

/** What an expression may know beside input, context and variables. */
export interface Known {
  result?: Json;
  errorOutput?: Json;
  /** joins $states.context */
  context?: { [name: string]: Json };
}

/** The field's template with its expressions evaluated. @throws StateFailed: States.QueryEvaluationError */
export async function value(visit: Visit, template: Json, field: string, known: Known = {}): Promise<Json> {
  const { context, ...others } = known;
  const states = { input: visit.input, context: { ...contextOf(visit), ...context }, ...others };
  try {
    return await evaluate(template, field, { ...visit.variables, states });
  } catch (failure) {
    if (failure instanceof QueryFailed) throw evaluationFailed(visit, failure.message, failure.field);
    throw failure;
  }
}

/** @throws StateFailed also when it is of another type */
export async function typedValue<T extends 'number' | 'string' | 'boolean' | 'array'>(
  visit: Visit,
  template: Json,
  field: string,
  type: T,
): Promise<{ number: number; string: string; boolean: boolean; array: Json[] }[T]> {
  const found = await value(visit, template, field);
  if (typeOf(found) === type) return found as never;
  throw wrongType(visit, template, field, type, found);
}

/** A whole number within both bounds; undefined when the state does not say. @throws StateFailed */
export async function wholeNumber(
  visit: Visit,
  field: 'TimeoutSeconds' | 'HeartbeatSeconds' | 'Seconds' | 'MaxConcurrency' | 'ToleratedFailureCount',
  from: number,
  to: number,
): Promise<number | undefined> {
  const template = visit.state[field];
  if (template === undefined) return undefined;
  const found = await typedValue(visit, template, field, 'number');
  if (Number.isInteger(found) && found >= from && found <= to) return found;
  throw evaluationFailed(visit, `${field} must be a whole number from ${from} to ${to}, but was ${found}.`, field);
}

/** How long the longest of all waits and timeouts may be. */
export const longestSeconds = 99_999_999;

export function wrongType(visit: Visit, template: Json, field: string, expected: string, found: Json): StateFailed {
  const what = isExpression(template)
    ? `The JSONata expression '${expressionText(template)}' specified for the field '${field}' returned`
    : `The field '${field}' has`;
  return evaluationFailed(
    visit,
    `${what} an unexpected result type. Expected '${expected}', but was '${typeOf(found)}' for value: ${JSON.stringify(found)}`,
    field,
  );
}

export const evaluationFailed = (visit: Visit, what: string, field: string): StateFailed =>
  new StateFailed('States.QueryEvaluationError', causeIn(visit, what), 'evaluation', field);

/** As AWS words the causes that it finds itself. */
export const causeIn = ({ name, log }: Visit, what: string): string =>
  `An error occurred while executing the state '${name}' (entered at the event id #${log.entered!.event}). ${what}`;

/** The way on: after a state, from a rule of a Choice, or out of a catcher. */
export interface WayOut {
  Output?: Json;
  Assign?: Json;
  next: string | undefined;
  /** of the fields: `Choices[0]/` */
  place?: string;
}

/**
 * Evaluates Output and Assign, each from what was before both, and leaves the state.
 * @throws StateFailed: States.QueryEvaluationError, States.DataLimitExceeded
 */
export async function leave(visit: Visit, way: WayOut, output: Json, known: Known = {}): Promise<Exit> {
  const { Output, Assign, next, place = '' } = way;
  const exit: Exit = { output: Output === undefined ? output : await value(visit, Output, `${place}Output`, known) };
  checkSize(visit, exit.output);
  if (Assign !== undefined) {
    exit.assigned = (await value(visit, Assign, `${place}Assign`, known)) as { [name: string]: Json };
    for (const assigned of Object.values(exit.assigned)) checkSize(visit, assigned);
  }
  if (next !== undefined) exit.next = next;
  visit.run.append({ type: 'exited', key: visit.key, ...exit });
  return exit;
}

/** What a state may take and give. https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html */
const mostBytes = 256 * 1024;

/** `what` gave it: the state, if nothing is said */
export function checkSize(visit: Visit, data: Json, what = visit.name): void {
  if (sizeBytes(data) <= mostBytes) return;
  throw new StateFailed(
    'States.DataLimitExceeded',
    `The state/task '${what}' returned a result with a size exceeding the maximum number of bytes service limit.`,
    visit.state.Type === 'Task' ? 'failed' : 'silent',
  );
}

/** The attempts after the first, also for a catcher, which comes after the last. */
const retriesOf = ({ failed }: VisitLog): number => failed.filter(({ next }) => next && 'retrier' in next).length;

function contextOf({ scope, name, state, log }: Visit): { [name: string]: Json } {
  const State: { [name: string]: Json } = { EnteredTime: new Date(log.entered!.at).toISOString(), Name: name };
  if (['Task', 'Map', 'Parallel'].includes(state.Type)) State.RetryCount = retriesOf(log);
  return { ...scope.context, State };
}
