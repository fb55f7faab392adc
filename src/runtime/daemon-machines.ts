import { LambdaClient } from '@aws-sdk/client-lambda';
import { SFNClient } from '@aws-sdk/client-sfn';
import { machineArn } from '#model/arn';
import { ConnectionFailed } from '#model/failure';
import type { DaemonEndpoint } from '#runtime/daemon-endpoint';
import { Machines } from '#runtime/machines';

/** The machines and functions of a running daemon, asked as one asks AWS. */
export function daemonMachines({ url, region, accessKeyId, secretAccessKey }: DaemonEndpoint): Machines {
  const config = { endpoint: url, region, credentials: { accessKeyId, secretAccessKey }, maxAttempts: 3 };
  return new Machines({
    kind: 'daemon',
    states: new SFNClient(config),
    functions: new LambdaClient(config),
    machinePrefix: machineArn(''),
    functionPrefix: '',
    pollMs: 300,
    requestsPerLook: 40,
    explain: (error, { subject }) =>
      new ConnectionFailed(`the daemon at ${url} did not answer: ${(error as Error).message}`, {
        operation: 'ask the daemon',
        subject,
        hint: 'is `lifeboat up` running? look at its log; start it with `lifeboat up`',
        cause: error,
      }),
  });
}
