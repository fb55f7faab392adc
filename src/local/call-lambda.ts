import { z } from 'zod';
import { readArguments } from './call-arguments.ts';
import { type FunctionHost, FunctionMissing } from './function-host.ts';
import { type Integration, type Json, StatesError } from './integration.ts';

const schema = z.strictObject({
  FunctionName: z.string(),
  Payload: z.json().optional(),
  InvocationType: z.literal('RequestResponse').optional(),
  Qualifier: z.string().optional(),
});

/**
 * `lambda:invoke`: the answer and the errors are those of
 * https://docs.aws.amazon.com/step-functions/latest/dg/connect-lambda.html
 */
export function callLambda(functions: FunctionHost): Integration {
  return async (call) => {
    const { FunctionName, Payload = {} } = readArguments(schema, call);
    const invocation = await invoke(functions, FunctionName, Payload as Json);
    if ('error' in invocation) throw new StatesError(invocation.error.errorType, JSON.stringify(invocation.error));
    return answerOf(invocation.requestId, invocation.payload);
  };
}

async function invoke(functions: FunctionHost, name: string, payload: Json) {
  try {
    return await functions.invoke(name, payload);
  } catch (error) {
    if (!(error instanceof FunctionMissing)) throw error;
    const cause = `${error.message} (there are ${functions.names.join(', ')})`;
    throw new StatesError('Lambda.ResourceNotFoundException', cause);
  }
}

function answerOf(requestId: string, payload: Json): Json {
  const headers = {
    'Content-Type': 'application/json',
    'X-Amz-Executed-Version': '$LATEST',
    'x-amzn-RequestId': requestId,
  };
  return {
    ExecutedVersion: '$LATEST',
    Payload: payload,
    SdkHttpMetadata: {
      AllHttpHeaders: Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, [value]])),
      HttpHeaders: headers,
      HttpStatusCode: 200,
    },
    SdkResponseMetadata: { RequestId: requestId },
    StatusCode: 200,
  };
}
