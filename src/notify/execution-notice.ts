import type { NoticeInput } from '#model/notice';
import { shellWord } from './shell-word.ts';

/** An execution that ended without success. */
export interface FailedExecution {
  arn: string;
  machine: string;
  name: string;
  status: string;
  /** ISO 8601, when it began */
  since: string | null;
  error?: string | null | undefined;
  cause?: string | null | undefined;
}

/** With these a machine ends where it stands: none of its states can catch them and tell people. */
const uncaught = new Set(['States.Runtime', 'States.DataLimitExceeded', 'States.QueryEvaluationError']);

/** Its machine cannot have told of it, whatever else it told before. */
export const diedUntold = ({ status, error }: Pick<FailedExecution, 'status' | 'error'>): boolean =>
  status !== 'FAILED' || uncaught.has(error ?? '');

const titles: Record<string, string> = {
  TIMED_OUT: 'died: it took too long',
  ABORTED: 'was stopped by somebody',
};

/** That it failed, told by those who saw it from outside. */
export function executionNotice({ arn, machine, name, status, since, error, cause }: FailedExecution): NoticeInput {
  const why = error || 'it did not say why';
  return {
    format: 'lifeboat-notice/1',
    occasion: 'failure',
    subject: machine,
    title: `the ${machine} machine ${titles[status] ?? `died: ${why}`}`,
    what: `${[why, cause].filter(Boolean).join(': ')}\n\nWhat it was doing is not done, and it told nobody itself.`,
    since,
    todo: `lifeboat executions ${shellWord(name)}`,
    dedupe: `died ${arn}`,
    machine,
    execution: arn,
  };
}
