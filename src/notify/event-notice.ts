import { z } from 'zod';
import { parseExecutionArn, parseMachineArn } from '#model/arn';
import type { EndedExecution } from '#model/ended-unrecorded';
import type { NoticeInput } from '#model/notice';
import { type Echo, echoOfExecution } from './echo.ts';
import { diedUntold, executionNotice } from './execution-notice.ts';

interface Read {
  notice: NoticeInput;
  echo: Echo | null;
}

/** An event of EventBridge as a notice, and what it repeats; undefined when it is none that is known here. */
export function eventNotice(content: unknown): Read | undefined {
  return executionEvent(content) ?? taskEvent(content) ?? serviceEvent(content);
}

const text = z.string().nullish().catch(null);

/** https://docs.aws.amazon.com/step-functions/latest/dg/eventbridge-integration.html */
const executionSchema = z.object({
  'detail-type': z.literal('Step Functions Execution Status Change'),
  detail: z.object({
    executionArn: z.string(),
    stateMachineArn: z.string(),
    status: z.enum(['RUNNING', 'SUCCEEDED', 'FAILED', 'TIMED_OUT', 'ABORTED', 'PENDING_REDRIVE']),
    startDate: z.number().nullish().catch(null),
    stopDate: z.number().nullish().catch(null),
    input: text,
    error: text,
    cause: text,
  }),
});

/** The execution of one of our machines that has ended, where an event tells of one; of a Map's children nobody asks. */
export function endedExecution(content: unknown): EndedExecution | undefined {
  const parsed = executionSchema.safeParse(content);
  if (!parsed.success) return undefined;
  const { executionArn: arn, status, startDate, stopDate, input, error, cause } = parsed.data.detail;
  const named = parseExecutionArn(arn);
  if (!named || named.mapRun !== undefined || stopDate == null) return undefined;
  const endedAt = new Date(stopDate).toISOString();
  const startedAt = startDate == null ? endedAt : new Date(startDate).toISOString();
  return { arn, machine: named.machine, status, startedAt, endedAt, input: parsedOrNull(input), error, cause };
}

/** What is long is left out of the event. */
function parsedOrNull(input: string | null | undefined): unknown {
  try {
    return JSON.parse(input ?? 'null');
  } catch {
    return null;
  }
}

/** How long a machine's own notice may take from its topic to us. */
const overtakenMs = 20_000;

function executionEvent(content: unknown): Read | undefined {
  const parsed = executionSchema.safeParse(content);
  if (!parsed.success) return undefined;
  const { executionArn: arn, stateMachineArn, status, startDate, error, cause } = parsed.data.detail;
  const { machine, name } = parseExecutionArn(arn) ?? {
    machine: parseMachineArn(stateMachineArn) ?? 'executions',
    name: arn.split(':').at(-1) ?? arn,
  };
  const since = startDate ? new Date(startDate).toISOString() : null;
  const failed = executionNotice({ arn, machine, name, status, since, error, cause });
  if (status === 'FAILED' || status === 'TIMED_OUT' || status === 'ABORTED') {
    const echo = diedUntold({ status, error }) ? null : { key: echoOfExecution(arn), waitMs: overtakenMs };
    return { notice: failed, echo };
  }
  const title = `the ${machine} machine is ${status}`;
  return { notice: { ...failed, occasion: 'success', title, what: '', todo: null, dedupe: null }, echo: null };
}

/** https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs_task_events.html */
const taskSchema = z.object({
  'detail-type': z.literal('ECS Task State Change'),
  time: text,
  detail: z.object({
    taskArn: z.string(),
    lastStatus: z.literal('STOPPED'),
    group: text,
    stopCode: text,
    stoppedReason: text,
    stoppedAt: text,
    containers: z
      .array(z.object({ name: z.string(), exitCode: z.number().nullish(), reason: text }))
      .nullish()
      .catch(null),
  }),
});

function taskEvent(content: unknown): Read | undefined {
  const parsed = taskSchema.safeParse(content);
  if (!parsed.success) return undefined;
  const { time, detail } = parsed.data;
  const service = detail.group?.startsWith('service:') ? detail.group.slice('service:'.length) : undefined;
  const exits = (detail.containers ?? []).map(({ name, exitCode, reason }) =>
    [`container ${name}`, exitCode == null ? 'never ran' : `ended with ${exitCode}`, reason].filter(Boolean).join(': '),
  );
  const whose = service === undefined ? 'a task' : receiverOf(service);
  return {
    notice: {
      format: 'lifeboat-notice/1',
      occasion: 'failure',
      subject: whose,
      title: service ? 'a receiver was stopped' : 'a task was stopped',
      what: [
        [detail.stopCode, detail.stoppedReason].filter(Boolean).join(': '),
        ...exits,
        ...(service
          ? ['ECS starts another; until it runs, the server keeps its WAL and nothing of it is stored.']
          : []),
        `Task: ${detail.taskArn}`,
      ]
        .filter(Boolean)
        .join('\n'),
      since: detail.stoppedAt ?? time ?? null,
      todo: service === undefined ? 'lifeboat status' : `lifeboat status --source ${whose}`,
      dedupe: `stopped ${service ?? detail.taskArn}`,
    },
    echo: null,
  };
}

/** The source whose receiver a service is; the service itself when it is none (src/stack/source-receiver.ts). */
export const receiverOf = (service: string): string => service.replace(/^receive-wal-/, '');

/** https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs_service_events.html */
const serviceSchema = z.object({
  'detail-type': z.enum(['ECS Service Action', 'ECS Deployment State Change']),
  time: text,
  resources: z.array(z.string()).min(1),
  detail: z.object({ eventType: z.enum(['INFO', 'WARN', 'ERROR']), eventName: z.string(), reason: text }),
});

const serviceTitles: Record<string, string> = {
  SERVICE_TASK_START_IMPAIRED: 'the receiver cannot be started again and again',
  SERVICE_TASK_PLACEMENT_FAILURE: 'there is no room for the receiver',
  SERVICE_TASK_CONFIGURATION_FAILURE: 'the receiver cannot be started as it is configured',
  SERVICE_DEPLOYMENT_FAILED: 'the receiver could not be replaced by its next version',
};

function serviceEvent(content: unknown): Read | undefined {
  const parsed = serviceSchema.safeParse(content);
  if (!parsed.success) return undefined;
  const { time, resources, detail } = parsed.data;
  const { eventType, eventName, reason } = detail;
  const service = resources[0]!.split('/').at(-1) || resources[0]!;
  const source = receiverOf(service);
  const isFine = eventType === 'INFO';
  return {
    notice: {
      format: 'lifeboat-notice/1',
      occasion: isFine ? 'success' : 'failure',
      subject: source,
      title: serviceTitles[eventName] ?? `ECS says ${eventName} of the receiver`,
      what: [reason, `ECS reports ${eventName} of ${resources[0]}.`].filter(Boolean).join('\n'),
      since: time ?? null,
      todo: isFine ? null : `lifeboat status --source ${source}`,
      dedupe: isFine ? null : `service ${service} ${eventName}`,
    },
    echo: null,
  };
}
