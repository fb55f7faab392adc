import { SendTaskSuccessCommand, SFNClient } from '@aws-sdk/client-sfn';
import { AnswerUndelivered } from '#model/approval';
import type { Environment } from '#runtime/environment';
import { awsClientConfig } from './aws-client-config.ts';

export type TaskAnswer = 'taken' | 'nobody waits';

/** Ends states that wait for a task token. */
export interface StepFunctions {
  /** `nobody waits`: the token was used before, or its state is over. @throws AnswerUndelivered */
  sendTaskSuccess(token: string, output: object): Promise<TaskAnswer>;
}

/** Where the machines of a function's world run. */
export const stepFunctionsOf = ({
  environment,
  ...world
}: {
  environment: Environment;
  stepFunctions?: StepFunctions | undefined;
}): StepFunctions => world.stepFunctions ?? stepFunctions(environment);

function stepFunctions(environment: Environment): StepFunctions {
  const client = new SFNClient({ ...awsClientConfig(environment, 'sfn'), maxAttempts: 4 });
  return {
    async sendTaskSuccess(token, output) {
      try {
        await client.send(new SendTaskSuccessCommand({ taskToken: token, output: JSON.stringify(output) }));
        return 'taken';
      } catch (error) {
        if (['TaskTimedOut', 'TaskDoesNotExist'].includes((error as Error).name)) return 'nobody waits';
        throw undelivered(error as Error, token);
      }
    },
  };
}

/** The SDK's own error carries the request, and with it the token: it is left out, and so is one in the message. */
const undelivered = ({ name, message }: Error, token: string): AnswerUndelivered =>
  new AnswerUndelivered(`Step Functions did not take the answer: ${name}: ${withoutToken(message, token)}`, {
    operation: 'send task success',
    subject: 'task token',
    hint: 'the answer is kept: give the same one again, and it is sent again (needs the right states:SendTaskSuccess)',
  });

const withoutToken = (message: string, token: string): string =>
  (message.split('\n')[0] ?? '').replaceAll(token, '[token]');
