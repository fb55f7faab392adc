import { groupParts } from '#model/part-groups';
import type { PartRange } from '#model/task-result';

/** What one task reads back of a backup; its name is that of its result. */
export interface VerifyStep {
  step: string;
  /** null: no part, which goes with `wal` */
  parts: PartRange | null;
  /** also the WAL that the backup needs */
  wal: boolean;
}

/** A task reads 16 GiB in a few minutes; of more than 400 Step Functions could not carry the answers. */
const limits = { groupBytes: 16 * 2 ** 30, maxGroups: 400 };

/** A task for what one can read in a few minutes; the WAL has one of its own unless a single one reads everything. */
export function verifySteps(partBytes: readonly number[]): VerifyStep[] {
  const [first = null, ...others] = groupParts(partBytes, limits);
  if (others.length === 0) return [{ step: 'all', parts: first, wal: true }];
  const steps = [first!, ...others].map((parts) => ({ step: `parts-${parts.from}-${parts.to}`, parts, wal: false }));
  return [...steps, { step: 'wal', parts: null, wal: true }];
}
