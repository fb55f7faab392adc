import type { Plan } from '#model/plan';
import { functionsOf } from '#stack/deployed';
import { functionRights } from '#stack/function-rights';
import { arnOf } from '#stack/intrinsics';
import { logicalName } from '#stack/logical-name';

/** The roles that may read `approval-tokens/`: of the functions that ask people, and bring their answers to who waits. */
export const tokenReaders = (plan: Plan): object[] =>
  functionsOf(plan)
    .filter((name) => functionRights[name]!.answers !== undefined)
    .map((name) => arnOf(`${logicalName(name)}Role`));
