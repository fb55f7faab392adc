import { z } from 'zod';
import { edge } from '#functions/edge';
import { ConnectionFailed } from '#model/failure';
import { provideWorld } from '#runtime/function-world';

provideWorld({} as never);

const handler = edge({
  name: 'sample',
  input: z.looseObject({ does: z.string().optional() }),
  async run({ does }) {
    if (does === 'fail') throw new ConnectionFailed('no route', { operation: 'x', subject: 'y', hint: 'the cable' });
    return {};
  },
});

const context = { functionName: 'sample', awsRequestId: 'request-1', invokedFunctionArn: 'a', memoryLimitInMB: '128' };
for (const event of JSON.parse(process.argv[2]!))
  await Promise.resolve(handler(event, context as never)).catch(() => 0);
