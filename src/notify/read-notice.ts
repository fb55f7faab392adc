import { z } from 'zod';
import { type Notice, noticeSchema } from '#model/notice';

/**
 * The notice in a message of the topic. Never refuses: AWS publishes to the same topic (alarms, events of executions that
 * died), and what nobody can read is told as a failure with its text, not dropped.
 */
export function readNotice(message: string): Notice {
  const content = fromJson(message);
  const notice = noticeSchema.safeParse(content);
  if (notice.success) return notice.data;
  for (const read of [alarmNotice, executionNotice]) {
    const foreign = noticeSchema.safeParse({ format: 'lifeboat-notice/1', ...read(content) });
    if (foreign.success) return foreign.data;
  }
  const [issue] = notice.error.issues;
  return noticeSchema.parse({
    format: 'lifeboat-notice/1',
    occasion: 'failure',
    subject: 'notices',
    title: 'a message came that is no notice',
    what: `${issue!.path.join('.') || 'message'}: ${issue!.message}\n\n${message}`,
  });
}

type Foreign = Omit<z.input<typeof noticeSchema>, 'format'> | undefined;

/** https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Notify_Users_Alarm_Changes.html */
const alarm = z.object({
  AlarmName: z.string().min(1),
  NewStateValue: z.enum(['ALARM', 'OK', 'INSUFFICIENT_DATA']),
  NewStateReason: z.string().catch(''),
  StateChangeTime: z.string().nullish().catch(null),
  AlarmDescription: z.string().nullish().catch(null),
});

function alarmNotice(content: unknown): Foreign {
  const parsed = alarm.safeParse(content);
  if (!parsed.success) return undefined;
  const { AlarmName, NewStateValue, NewStateReason, StateChangeTime, AlarmDescription } = parsed.data;
  const recovered = NewStateValue === 'OK';
  return {
    occasion: recovered ? 'success' : 'failure',
    subject: AlarmName,
    title: recovered ? 'the alarm is over' : `the alarm says ${NewStateValue}`,
    what: [AlarmDescription, NewStateReason].filter(Boolean).join('\n\n'),
    since: StateChangeTime?.replace(/([+-]\d\d)(\d\d)$/, '$1:$2') ?? null,
    dedupe: `alarm ${AlarmName}`,
    recovered,
  };
}

/** https://docs.aws.amazon.com/step-functions/latest/dg/eventbridge-integration.html */
const executionEvent = z.object({
  'detail-type': z.literal('Step Functions Execution Status Change'),
  detail: z.object({
    executionArn: z.string(),
    stateMachineArn: z.string(),
    status: z.enum(['RUNNING', 'SUCCEEDED', 'FAILED', 'TIMED_OUT', 'ABORTED', 'PENDING_REDRIVE']),
    stopDate: z.number().nullish(),
    error: z.string().nullish(),
    cause: z.string().nullish(),
  }),
});

/** A machine that timed out or was aborted cannot tell so itself. */
function executionNotice(content: unknown): Foreign {
  const parsed = executionEvent.safeParse(content);
  if (!parsed.success) return undefined;
  const { executionArn, stateMachineArn, status, stopDate, error, cause } = parsed.data.detail;
  const machine = stateMachineArn.split(':').at(-1)!;
  return {
    occasion: ['SUCCEEDED', 'RUNNING'].includes(status) ? 'success' : 'failure',
    subject: machine || 'executions',
    title: `an execution is ${status}`,
    what: [error, cause].filter(Boolean).join(': '),
    since: stopDate ? new Date(stopDate).toISOString() : null,
    todo: `lifeboat executions ${executionArn.split(':').at(-1)}`,
    dedupe: `execution ${executionArn} ${status}`,
    machine,
    execution: executionArn,
  };
}

function fromJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // told as what it is
  }
}
