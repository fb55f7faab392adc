import { paginateListExecutions, SFNClient, StartExecutionCommand } from '@aws-sdk/client-sfn';
import { machineArn } from '#model/arn';
import { StartFailed } from '#model/start-failed';
import type { Environment } from '#runtime/environment';
import { awsClientConfig } from './aws-client-config.ts';

/** Starts machines by their names, `backup`, and knows what runs. @throws StartFailed */
export interface ExecutionStarter {
  /** `exists`: an execution had this name before, and runs or has ended; nothing is started */
  start(machine: string, name: string, input: object): Promise<'started' | 'exists'>;
  /** the names of a machine's executions that run */
  running(machine: string): Promise<string[]>;
}

/** Where the machines of a function's world run. */
export const executionStarterOf = ({
  environment,
  ...world
}: {
  environment: Environment;
  executions?: ExecutionStarter | undefined;
}): ExecutionStarter => world.executions ?? executionStarter(environment);

/** LIFEBOAT_MACHINES and a machine's name make its ARN. What is throttled is asked again by the SDK. */
function executionStarter(environment: Environment): ExecutionStarter {
  const client = new SFNClient({ ...awsClientConfig(environment, 'sfn'), maxAttempts: 6 });
  const prefix = environment.LIFEBOAT_MACHINES ?? machineArn('');
  return {
    async start(machine, name, input) {
      const request = { stateMachineArn: prefix + machine, name, input: JSON.stringify(input) };
      try {
        await client.send(new StartExecutionCommand(request));
        return 'started';
      } catch (error) {
        if ((error as Error).name === 'ExecutionAlreadyExists') return 'exists';
        throw failed(`${machine} was not started`, name, error as Error);
      }
    },
    async running(machine) {
      try {
        const names: string[] = [];
        const request = { stateMachineArn: prefix + machine, statusFilter: 'RUNNING' } as const;
        for await (const { executions } of paginateListExecutions({ client }, request))
          names.push(...(executions ?? []).map(({ name }) => name!));
        return names;
      } catch (error) {
        throw failed(`what runs of ${machine} is not known`, machine, error as Error);
      }
    },
  };
}

const failed = (what: string, subject: string, error: Error): StartFailed =>
  new StartFailed(`${what}: ${error.name}: ${error.message.split('\n')[0]}`, {
    operation: 'start execution',
    subject,
    hint: 'the function needs states:StartExecution and states:ListExecutions on the machines of its stack',
    cause: error,
  });
