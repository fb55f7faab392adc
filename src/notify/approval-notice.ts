import type { Question } from '#model/approval';
import type { NoticeInput } from '#model/notice';
import type { Plan } from '#model/plan';
import { shellWord } from './shell-word.ts';

/**
 * Asks people to approve a plan, which is shown as it is. Neither the token nor a link is in it: whoever reads a mailbox
 * is not an approver. Who answers says which plan by its hash.
 */
export function approvalNotice(
  { execution, machine, source, planHash, plan, requestedBy, askedAt, expiresAt }: Omit<Question, 'taskToken'>,
  { approvers, fourEyes }: Pick<Plan, 'approvers' | 'fourEyes'>,
): NoticeInput {
  const name = shellWord(execution.split(':').at(-1)!);
  const hash = planHash.slice(0, 12);
  const others = approvers.filter(({ name: approver }) => !fourEyes || approver !== requestedBy);
  const anybody = `anybody who can run lifeboat there${fourEyes ? `, but not ${requestedBy}` : ''}`;
  const listed = others.map((approver) => approver.name).join(', ') || 'nobody: who asked is the only approver';
  const names = approvers.length === 0 ? anybody : listed;
  return {
    format: 'lifeboat-notice/1',
    occasion: 'question',
    subject: source,
    machine,
    execution,
    title: `approve? ${machine} of ${source}, asked for by ${requestedBy}`,
    what: [plan, '', `May answer: ${names}.`, `Without an answer by ${expiresAt} nothing is done.`].join('\n'),
    since: askedAt,
    todo: `lifeboat approve ${name} --plan ${hash}\nlifeboat reject ${name} --plan ${hash}`,
    dedupe: `question ${execution} ${planHash}`,
  };
}
