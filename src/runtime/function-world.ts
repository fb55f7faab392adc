import type { Plan } from '#model/plan';
import type { Environment } from '#runtime/environment';
import { loadPlan } from '#runtime/load-plan';
import { type Bucket, openBucket } from '#runtime/open-bucket';

/** What a function knows of the world beside its event. */
export interface FunctionWorld {
  plan: Plan;
  vault: Bucket;
  environment: Environment;
  now(): Date;
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

/** Functions that run inside of another process are given what that knows. */
export function provideWorld(world: FunctionWorld): void {
  opened = Promise.resolve(world);
}

/** @throws InputInvalid when LIFEBOAT_PLAN names no plan; PlanInvalid, KeyUnusable, StoreRefused */
async function openWorld(environment: Environment): Promise<FunctionWorld> {
  const plan = await loadPlan(environment.LIFEBOAT_PLAN ?? 'plan.yml', { environment, cwd: process.cwd() });
  return { plan, vault: await openBucket(plan, environment), environment, now: () => new Date() };
}
