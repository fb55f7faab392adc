import { type Decision, decisions } from '#model/approval';

/*
 * The blocks of a message by which a question is answered in Slack: a field for the reason, and two buttons that ask once
 * more. Their value names the execution and the hash of its plan, and nothing that is secret: who presses one is known
 * by Slack, and what the value says is judged as `lifeboat approve` is.
 */
export type SlackAnswerBlock =
  | {
      type: 'input';
      block_id: string;
      optional: true;
      dispatch_action: false;
      label: PlainText;
      element: { type: 'plain_text_input'; action_id: string; max_length: number };
    }
  | { type: 'actions'; block_id: string; elements: SlackButton[] };

interface SlackButton {
  type: 'button';
  action_id: string;
  style: 'primary' | 'danger';
  text: PlainText;
  value: string;
  confirm: { title: PlainText; text: PlainText; confirm: PlainText; deny: PlainText; style: 'primary' | 'danger' };
}

interface PlainText {
  type: 'plain_text';
  text: string;
  emoji: false;
}

export const reasonBlock = 'lifeboat-reason';
export const reasonAction = 'lifeboat-reason-text';
export const answerBlock = 'lifeboat-answer';
export const reasonChars = 500;

/** https://docs.slack.dev/reference/block-kit/block-elements/button-element: a value has at most 2,000 characters */
export function answerBlocks(execution: string, plan: string, subject: string): SlackAnswerBlock[] {
  return [
    {
      type: 'input',
      block_id: reasonBlock,
      // required by the plan, maybe: that is told to who left it out, where a message has no way to insist
      optional: true,
      dispatch_action: false,
      label: plain('Reason'),
      element: { type: 'plain_text_input', action_id: reasonAction, max_length: reasonChars },
    },
    {
      type: 'actions',
      block_id: answerBlock,
      elements: decisions.map((decision) => button(decision, { execution, plan, subject })),
    },
  ];
}

const words: Record<Decision, { label: string; style: SlackButton['style']; says: string }> = {
  approve: { label: 'Approve', style: 'primary', says: 'It is done as soon as enough people have said yes.' },
  reject: { label: 'Reject', style: 'danger', says: 'It ends here, and nothing is touched.' },
};

function button(decision: Decision, { execution, plan, subject }: Record<string, string>): SlackButton {
  const { label, style, says } = words[decision];
  return {
    type: 'button',
    action_id: actionOf(decision),
    style,
    text: plain(label),
    value: `${plan} ${execution}`,
    confirm: {
      title: plain(`${label} this plan?`),
      text: plain(`${label} plan ${plan!.slice(0, 12)} for ${subject!.slice(0, 100)}. ${says}`),
      confirm: plain(label),
      deny: plain('Not now'),
      style,
    },
  };
}

const plain = (text: string): PlainText => ({ type: 'plain_text', text, emoji: false });
const actionOf = (decision: Decision): string => `lifeboat-${decision}`;

/** What a button says that was pressed; undefined for one that is none of ours. */
export function readButton(
  actionId: string,
  value: string,
): { decision: Decision; execution: string; plan: string } | undefined {
  const decision = decisions.find((one) => actionOf(one) === actionId);
  const [, plan, execution] = /^([0-9a-f]{64}) (arn:aws[\w-]*:states:\S{1,500})$/.exec(value) ?? [];
  return decision && plan && execution ? { decision, plan, execution } : undefined;
}
