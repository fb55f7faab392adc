import { createHash } from 'node:crypto';
import type { Notice } from '#model/notice';
import type { Notification } from '#model/notification';
import { clip } from '#model/plain-text';
import { headline, noticeText } from './notice-text.ts';

export interface EmailMessage {
  from: string;
  to: string[];
  /** one line */
  subject: string;
  /** plain text: nothing in it is clickable but what a reader's program makes of it */
  text: string;
  /** the same for the same notice, so that mailboxes can tell a repetition */
  messageId: string;
  /** of all notices about the same thing: mail programs show them as one conversation; null: it stands alone */
  thread: string | null;
}

/** `id` is the notice's. */
export function toEmail(
  notice: Notice,
  id: string,
  { from, to }: Pick<Notification & { kind: 'email' }, 'from' | 'to'>,
): EmailMessage {
  const subject = `[lifeboat] ${headline(notice)}`.replace(/[\p{Cc}\p{Zl}\p{Zp}]+/gu, ' ');
  return {
    from,
    to,
    subject: clip(subject, 200),
    text: noticeText(notice),
    messageId: mailId(id),
    thread: notice.dedupe === null ? null : mailId(notice.dedupe),
  };
}

/** https://www.rfc-editor.org/rfc/rfc5322#section-3.6.4 */
const mailId = (text: string): string =>
  `<${createHash('sha256').update(text).digest('hex').slice(0, 32)}@lifeboat.invalid>`;
