import { localRegion } from '#model/arn';
import type { Json } from './integration.ts';
import type { ErrorOutput, FailedAttempt, JournalRecord } from './journal-record.ts';
import { reported } from './state-failed.ts';
import { resourceDetails } from './task-resource.ts';

/** The type of an event, and its details under a name of their own: `stateEnteredEventDetails`. */
export interface EventDetails {
  type: string;
  [details: `${string}EventDetails`]: { [name: string]: Json };
}

type Entered = Extract<JournalRecord, { type: 'entered' }> | undefined;
type Scheduled = Extract<JournalRecord, { type: 'scheduled' }> | undefined;

/**
 * The events that a record stands for, as many as eventCount says. `entered` and `scheduled` are the records of the same
 * visit, `mapRunArn` the run that it begins. https://docs.aws.amazon.com/step-functions/latest/apireference/API_HistoryEvent.html
 */
export function eventsOf(
  record: JournalRecord,
  entered: Entered,
  scheduled: Scheduled,
  mapRunArn = '',
): EventDetails[] {
  switch (record.type) {
    case 'started': {
      const { input, roleArn } = record.execution;
      return [{ type: 'ExecutionStarted', executionStartedEventDetails: { ...data('input', input), roleArn } }];
    }
    case 'entered': {
      const stateEnteredEventDetails = { name: record.name, ...data('input', record.input) };
      return [{ type: `${record.state}StateEntered`, stateEnteredEventDetails }];
    }
    case 'scheduled':
      return scheduledEvents(record);
    case 'submitted': {
      const taskSubmittedEventDetails = { ...resourceDetails(scheduled!), ...data('output', record.output) };
      return [{ type: 'TaskSubmitted', taskSubmittedEventDetails }];
    }
    case 'opened': {
      if (record.state === 'Parallel') return [{ type: 'ParallelStateStarted' }];
      const started = { type: 'MapStateStarted', mapStateStartedEventDetails: { length: record.items.length } };
      return record.distributed
        ? [started, { type: 'MapRunStarted', mapRunStartedEventDetails: { mapRunArn } }]
        : [started];
    }
    case 'iteration': {
      const { index, status, untold } = record;
      if (untold) return [];
      const word = status[0]!.toUpperCase() + status.slice(1);
      return [
        { type: `MapIteration${word}`, [`mapIteration${word}EventDetails`]: { name: entered!.name, index } },
      ] as EventDetails[];
    }
    case 'succeeded': {
      const succeeded = { type: `${entered!.state}StateSucceeded` };
      if (record.distributed) return [{ type: 'MapRunSucceeded' }, succeeded];
      if (entered!.state !== 'Task') return [succeeded];
      const taskSucceededEventDetails = { ...resourceDetails(scheduled!), ...data('output', record.result!) };
      return [{ type: 'TaskSucceeded', taskSucceededEventDetails }];
    }
    case 'failed':
      return failedEvents(record, entered!, scheduled);
    case 'exited': {
      const { output, assigned } = record;
      const stateExitedEventDetails = { name: entered!.name, ...data('output', output), ...assignedData(assigned) };
      return [{ type: `${entered!.state}StateExited`, stateExitedEventDetails }];
    }
    case 'aborted':
      return record.untold ? [] : [{ type: `${entered!.state}StateAborted` }];
    case 'ended':
      return endedEvents(record);
    default:
      return [];
  }
}

function scheduledEvents(record: Extract<JournalRecord, { type: 'scheduled' }>): EventDetails[] {
  const { timeoutSeconds, heartbeatSeconds } = record;
  const resource = resourceDetails(record);
  const taskScheduledEventDetails = {
    ...resource,
    region: localRegion,
    parameters: JSON.stringify(record.arguments),
    ...(timeoutSeconds === undefined ? {} : { timeoutInSeconds: timeoutSeconds }),
    ...(heartbeatSeconds === undefined ? {} : { heartbeatInSeconds: heartbeatSeconds }),
  };
  return [
    { type: 'TaskScheduled', taskScheduledEventDetails },
    { type: 'TaskStarted', taskStartedEventDetails: resource },
  ];
}

function failedEvents(failed: FailedAttempt, entered: NonNullable<Entered>, scheduled: Scheduled): EventDetails[] {
  const ended = failed.ends ? [{ type: `${entered.state}StateFailed` }] : [];
  return [...causeEvents(failed, entered, scheduled), ...ended];
}

function causeEvents(failed: FailedAttempt, entered: NonNullable<Entered>, scheduled: Scheduled): EventDetails[] {
  const { as, location } = failed;
  if (as === 'silent') return [];
  const error = errorDetails(failed);
  if (as === 'map run') return [{ type: 'MapRunFailed', mapRunFailedEventDetails: error }];
  if (as === 'evaluation') {
    const evaluationFailedEventDetails = { ...error, ...(location && { location }), state: entered.name };
    return [{ type: 'EvaluationFailed', evaluationFailedEventDetails }];
  }
  const resource = scheduled ? resourceDetails(scheduled) : {};
  if (as === 'timed out') return [{ type: 'TaskTimedOut', taskTimedOutEventDetails: { ...resource, ...error } }];
  return [{ type: 'TaskFailed', taskFailedEventDetails: { ...resource, ...error } }];
}

function endedEvents({
  status,
  output,
  error = '',
  cause = '',
}: Extract<JournalRecord, { type: 'ended' }>): EventDetails[] {
  if (status === 'SUCCEEDED')
    return [{ type: 'ExecutionSucceeded', executionSucceededEventDetails: data('output', output!) }];
  const details = errorDetails({ error, cause });
  if (status === 'TIMED_OUT')
    return [{ type: 'ExecutionTimedOut', executionTimedOutEventDetails: { error: 'States.Timeout' } }];
  if (status === 'ABORTED') return [{ type: 'ExecutionAborted', executionAbortedEventDetails: details }];
  return [{ type: 'ExecutionFailed', executionFailedEventDetails: details }];
}

function errorDetails(output: ErrorOutput): { [name: string]: Json } {
  const { error, cause } = reported(output);
  return { ...(error && { error }), ...(cause && { cause }) };
}

/** JSON is told as text, and here it is never cut. */
const data = (name: 'input' | 'output', value: Json): { [name: string]: Json } => ({
  [name]: JSON.stringify(value),
  [`${name}Details`]: { truncated: false },
});

function assignedData(assigned: { [name: string]: Json } | undefined): { [name: string]: Json } {
  if (!assigned || Object.keys(assigned).length === 0) return {};
  const texts = Object.entries(assigned).map(([name, value]) => [name, JSON.stringify(value)] as const);
  return { assignedVariables: Object.fromEntries(texts), assignedVariablesDetails: { truncated: false } };
}
