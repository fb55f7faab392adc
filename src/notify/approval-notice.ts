import { type AnswerStanding, answerCommand, type ShownQuestion } from '#model/approval';
import { isSamePerson } from '#model/approver';
import type { NoticeInput } from '#model/notice';
import { oneLine } from '#model/plain-text';
import type { Plan } from '#model/plan';
import { shellWord } from './shell-word.ts';

/**
 * Asks people to approve a plan, which is shown as it is, and says who has said yes so far where several have to. Neither the
 * token nor a link is in it: whoever reads a mailbox is not an approver. Who answers says which plan by its hash.
 */
export function approvalNotice(
  question: ShownQuestion,
  { approvers, fourEyes, slack, aws }: Pick<Plan, 'approvers' | 'fourEyes' | 'slack' | 'aws'>,
  { yes }: Pick<AnswerStanding, 'yes'> = { yes: [] },
): NoticeInput {
  const { execution, machine, source, planHash, plan, requestedBy, askedAt, expiresAt, required = 1 } = question;
  const name = shellWord(execution.split(':').at(-1)!);
  const isFree = ({ name: approver, iam }: Plan['approvers'][number]) =>
    !(fourEyes && approver === requestedBy) &&
    !yes.some((answer) => isSamePerson(answer, { by: approver, iam }, approvers));
  const others = approvers.filter(isFree);
  const anybody = `anybody who can run lifeboat there${fourEyes ? `, but not ${oneLine(requestedBy)}` : ''}`;
  const listed = others.map((approver) => approver.name).join(', ') || 'nobody: who asked is the only approver';
  const names = approvers.length === 0 ? anybody : listed;
  const soFar = yes.length === 0 ? '' : `: ${yes.length} of ${required} said yes`;
  return {
    format: 'lifeboat-notice/1',
    occasion: 'question',
    subject: source,
    machine,
    execution,
    title: `approve? ${machine} of ${source}, asked for by ${requestedBy}${soFar}`,
    what: [
      ...[plan, '', ...describeStanding(required, yes), `May answer: ${names}.`],
      `Without ${required === 1 ? 'an answer' : `${required} people's yes`} by ${expiresAt} nothing is done.`,
    ].join('\n'),
    since: askedAt,
    todo: (['approve', 'reject'] as const)
      .map((decision) => answerCommand(decision, name, planHash, elsewhere(execution, aws)))
      .join('\n'),
    dedupe: `question ${execution} ${planHash}${yes.length === 0 ? '' : ` yes ${yes.length}`}`,
    ...(slack && { asks: planHash }),
  };
}

/** Commands ask the stack of the plan's first region, unless they are told. */
function elsewhere(execution: string, aws: Plan['aws']): string {
  const [, region] = /^arn:[\w-]+:states:([\w-]+):/.exec(execution) ?? [];
  return aws?.recoveryRegion !== undefined && region === aws.recoveryRegion ? ` --region ${region}` : '';
}

function describeStanding(required: number, yes: AnswerStanding['yes']): string[] {
  if (required === 1) return [];
  const missing = required - yes.length;
  return [
    `${required} different people have to say yes; one no ends it.`,
    // what one person writes cannot look like another one's yes
    ...yes.map(({ by, at, reason }) => oneLine(`${by} said yes at ${at}${reason === null ? '' : `: ${reason}`}`)),
    ...(yes.length === 0 ? [] : [`${missing} more ${missing === 1 ? 'has' : 'have'} to.`]),
  ];
}
