import type { SlackClick } from './slack-click.ts';
import { escapeMrkdwn } from './to-slack.ts';

/** What Slack is told after a press, by the press' own URL or in the answer to it. */
export type SlackReply =
  | { response_type: 'ephemeral'; replace_original: false; text: string }
  | { response_type: 'in_channel'; replace_original: boolean; text: string; blocks?: unknown[] };

const replyChars = 2_800;

/** Seen by who pressed alone. */
export const tellAlone = (text: string): SlackReply => ({
  response_type: 'ephemeral',
  replace_original: false,
  text: escapeMrkdwn(text, replyChars),
});

/** Seen by the channel, beside the question, which others may still answer. */
export const tellAll = (text: string): SlackReply => ({
  response_type: 'in_channel',
  replace_original: false,
  text: escapeMrkdwn(text, replyChars),
});

/** In the place of the question: what it said, with its answer where the buttons were. */
export function closeQuestion({ blocks }: Pick<SlackClick, 'blocks'>, text: string): SlackReply {
  if (blocks.length === 0) return tellAll(text);
  const said = escapeMrkdwn(text, replyChars);
  const answer = { type: 'section', text: { type: 'mrkdwn', text: said, verbatim: true } };
  // a message has at most 50 blocks: https://docs.slack.dev/reference/block-kit/blocks
  return { response_type: 'in_channel', replace_original: true, text: said, blocks: [...blocks.slice(0, 49), answer] };
}

/**
 * Where it may be told: at Slack, and nowhere else, whatever a request says.
 * https://docs.slack.dev/interactivity/handling-user-interaction#message_responses
 */
export function replyUrl({ responseUrl }: Pick<SlackClick, 'responseUrl'>): string | undefined {
  if (responseUrl === undefined || !URL.canParse(responseUrl)) return undefined;
  const { origin, username, password, href } = new URL(responseUrl);
  return origin === 'https://hooks.slack.com' && username === '' && password === '' ? href : undefined;
}
