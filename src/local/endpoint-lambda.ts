import { type FunctionHost, FunctionMissing } from './function-host.ts';
import type { Json } from './integration.ts';
import { Refusal } from './refusal.ts';

export interface LambdaAnswer {
  status: number;
  headers: Record<string, string>;
  body: string;
}

/** `/2015-03-31/functions/<name or ARN>/invocations`: the function; undefined for another path. */
export function invokedFunction(url: string): string | undefined {
  const [, name] = /^\/2015-03-31\/functions\/([^/?]+)\/invocations(?:\?|$)/.exec(url) ?? [];
  try {
    return name === undefined ? undefined : decodeURIComponent(name);
  } catch {
    return undefined;
  }
}

/**
 * Invoke. A function that fails answers 200, with a header that says so.
 * https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html
 * @throws Refusal
 */
export async function invokeOverHttp(
  functions: FunctionHost,
  { name, type, body }: { name: string; type: string; body: Buffer },
): Promise<LambdaAnswer> {
  if (type !== 'RequestResponse') {
    const message = `X-Amz-Invocation-Type ${type} is not served here: RequestResponse is`;
    throw new Refusal('InvalidParameterValueException', message, 400);
  }
  const invocation = await invoke(functions, name, parseEvent(body));
  const headers = { 'x-amzn-requestid': invocation.requestId, 'x-amz-executed-version': '$LATEST' };
  if ('error' in invocation) {
    const failed = { ...headers, 'x-amz-function-error': 'Unhandled' };
    return { status: 200, headers: failed, body: JSON.stringify(invocation.error) };
  }
  return { status: 200, headers, body: JSON.stringify(invocation.payload) };
}

async function invoke(functions: FunctionHost, name: string, event: Json) {
  try {
    return await functions.invoke(name, event);
  } catch (error) {
    if (error instanceof FunctionMissing) throw new Refusal('ResourceNotFoundException', error.message, 404);
    throw error;
  }
}

function parseEvent(body: Buffer): Json {
  if (body.length === 0) return {};
  try {
    return JSON.parse(body.toString('utf8'));
  } catch (error) {
    const message = `Could not parse request body into json: ${(error as Error).message}`;
    throw new Refusal('InvalidRequestContentException', message, 400);
  }
}
