import { z } from 'zod';
import { InputInvalid } from '#model/failure';

/** What came to a function's URL. */
export interface UrlRequest {
  method: string;
  /** names in lower case; one that came several times has its values joined by commas */
  headers: Readonly<Record<string, string>>;
  /** as it was sent, to the byte */
  body: Buffer;
  /** the address that it came from */
  from: string;
}

export interface UrlAnswer {
  statusCode: number;
  headers: Record<string, string>;
  body: string;
}

/** Payload version 2.0. https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html#urls-payloads */
const eventSchema = z.object({
  version: z.literal('2.0'),
  headers: z.record(z.string(), z.string()).default({}),
  requestContext: z.object({ http: z.object({ method: z.string(), sourceIp: z.string().default('') }) }),
  body: z.string().nullish(),
  isBase64Encoded: z.boolean().default(false),
});

/** @throws InputInvalid, which shows nothing of it */
export function readUrlEvent(event: unknown): UrlRequest {
  const parsed = eventSchema.safeParse(event);
  if (!parsed.success) throw new InputInvalid('event', undefined, "what a function's URL hands on, version 2.0");
  const { headers, requestContext, body, isBase64Encoded } = parsed.data;
  return {
    method: requestContext.http.method,
    headers: Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value])),
    body: Buffer.from(body ?? '', isBase64Encoded ? 'base64' : 'utf8'),
    from: requestContext.http.sourceIp,
  };
}

/** The same event of a request that somebody else has received. */
export const urlEvent = ({ method, headers, body, from }: UrlRequest): object => ({
  version: '2.0',
  headers,
  requestContext: { http: { method, sourceIp: from } },
  body: body.toString('base64'),
  isBase64Encoded: true,
});
