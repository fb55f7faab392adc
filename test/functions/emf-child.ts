import { handler } from '#functions/conclude-drill';

const context = { functionName: 'conclude-drill', awsRequestId: 'r', invokedFunctionArn: 'a', memoryLimitInMB: '128' };
await handler(JSON.parse(process.argv[2]!) as never, context as never);
