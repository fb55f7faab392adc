import type { Notice } from '#model/notice';
import { headline, noticeText } from './notice-text.ts';

export interface SnsMessage {
  Subject: string;
  Message: string;
  /** for filter policies of subscriptions; `lifeboat` says that it was told once already */
  attributes: Record<string, string>;
}

/** Who gets a message with this attribute does not tell it again: topics may lead back to us. */
export const toldAttribute = 'lifeboat';

/** Subscriptions by mail get the subject and the message as they are. https://docs.aws.amazon.com/sns/latest/api/API_Publish.html */
export function toSns(notice: Notice): SnsMessage {
  return {
    Subject: snsSubject(`Lifeboat ${headline(notice)}`),
    Message: noticeText(notice),
    attributes: { [toldAttribute]: 'told', occasion: notice.occasion, subject: attributeText(notice.subject) },
  };
}

/** Printable ASCII, one line, less than 100 characters, begins with a letter. Accents go, what has no likeness becomes `?`. */
export function snsSubject(text: string): string {
  const ascii = text
    .normalize('NFKD')
    .replace(/\p{M}+/gu, '')
    .replace(/[\p{Cc}\s]+/gu, ' ')
    .replace(/[^\x20-\x7E]+/gu, '?')
    .trim();
  return ascii.length < 100 ? ascii : `${ascii.slice(0, 96)}...`;
}

const attributeText = (text: string): string => text || '-';
