import { parseExecutionArn } from '#model/arn';
import type { Notice } from '#model/notice';

/** `failure: main: WAL has a gap`, for a subject or a headline. */
export const headline = (notice: Notice): string => `${wordOf(notice)}: ${notice.subject}: ${notice.title}`;

/** Plain text for mail and SNS; a command has a line of its own, so that it can be copied. */
export function noticeText(notice: Notice): string {
  const { what, todo, since } = notice;
  const parts = [
    `${notice.subject}: ${notice.title}`,
    what === '' ? undefined : what,
    since === null ? undefined : `Since: ${since}`,
    todo === null ? undefined : `What to do:\n\n    ${todo.split('\n').join('\n    ')}`,
    origin(notice),
  ];
  return `${parts.filter((part) => part !== undefined).join('\n\n')}\n`;
}

/** Where it comes from, as far as it is known: `restore 0f7c2e1a (arn:…)`. */
export function origin({ machine, execution }: Notice): string | undefined {
  if (execution === null) return machine === null ? undefined : `Machine: ${machine}`;
  const name = parseExecutionArn(execution);
  return name ? `Execution: ${name.machine} ${name.name} (${execution})` : `Execution: ${execution}`;
}

const wordOf = ({ occasion, recovered }: Notice): string =>
  recovered ? 'fine again' : { success: 'done', failure: 'FAILURE', question: 'QUESTION' }[occasion];
