import { exitCodes } from '#model/exit-code';
import type { Verdict } from '#model/failure';

/** Why something failed, as people are told and machines decide on. */
export interface Explanation {
  /** as Retry, Catch and the evidence know it */
  name: string;
  message: string;
  hint: string | null;
  /** null: not known */
  verdict: Verdict | null;
}

/** What a Catch finds in $states.errorOutput. */
export interface CaughtError {
  Error: string;
  Cause?: string | undefined;
}

/**
 * What an error of Step Functions means when the task could not say itself why it failed: it was killed, or never began.
 * The Cause is the task's description from ECS, a function's error, or text.
 * Source: https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_Task.html
 */
export function explainError({ Error: name, Cause: cause = '' }: CaughtError): Explanation {
  if (name === 'States.Timeout' || name === 'States.HeartbeatTimeout') return timedOut;
  const content = parse(cause);
  if (isRecord(content) && typeof content.errorMessage === 'string') {
    const [message, hint] = content.errorMessage.split('\nHINT: ');
    return { name, message: cut(message!), hint: hint ?? null, verdict: null };
  }
  if (isRecord(content) && (Array.isArray(content.Containers) || typeof content.StoppedReason === 'string')) {
    return explainTask(content);
  }
  if (name === 'AmazonECS.Unknown' || name.startsWith('ECS.')) return explainRunTask(name, content, cause);
  return { name, message: cut(cause || 'it did not say why'), hint: null, verdict: null };
}

const timedOut: Explanation = {
  name: 'TimedOut',
  message: 'it did not end in the time that it has',
  hint: "look at the task's log for where it stood, then start it again",
  verdict: 'operator',
};

/** What of RunTask's errors passes, though it did not while Retry asked again. */
const passing = ['AmazonECS.Unknown', 'ECS.ServerException', 'ECS.ThrottlingException'];

/**
 * The task was not begun. RunTask may also answer without an error and say in `failures` why it began nothing, mostly
 * since there is no capacity. Source: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/api_failures_messages.html
 */
function explainRunTask(name: string, content: unknown, cause: string): Explanation {
  const failures = isRecord(content) && Array.isArray(content.Failures) ? content.Failures : [];
  const reasons = failures.flatMap((failure) => (isRecord(failure) && failure.Reason ? [String(failure.Reason)] : []));
  const why = reasons.length > 0 ? [...new Set(reasons)].join(', ') : cause;
  const because = why === '' ? '' : `: ${cut(why)}`;
  if (passing.includes(name)) {
    return { name: 'TaskNotStarted', message: `ECS did not begin the task${because}`, hint: null, verdict: 'retry' };
  }
  return {
    name,
    message: `ECS refused to begin the task${because}`,
    hint: "look at the stack's roles, cluster and task definitions, and start it again",
    verdict: 'operator',
  };
}

function explainTask({ Containers, StoppedReason, StartedAt }: Record<string, unknown>): Explanation {
  const container: unknown = Array.isArray(Containers) ? Containers[0] : undefined;
  const { ExitCode: code, Reason: reason } = isRecord(container) ? container : {};
  const why = [reason, StoppedReason].find((text) => typeof text === 'string' && text !== '');
  const because = typeof why === 'string' ? `: ${cut(why)}` : '';
  if (/OutOfMemory/.test(`${reason} ${StoppedReason}`)) {
    return {
      name: 'OutOfMemory',
      message: `the task needed more memory than it has${because}`,
      hint: 'give the task more memory',
      verdict: 'operator',
    };
  }
  if (typeof code !== 'number' && StartedAt != null) {
    const message = `the task was killed, and nobody knows how far it came${because}`;
    return { name: 'TaskKilled', message, hint: null, verdict: 'retry' };
  }
  if (typeof code !== 'number') {
    return { name: 'TaskNotStarted', message: `the task did not start${because}`, hint: null, verdict: 'retry' };
  }
  if (code === 137 || code === 143) {
    return { name: 'TaskKilled', message: `the task was killed${because}`, hint: null, verdict: 'retry' };
  }
  const meaning = exitCodes.find((known) => known.code === code)?.meaning;
  const told = meaning === undefined ? '' : ` (${meaning})`;
  return {
    name: 'TaskFailed',
    message: `the task ended with exit code ${code}${told} and left no reason${because}`,
    hint: "look at the task's log",
    // Who cannot reach the bucket cannot say so there.
    verdict: code === bucketCode ? 'retry' : null,
  };
}

const bucketCode = exitCodes.find(({ failures }) => (failures as readonly string[]).includes('StoreUnavailable'))!.code;

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null;

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // then it is words
  }
}

/** Machines carry 256 KiB at most, and people read a few lines. */
const cut = (text: string): string => (text.length > 1000 ? `${text.slice(0, 999)}…` : text);
