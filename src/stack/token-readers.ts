import type { Plan } from '#model/plan';
import { functionRights } from '#stack/function-rights';
import { arnOf } from '#stack/intrinsics';
import { logicalName } from '#stack/logical-name';
import { slackFunction } from '#stack/slack';

/** The roles that may read `approval-tokens/`: of the functions that ask people, and bring their answers to who waits. */
export const tokenReaders = (plan: Plan): object[] =>
  Object.entries(functionRights)
    .filter(([name, { answers }]) => answers !== undefined && (plan.slack || name !== slackFunction))
    .map(([name]) => arnOf(`${logicalName(name)}Role`));
