import type { Notice } from '#model/notice';
import { clip, isCurtailed } from '#model/plain-text';
import { headline, origin } from './notice-text.ts';
import { answerBlocks, type SlackAnswerBlock } from './slack-buttons.ts';

export interface SlackMessage {
  /** what a notification on a phone shows */
  text: string;
  blocks: SlackBlock[];
}

export type SlackBlock =
  | { type: 'header'; text: { type: 'plain_text'; text: string; emoji: false } }
  | { type: 'section'; text: Mrkdwn }
  | { type: 'context'; elements: Mrkdwn[] }
  | SlackAnswerBlock;

/** `verbatim`: nothing in it becomes a link, a channel or a mention by itself */
interface Mrkdwn {
  type: 'mrkdwn';
  text: string;
  verbatim: true;
}

/* https://docs.slack.dev/reference/block-kit/blocks: a header has at most 150 characters, a section's text 3,000. */
const headerChars = 150;
const sectionChars = 3_000;

/** For an incoming webhook. https://docs.slack.dev/messaging/formatting-message-text#escaping */
export function toSlack(notice: Notice): SlackMessage {
  const { what, since, todo } = notice;
  const small = [since === null ? undefined : `Since: ${since}`, origin(notice)].filter((line) => line !== undefined);
  return {
    text: escapeMrkdwn(headline(notice), sectionChars),
    blocks: [
      { type: 'header', text: { type: 'plain_text', text: clip(headline(notice), headerChars), emoji: false } },
      ...(what === '' ? [] : [section(escapeMrkdwn(what, sectionChars))]),
      ...(todo === null ? [] : [section(commandBlock(todo))]),
      ...(small.length === 0
        ? []
        : [{ type: 'context' as const, elements: small.map((line) => mrkdwn(escapeMrkdwn(line, 1_000))) }]),
      ...buttons(notice),
    ],
  };
}

/** Nobody says yes by a button to what is cut, or left out in its middle: that plan is read, and answered, with the commands. */
function buttons({ what, asks, execution, subject, title }: Notice): SlackBlock[] {
  const isWhole = escapeMrkdwn(what, Number.POSITIVE_INFINITY).length <= sectionChars && !isCurtailed(what);
  if (asks === undefined || execution === null || !/^[0-9a-f]{64}$/.test(asks) || !isWhole) return [];
  return answerBlocks(execution, asks, `${subject}: ${title}`);
}

const mrkdwn = (text: string): Mrkdwn => ({ type: 'mrkdwn', text, verbatim: true });
const section = (text: string): SlackBlock => ({ type: 'section', text: mrkdwn(text) });

/** A block of code ends at three backticks: a command that has them is shown with other quotes. */
function commandBlock(todo: string): string {
  const lead = '*What to do:*\n';
  const fence = '```';
  const room = sectionChars - lead.length - 2 * fence.length;
  return `${lead}${fence}${escapeMrkdwn(todo.replaceAll(fence, "'''"), room)}${fence}`;
}

const escapes: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;' };

/** Without `<` there is no mention (`<!channel>`) and no link. No escape is cut in its middle. */
export function escapeMrkdwn(text: string, maxChars: number): string {
  const escaped = Array.from(text, (character) => escapes[character] ?? character);
  let length = 0;
  let fits = 0; // characters that leave room for the mark of a cut
  for (const next of escaped) {
    length += next.length;
    if (length < maxChars) fits += 1;
  }
  return length <= maxChars ? escaped.join('') : `${escaped.slice(0, fits).join('')}…`;
}
