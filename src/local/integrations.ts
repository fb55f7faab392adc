import type { AwsSdkCall } from '#runtime/call-aws-sdk';
import { callAwsSdk } from './call-aws-service.ts';
import { callLambda } from './call-lambda.ts';
import type { Executions } from './executions.ts';
import type { FunctionHost } from './function-host.ts';
import { type Integration, StatesError, type TaskCall } from './integration.ts';
import { publishNotice } from './publish-notice.ts';
import { type EcsOptions, runEcsTask } from './run-ecs-task.ts';
import { startChildExecution } from './start-child-execution.ts';
import type { FileTaskTokens } from './task-tokens.ts';

export interface IntegrationOptions {
  executions: Executions;
  functions: FunctionHost;
  ecs: EcsOptions;
  tokens: FileTaskTokens;
  publish(message: string, dedupeId: string): Promise<unknown>;
  awsSdk: AwsSdkCall;
  /** aborted when this process leaves everything to the next one */
  leaving: AbortSignal;
}

/** Everything that a Task can call here, by its resource and what it waits for. */
export function createIntegrations(options: IntegrationOptions): Integration {
  const lambda = callLambda(options.functions);
  const child = startChildExecution(options.executions);
  const known: Readonly<Record<string, Integration>> = {
    'lambda:invoke request': notWhenOver(lambda),
    'lambda:invoke token': withToken(options.tokens, notWhenOver(lambda)),
    'ecs:runTask sync': runEcsTask(options.ecs),
    'sns:publish request': notWhenOver(publishNotice(options.publish)),
    'states:startExecution request': notWhenOver(child),
    'states:startExecution sync:2': child,
  };
  const sdk = notWhenOver(callAwsSdk(options.awsSdk));
  return withheld(options.leaving, (call) => {
    const integration = known[`${call.resource} ${call.pattern}`];
    if (integration) return integration(call);
    if (call.resource.startsWith('aws-sdk:') && call.pattern === 'request') return sdk(call);
    throw unknown(call, Object.keys(known));
  });
}

/** What was stopped before it was begun is not begun. */
const notWhenOver =
  (integration: Integration): Integration =>
  async (call) => {
    call.signal.throwIfAborted();
    return integration(call);
  };

/** The token is known before anybody is told it, and over when the call that hands it out failed. */
const withToken =
  (tokens: FileTaskTokens, integration: Integration): Integration =>
  async (call) => {
    await tokens.ask(call.token!, call.execution.arn);
    try {
      return await integration(call);
    } catch (failure) {
      await tokens.end(call.token!);
      throw failure;
    }
  };

/** Once everything is left to the next process, nothing that ends here counts: that one asks again. */
const withheld =
  (leaving: AbortSignal, integration: Integration): Integration =>
  async (call) => {
    try {
      return await integration(call);
    } finally {
      if (leaving.aborted) await new Promise<never>(() => undefined);
    }
  };

function unknown({ resource, pattern }: TaskCall, known: readonly string[]): StatesError {
  const names = known.map(nameOf).join(', ');
  const cause = `${nameOf(`${resource} ${pattern}`)} cannot be called here: there are ${names}, aws-sdk:<service>:<action>`;
  return new StatesError('States.Runtime', cause);
}

/** As it is written in a machine. */
function nameOf(key: string): string {
  const [resource, pattern] = key.split(' ') as [string, TaskCall['pattern']];
  const suffixes = { request: '', sync: '.sync', 'sync:2': '.sync:2', token: '.waitForTaskToken' };
  return `${resource}${suffixes[pattern]}`;
}
