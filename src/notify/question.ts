import type { NoticeInput } from '#model/notice';
import { shellWord } from './shell-word.ts';

/**
 * What has to be approved. There is no token and no link in it: a mail scanner opens every link, and whoever reads a mailbox is
 * not an approver. Who answers logs in where `lifeboat approve` runs, and says which plan by its hash.
 */
export interface Question {
  /** the source, or what else it is about */
  subject: string;
  machine: string;
  execution: { arn: string; name: string };
  planHash: string;
  /** one line: `restore main to 2026-11-20 05:13:45+00` */
  title: string;
  /** what will be done, step by step */
  does: readonly string[];
  /** what is lost by it; empty: nothing */
  loses: readonly string[];
  requestedBy: string;
  /** names of those who may answer */
  approvers: readonly string[];
  /** whether it has to be somebody else than `requestedBy` */
  fourEyes: boolean;
  askedAt: Date;
  expiresAt: Date;
}

export function questionNotice(question: Question): NoticeInput {
  const { subject, machine, execution, planHash, title, askedAt } = question;
  const command = (verb: string) => `lifeboat ${verb} ${shellWord(execution.name)} --plan ${shellWord(planHash)}`;
  return {
    format: 'lifeboat-notice/1',
    occasion: 'question',
    subject,
    title: `approve? ${title}`,
    what: wordQuestion(question),
    since: askedAt.toISOString(),
    todo: `${command('approve')}\n${command('reject')}`,
    dedupe: `question ${execution.arn} ${planHash}`,
    machine,
    execution: execution.arn,
  };
}

function wordQuestion({ does, loses, requestedBy, approvers, fourEyes, expiresAt }: Question): string {
  const others = fourEyes ? `, but not ${requestedBy}` : '';
  return [
    `${requestedBy} asks for it. What will be done:`,
    ...does.map((step) => `- ${step}`),
    loses.length === 0 ? 'Nothing is lost.' : 'What is lost:',
    ...loses.map((loss) => `- ${loss}`),
    `May answer: ${approvers.length === 0 ? 'anybody who can run lifeboat there' : approvers.join(', ')}${others}.`,
    `Without an answer by ${expiresAt.toISOString()} nothing is done.`,
  ].join('\n');
}
