/*
 * Stands where Lambda's own program stands: in the folder of an unpacked function, it imports the handler and gives it the
 * events that come. https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const name = process.env.LIFEBOAT_TEST_FUNCTION!;
const { handler } = await import(join(process.cwd(), `${name}.mjs`));

process.on('message', async ({ event, requestId }: { event: unknown; requestId: string }) => {
  const context = {
    awsRequestId: requestId,
    functionName: process.env.AWS_LAMBDA_FUNCTION_NAME,
    functionVersion: '$LATEST',
    invokedFunctionArn: `arn:aws:lambda:${process.env.AWS_REGION}:111122223333:function:${process.env.AWS_LAMBDA_FUNCTION_NAME}`,
    memoryLimitInMB: process.env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE,
    getRemainingTimeInMillis: () => 60_000,
  };
  const answer = await handler(event, context).then(
    (payload: unknown) => ({ payload: payload === undefined ? null : JSON.parse(JSON.stringify(payload)) }),
    ({ name: errorType, message: errorMessage }: Error) => ({ error: { errorType, errorMessage } }),
  );
  process.send!({ requestId, answer, maxRssBytes: maxRssBytes() });
});
process.send!('ready');

/** Of this program alone: what getrusage tells begins with what the process had from which it was forked. */
function maxRssBytes(): number {
  const [, kibibytes = '0'] = /^VmHWM:\s+(\d+) kB/m.exec(readFileSync('/proc/self/status', 'utf8')) ?? [];
  return Number(kibibytes) * 1024;
}
