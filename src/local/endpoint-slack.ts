import type { IncomingMessage } from 'node:http';
import { type UrlAnswer, urlEvent } from '#model/function-url';
import { slackBodyBytes } from '#notify/slack-request';
import type { LambdaAnswer } from './endpoint-lambda.ts';
import { readBody } from './endpoint-request.ts';
import type { FunctionHost } from './function-host.ts';
import type { Json } from './integration.ts';
import type { LocalLog } from './local-log.ts';
import { Refusal } from './refusal.ts';

/** Whether this request goes to the function that Slack's buttons ask. */
export const isForSlack = (url: string): boolean => /^\/slack(?:\?|$)/.test(url);

/**
 * The same handler as behind a function's URL on AWS. It is Slack that signs, so none of the endpoint's own credentials
 * are asked for, nor under which name it was reached: a proxy that stands before it has another one. Who is refused is
 * told nothing, and the log nothing of what was sent.
 */
export async function answerSlack(
  functions: FunctionHost,
  request: IncomingMessage,
  log: LocalLog,
): Promise<LambdaAnswer> {
  const answered = await askFunction(functions, request, log);
  if (answered.status >= 400) log.warn(`${request.method} /slack was refused with status ${answered.status}`);
  return answered;
}

async function askFunction(functions: FunctionHost, request: IncomingMessage, log: LocalLog): Promise<LambdaAnswer> {
  const { method = '', headers, socket } = request;
  const body = await readBody(request, slackBodyBytes).catch((failure: unknown) => {
    if (failure instanceof Refusal) return undefined;
    throw failure;
  });
  if (!body) return { status: 413, headers: {}, body: '' };
  const texts = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, String(value)]));
  const event = urlEvent({ method, headers: texts, body, from: socket.remoteAddress ?? '' });
  const invocation = await functions.invoke('slack-answer', event as Json);
  if ('payload' in invocation) {
    const { statusCode, ...answer } = invocation.payload as unknown as UrlAnswer;
    return { status: statusCode, headers: answer.headers, body: answer.body };
  }
  const { errorType, errorMessage } = invocation.error;
  log.error(`slack-answer: ${errorType}: ${errorMessage}`);
  return { status: 502, headers: {}, body: '' };
}
