import { LambdaClient } from '@aws-sdk/client-lambda';
import { SFNClient } from '@aws-sdk/client-sfn';
import type { Environment } from '#runtime/environment';
import { Machines } from '#runtime/machines';
import { patience, printStack, type Stack } from '#runtime/stack';
import { awsClientConfig } from './aws-client-config.ts';
import { awsFailure } from './aws-failure.ts';

/** The machines and functions of a stack, asked with the credentials of whoever runs the command. */
export function stackMachines(stack: Stack, environment: Environment): Machines {
  const { machinePrefix, functionPrefix, region } = stack;
  const config = (service: string) => ({ ...awsClientConfig(environment, service), region, ...patience });
  return new Machines({
    kind: 'stack',
    states: new SFNClient(config('sfn')),
    functions: new LambdaClient({ ...config('lambda'), requestHandler: functionPatience }),
    machinePrefix,
    functionPrefix,
    // GetExecutionHistory and DescribeExecution are refilled with 20 and 15 requests a second for a whole account:
    // https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html
    pollMs: 2_000,
    // four a second beside them: ListExecutions is refilled with five a second where AWS gives the least
    requestsPerLook: 8,
    taskLog: `/lifeboat/${stack.name}/tasks`,
    explain: (error, call) => awsFailure(error, { ...call, place: printStack(stack) }),
  });
}

/** A function may take its time to answer, of which it has 15 minutes at most. */
const functionPatience = { connectionTimeout: 10_000, requestTimeout: 900_000, throwOnRequestTimeout: true };
