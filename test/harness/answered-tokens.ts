import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface AnsweredTokens {
  environment: Record<string, string>;
  /** what came, in order */
  answers: { token: string; output: unknown }[];
  /** tokens of states that are over */
  over: Set<string>;
  /** answers are refused with this status while it is set */
  status: number | undefined;
  close(): Promise<void>;
}

/** The one operation of Step Functions that ends a waiting state, as the SDK calls it. */
export async function startAnsweredTokens(): Promise<AnsweredTokens> {
  const state: Pick<AnsweredTokens, 'answers' | 'over' | 'status'> = {
    answers: [],
    over: new Set(),
    status: undefined,
  };
  const http = createServer(async (request, response) => {
    const { taskToken, output } = JSON.parse(Buffer.concat(await request.toArray()).toString());
    const answer = (status: number, body: object) => {
      response.writeHead(status, { 'content-type': 'application/x-amz-json-1.0' }).end(JSON.stringify(body));
    };
    if (request.headers['x-amz-target'] !== 'AWSStepFunctions.SendTaskSuccess') return answer(501, {});
    if (state.status)
      return answer(state.status, { __type: 'AccessDeniedException', message: `no right to ${taskToken}` });
    if (state.over.has(taskToken)) return answer(400, { __type: 'TaskTimedOut', message: 'Task Timed Out' });
    state.over.add(taskToken);
    state.answers.push({ token: taskToken, output: JSON.parse(output) });
    answer(200, {});
  });
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');
  const environment = {
    AWS_ENDPOINT_URL_SFN: `http://127.0.0.1:${(http.address() as AddressInfo).port}`,
    AWS_REGION: 'local',
    AWS_ACCESS_KEY_ID: 'TESTACCESSKEY',
    AWS_SECRET_ACCESS_KEY: 'test-secret',
  };
  return Object.assign(state, {
    environment,
    close: async () => {
      http.close();
      http.closeAllConnections();
      await once(http, 'close');
    },
  });
}
