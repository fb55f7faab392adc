import type { SendOutcome } from '#notify/deliver';

/**
 * One POST of JSON to a URL that is a secret: it is in no text of the outcome, and of the answer only the status and Retry-After
 * are looked at, however long it is. A redirect is not followed, since it would carry the message to whom nobody named.
 */
export async function postJson(
  url: string,
  { headers, body }: { headers: Record<string, string>; body: string },
  signal: AbortSignal,
): Promise<SendOutcome> {
  const target = parseTarget(url);
  if (target === undefined)
    return { taken: false, again: false, reason: 'it is no URL that begins with https:// or http://' };
  try {
    const response = await fetch(target, {
      method: 'POST',
      headers: { ...headers, 'content-type': 'application/json; charset=utf-8', 'user-agent': 'lifeboat' },
      body,
      redirect: 'manual',
      signal,
    });
    await response.body?.cancel().catch(() => undefined);
    return outcomeOf(response);
  } catch (error) {
    return networkOutcome(error);
  }
}

/** fetch refuses URLs with a user in them, with a message that shows them. */
function parseTarget(url: string): URL | undefined {
  const target = URL.canParse(url) ? new URL(url) : undefined;
  if (!target || !/^https?:$/.test(target.protocol) || target.username !== '' || target.password !== '')
    return undefined;
  return target;
}

/** Of an answer's status; `more`: what else a status means there. */
export function outcomeOf(
  { status, headers }: Response,
  more: { again?: readonly number[]; hints?: Record<number, string> } = {},
): SendOutcome {
  if (status >= 200 && status < 300) return { taken: true };
  const reason = `HTTP status ${status}`;
  if (status === 429 || status === 408 || status >= 500 || more.again?.includes(status)) {
    const afterMs = parseRetryAfter(headers.get('retry-after'));
    return { taken: false, again: true, reason, ...(afterMs === undefined ? {} : { afterMs }) };
  }
  const hint = more.hints?.[status] ?? hints[status] ?? (status >= 300 && status < 400 ? hints.redirect : undefined);
  return { taken: false, again: false, reason, ...(hint === undefined ? {} : { hint }) };
}

/** Seconds or a date, in milliseconds from now. https://www.rfc-editor.org/rfc/rfc9110#section-10.2.3 */
export function parseRetryAfter(text: string | null, nowMs = Date.now()): number | undefined {
  if (text === null) return undefined;
  if (/^\d{1,9}$/.test(text.trim())) return Number(text) * 1_000;
  const at = Date.parse(text);
  return Number.isNaN(at) ? undefined : Math.max(0, at - nowMs);
}

const revoked = 'the URL is not known there (any more): make another webhook and put its URL where the plan reads it';
const hints: Record<number | 'redirect', string> = {
  400: 'the other side does not understand this kind of message: slack is for Slack, webhook for programs',
  401: revoked,
  403: revoked,
  404: revoked,
  410: revoked,
  redirect: 'redirects are not followed with a secret: put the URL that it leads to where the plan reads it',
};

/** Only codes: messages have the URL in them. */
export function networkOutcome(error: unknown): SendOutcome {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : undefined;
  if (cause?.message === 'bad port') return badPort;
  const code = cause && 'code' in cause && cause.code !== undefined ? String(cause.code) : cause?.name;
  const reason = /^[A-Z]\w+$/.test(code ?? '') ? `the request failed: ${code}` : 'the request failed';
  return { taken: false, again: true, reason, ...(/CERT|SIGNED|ISSUER/.test(reason) && { hint: certificateHint }) };
}

/** https://fetch.spec.whatwg.org/#port-blocking */
const badPort: SendOutcome = {
  taken: false,
  again: false,
  reason: 'its port belongs to another protocol, and is not posted to',
  hint: 'let it listen on another port: 443, 8080, …',
};

export const certificateHint =
  'its certificate is not trusted here: check its name and date, or name its authority in NODE_EXTRA_CA_CERTS';
