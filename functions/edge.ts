import { Logger } from '@aws-lambda-powertools/logger';
import { injectLambdaContext } from '@aws-lambda-powertools/logger/middleware';
import middy from '@middy/core';
import type { z } from 'zod';
import { correlationOf } from '#model/correlation';
import { Failure } from '#model/failure';
import { clip } from '#model/plain-text';
import { readInput } from '#model/read-input';
import { type FunctionWorld, functionWorld } from '#runtime/function-world';

export interface FunctionDefinition<Input, Output> {
  /** the file's name */
  name: string;
  /** the event; what AWS adds of its own has to be allowed for. Its error texts say what is allowed instead */
  input: z.ZodType<Input>;
  run(input: Input, world: FunctionWorld, logger: Logger): Promise<Output>;
}

/**
 * The one stack around every function: one line of JSON for each event when it is done, with the request's id and the execution
 * that it belongs to; the event checked; and a failure told the way Step Functions shows it: `errorType` is the failure's name,
 * the message has its hint. What a function logs of its own is beside that.
 */
export function edge<Input, Output>({ name, input, run }: FunctionDefinition<Input, Output>) {
  const logger = new Logger({ serviceName: name });
  return middy<unknown, Output>()
    .use(injectLambdaContext(logger, { resetKeys: true }))
    .before(({ event, internal }) => {
      internal.begunMs = performance.now();
      const correlation = correlationOf(event);
      if (correlation !== undefined) logger.setCorrelationId(correlation);
    })
    .after(({ internal }) => logger.info(`${name} done`, { tookMs: tookMs(internal) }))
    .onError((request) => {
      logger.error(`${name} failed`, { error: request.error as Error, tookMs: tookMs(request.internal) });
      request.error = toldFailure(request.error as Error);
    })
    .handler(async (event) => run(readInput(input, event), await functionWorld(), logger));
}

const tookMs = ({ begunMs }: Record<string, unknown>): number => Math.round(performance.now() - Number(begunMs));

/**
 * With its hint, and short: Step Functions cuts a Cause at 32,768 characters, and what was cut is no JSON any more, so
 * that a Catch which parses it would fail itself and nobody would learn why.
 */
function toldFailure(error: Error): Error {
  const { name, message, stack = '' } = error;
  const hint = error instanceof Failure && error.hint !== undefined ? `\nHINT: ${clip(error.hint, 1_000)}` : '';
  const told = new Error(`${clip(message, 4_000)}${hint}`, { cause: error });
  return Object.assign(told, { name, stack: clip(stack, 8_000) });
}
