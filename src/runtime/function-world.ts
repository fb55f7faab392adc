import { Logger } from '@aws-lambda-powertools/logger';
import type { Movable } from '#failover/movable';
import type { SiteServer } from '#failover/site-server';
import type { FailoverGroup } from '#model/failover-group';
import type { Site } from '#model/failover-site';
import type { Plan } from '#model/plan';
import { allTopicVariables } from '#notify/choose-topic';
import type { Environment } from '#runtime/environment';
import { loadPlan } from '#runtime/load-plan';
import { type Measure, publishing } from '#runtime/measure';
import { type Bucket, openBucket } from '#runtime/open-bucket';
import type { PublishNotice } from '#runtime/publish-notice';
import type { ExecutionStarter } from '#runtime/start-execution';
import type { StepFunctions } from '#runtime/step-functions';

/** What a function knows of the world beside its event. */
export interface FunctionWorld {
  plan: Plan;
  vault: Bucket;
  environment: Environment;
  now(): Date;
  /** tells people, through the channels of the plan; undefined where nobody takes notices */
  publish?: PublishNotice | undefined;
  /** hands numbers on; undefined where nobody takes them */
  measure?: Measure | undefined;
  /** where the machines run, when that is not what the environment's endpoint and credentials lead to */
  stepFunctions?: StepFunctions | undefined;
  /** the same */
  executions?: ExecutionStarter | undefined;
  /** what a group's servers are reached by, instead of what the plan leads to */
  siteServers?: ((group: FailoverGroup, site: Site) => Promise<SiteServer>) | undefined;
  /** what follows a group's primary, instead of what the plan leads to */
  movables?: ((group: FailoverGroup) => Promise<Movable[]>) | undefined;
}

let opened: Promise<FunctionWorld> | undefined;

/** Opened by the first event and kept for the next ones; what could not be opened is tried again. */
export function functionWorld(): Promise<FunctionWorld> {
  opened ??= openWorld(process.env).catch((failure) => {
    opened = undefined;
    throw failure;
  });
  return opened;
}

/** Functions that run inside of another process are given what that knows, and leave the telling to it. */
export function provideWorld(world: FunctionWorld): void {
  process.env.POWERTOOLS_LOG_LEVEL ??= 'SILENT';
  opened = Promise.resolve(world);
}

/** @throws InputInvalid when LIFEBOAT_PLAN names no plan; PlanInvalid, KeyUnusable, StoreRefused */
async function openWorld(environment: Environment): Promise<FunctionWorld> {
  const plan = await loadPlan(environment.LIFEBOAT_PLAN ?? 'plan.yml', { environment, cwd: process.cwd() });
  const logger = new Logger({ serviceName: 'metrics' });
  return {
    plan,
    vault: await openBucket(plan, environment),
    environment,
    now: () => new Date(),
    publish: await topicPublisher(environment),
    measure: await publishing(plan, { environment, onFailure: (reason) => logger.warn(reason) }),
  };
}

/** Its SDK takes as much memory as everything else together, and who is given a world has no use for it. */
async function topicPublisher(environment: Environment): Promise<PublishNotice | undefined> {
  return allTopicVariables.some((variable) => environment[variable])
    ? (await import('#runtime/publish-notice')).topicPublisher(environment)
    : undefined;
}
