import { z } from 'zod';
import { Refusal } from './refusal.ts';

const arn = z.string().min(1).max(256);
const paging = { maxResults: z.int().min(0).max(1000).optional(), nextToken: z.string().max(3096).optional() };
const error = z.string().max(256).optional();
const cause = z.string().max(32_768).optional();
/** longer than any that we give away */
const taskToken = z.string().min(1).max(2048);

/** Requests as the API's reference has them; what we do not know is let through, as there. */
export const statesRequests = {
  StartExecution: z.object({ stateMachineArn: arn, name: z.string().optional(), input: z.string().optional() }),
  DescribeExecution: z.object({ executionArn: arn }),
  ListExecutions: z
    .object({
      stateMachineArn: arn.optional(),
      mapRunArn: z.string().min(1).max(2000).optional(),
      statusFilter: z.enum(['RUNNING', 'SUCCEEDED', 'FAILED', 'TIMED_OUT', 'ABORTED', 'PENDING_REDRIVE']).optional(),
      ...paging,
    })
    .refine((asked) => (asked.stateMachineArn === undefined) !== (asked.mapRunArn === undefined), {
      message: 'Either stateMachineArn or mapRunArn is needed, and not both',
    }),
  GetExecutionHistory: z.object({
    executionArn: arn,
    reverseOrder: z.boolean().optional(),
    includeExecutionData: z.boolean().optional(),
    ...paging,
  }),
  StopExecution: z.object({ executionArn: arn, error, cause }),
  ListStateMachines: z.object(paging),
  DescribeStateMachine: z.object({ stateMachineArn: arn }),
  SendTaskSuccess: z.object({ taskToken, output: z.string() }),
  SendTaskFailure: z.object({ taskToken, error, cause }),
  SendTaskHeartbeat: z.object({ taskToken }),
};

/** Times as the protocol has them: seconds since the epoch, with a fraction. */
export const seconds = (time: string | number | Date): number => new Date(time).getTime() / 1000;

/** @throws Refusal ValidationException */
export function readRequest<T>(schema: z.ZodType<T>, body: unknown): T {
  const outcome = schema.safeParse(body);
  if (outcome.success) return outcome.data;
  const problems = outcome.error.issues.map(({ path, message }) => `${path.join('.') || 'the request'}: ${message}`);
  throw new Refusal(
    'ValidationException',
    `${problems.length} validation error${problems.length > 1 ? 's' : ''} detected: ${problems.join('; ')}`,
  );
}
