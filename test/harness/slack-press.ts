import { createHmac } from 'node:crypto';
import type { Decision } from '#model/approval';

/** A message as the incoming webhook got it. */
export interface PostedMessage {
  blocks: { type: string; block_id?: string; elements?: { action_id: string; value: string }[] }[];
}

export interface SlackPress {
  message: PostedMessage;
  decision: Decision;
  user: string;
  /** typed into the field of the message */
  reason?: string | null;
  workspace?: string;
  responseUrl?: string;
}

/**
 * What Slack sends when somebody presses a button of a message: a form whose one field is JSON, shaped as in
 * https://docs.slack.dev/reference/interaction-payloads/block_actions-payload
 */
export function pressPayload({ message, decision, user, reason = null, workspace, responseUrl }: SlackPress) {
  const block = message.blocks.find(({ type }) => type === 'actions');
  const button = block?.elements?.find(({ action_id }) => action_id === `lifeboat-${decision}`);
  if (!block || !button) throw new Error(`the message has no button to ${decision}: ${JSON.stringify(message)}`);
  return {
    type: 'block_actions',
    user: { id: user, username: 'somebody', name: 'somebody', team_id: workspace ?? 'T012ABCDEF' },
    api_app_id: 'A012ABCDEF',
    token: 'deprecated',
    container: { type: 'message', message_ts: '1795188763.000100', channel_id: 'C012ABCDEF', is_ephemeral: false },
    trigger_id: `${presses++}.12466734323.1395872398`,
    team: { id: workspace ?? 'T012ABCDEF', domain: 'example' },
    enterprise: null,
    is_enterprise_install: false,
    channel: { id: 'C012ABCDEF', name: 'on-call' },
    message: { type: 'message', subtype: 'bot_message', ts: '1795188763.000100', ...message },
    state: { values: { 'lifeboat-reason': { 'lifeboat-reason-text': { type: 'plain_text_input', value: reason } } } },
    ...(responseUrl === undefined ? {} : { response_url: responseUrl }),
    actions: [{ type: 'button', block_id: block.block_id, ...button, action_ts: '1795188769.000200' }],
  };
}

let presses = 1;

export const formOf = (payload: unknown): string =>
  new URLSearchParams({ payload: typeof payload === 'string' ? payload : JSON.stringify(payload) }).toString();

/** https://docs.slack.dev/authentication/verifying-requests-from-slack */
export function signedHeaders(body: string, secret: string, at = new Date()): Record<string, string> {
  const timestamp = String(Math.floor(at.getTime() / 1000));
  return {
    'content-type': 'application/x-www-form-urlencoded',
    'x-slack-request-timestamp': timestamp,
    'x-slack-signature': `v0=${createHmac('sha256', secret).update(`v0:${timestamp}:${body}`).digest('hex')}`,
  };
}
