import type { EndedExecution } from '#model/ended-unrecorded';
import { type Notice, noticeSchema } from '#model/notice';
import { alarmNotice } from './alarm-notice.ts';
import type { Echo } from './echo.ts';
import { endedExecution, eventNotice } from './event-notice.ts';

export interface ReadNotice {
  notice: Notice;
  /** what it only repeats, if somebody else has told it; null: it is told in any case */
  echo: Echo | null;
}

/**
 * The notice in a message of a topic. Never refuses: AWS publishes to the same topics (alarms, events of executions and
 * receivers), and what nobody can read is told as a failure with its text, not dropped.
 */
export function readNotice(message: string): ReadNotice {
  const content = fromJson(message);
  const own = noticeSchema.safeParse(content);
  if (own.success) return { notice: own.data, echo: null };
  for (const read of [alarmNotice, eventNotice]) {
    const foreign = read(content);
    const notice = noticeSchema.safeParse(foreign?.notice);
    if (notice.success) return { notice: notice.data, echo: foreign!.echo };
  }
  const [issue] = own.error.issues;
  const notice = noticeSchema.parse({
    format: 'lifeboat-notice/1',
    occasion: 'failure',
    subject: 'notices',
    title: 'a message came that is no notice',
    what: `${issue!.path.join('.') || 'message'}: ${issue!.message}\n\n${message}`,
  });
  return { notice, echo: null };
}

/** The execution that a message of a topic says has ended; undefined: it says something else. */
export const readEnding = (message: string): EndedExecution | undefined => endedExecution(fromJson(message));

function fromJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // told as what it is
  }
}
