import { InputInvalid } from '#model/failure';
import type { Plan } from '#model/plan';
import { plannedSchedules } from '#model/planned-schedules';

/** https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html */
export const mostResources = 500;

/** What a stack has however short its plan is; test/stack/schedules.test.ts holds it to that. */
export const otherResources = 200;

/** @throws InputInvalid when a plan makes more schedules, roles, services, rules and alarms than a template can have */
export function checkTemplateSize(plan: Plan, fileName: string, parts: readonly { Resources: object }[]): void {
  const most = mostResources - otherResources;
  const count = parts.reduce((sum, { Resources }) => sum + Object.keys(Resources).length, 0);
  if (count <= most) return;
  throw new InputInvalid(
    `${fileName}: sources`,
    `${plan.sources.length} sources with ${plannedSchedules(plan).length} schedules`,
    `as many as make ${most} resources (these make ${count}), since CloudFormation takes no stack with more than ${mostResources}`,
    'split its sources over several plans, and deploy each as a stack of its own stage: --stage NAME --param plan=FILE',
  );
}
