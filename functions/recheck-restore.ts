import { text } from '#model/plan-field';
import { fields } from '#model/read-input';
import { restoreRequestSchema } from '#model/restore-request';
import { recheckPlan } from '#recovery/recheck-plan';
import { edge } from './edge.ts';

/** Between the yes and the restore: what was approved is still what would be done. @throws PlanChanged */
export const handler = edge({
  name: 'recheck-restore',
  input: fields({
    request: restoreRequestSchema,
    planHash: text('the hash of a plan', /^[0-9a-f]{64}$/),
    /** of the plan with this hash */
    decided: text('what was decided'),
  }),

  async run(approved, { vault }) {
    await recheckPlan(vault, approved, AbortSignal.timeout(870_000));
    return { planHash: approved.planHash };
  },
});
