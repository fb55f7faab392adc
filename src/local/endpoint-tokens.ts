import type { Json } from './integration.ts';
import { Refusal } from './refusal.ts';
import { readRequest, statesRequests } from './states-requests.ts';
import type { FileTaskTokens, TokenOutcome } from './task-tokens.ts';

const outputLimitBytes = 256 * 1024;

/** Answers to task tokens. No message says which token it was. */
export function tokenOperations(tokens: FileTaskTokens) {
  return {
    async SendTaskSuccess(body: unknown) {
      const { taskToken, output } = readRequest(statesRequests.SendTaskSuccess, body);
      checkToken(taskToken);
      return answerTo(await tokens.sendSuccess(taskToken, parseOutput(output)));
    },
    async SendTaskFailure(body: unknown) {
      const { taskToken, error = '', cause = '' } = readRequest(statesRequests.SendTaskFailure, body);
      checkToken(taskToken);
      return answerTo(await tokens.sendFailure(taskToken, error, cause));
    },
    async SendTaskHeartbeat(body: unknown) {
      const { taskToken } = readRequest(statesRequests.SendTaskHeartbeat, body);
      checkToken(taskToken);
      return answerTo(await tokens.sendHeartbeat(taskToken));
    },
  };
}

function checkToken(token: string): void {
  if (!/^[\w+/=-]+$/.test(token)) throw new Refusal('InvalidToken', "Invalid Token: 'Invalid token'");
}

function answerTo(outcome: TokenOutcome): object {
  if (outcome === 'taken') return {};
  if (outcome === 'unknown')
    throw new Refusal('TaskDoesNotExist', "Task Does Not Exist: 'no task waits for this token'");
  throw new Refusal('TaskTimedOut', "Task Timed Out: 'Provided task does not exist anymore'");
}

function parseOutput(text: string): Json {
  if (Buffer.byteLength(text) > outputLimitBytes) {
    throw new Refusal('InvalidOutput', `Invalid Output: it is longer than ${outputLimitBytes} bytes`);
  }
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new Refusal('InvalidOutput', `Invalid Output: '${(error as Error).message}'`);
  }
}
