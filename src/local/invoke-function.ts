import type { FunctionHost } from './function-host.ts';
import type { Json } from './integration.ts';

/** @throws Error with the function's failure, for callers that try again */
export async function invokeOrThrow(functions: FunctionHost, name: string, event: object): Promise<Json> {
  const invocation = await functions.invoke(name, JSON.parse(JSON.stringify(event)));
  if ('payload' in invocation) return invocation.payload;
  const { errorType, errorMessage } = invocation.error;
  throw new Error(`${name}: ${errorType}: ${errorMessage}`);
}
