import { evaluationFailed, typedValue, type Visit, wholeNumber } from './state-visit.ts';

/** How many items of a DISTRIBUTED Map may fail. */
export interface Thresholds {
  count: number;
  percentage: number;
}

/** @throws StateFailed */
export async function readThresholds(visit: Visit): Promise<Thresholds> {
  const field = 'ToleratedFailurePercentage';
  const count = (await wholeNumber(visit, 'ToleratedFailureCount', 0, Number.MAX_SAFE_INTEGER)) ?? 0;
  const template = visit.state[field];
  const percentage = template === undefined ? 0 : await typedValue(visit, template, field, 'number');
  if (!(percentage >= 0 && percentage <= 100))
    throw evaluationFailed(visit, `${field} must be a number from 0 to 100, but was ${percentage}.`, field);
  return { count, percentage };
}

/** As measured on AWS: either is enough, but one of 0 does not count beside another. */
export function isExceeded({ count, percentage }: Thresholds, failed: number, items: number): boolean {
  if (count === 0 && percentage === 0) return failed > 0;
  return (count > 0 && failed > count) || (percentage > 0 && failed * 100 > percentage * items);
}
