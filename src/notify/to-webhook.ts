import type { Notice } from '#model/notice';

export interface WebhookMessage {
  headers: Record<string, string>;
  body: string;
}

/**
 * The notice's own JSON (src/model/notice.ts), for programs. A notice may come twice; its Idempotency-Key is the same then.
 * Whoever has the URL can post, so the URL is the secret, and there is no other to sign with.
 */
export function toWebhook(notice: Notice, id: string): WebhookMessage {
  return { headers: { 'idempotency-key': id }, body: JSON.stringify(notice) };
}
