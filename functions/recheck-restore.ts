import { TargetUnreachable } from '#model/failure';
import { PlanChanged } from '#model/plan-changed';
import { text } from '#model/plan-field';
import { fields } from '#model/read-input';
import { parseTarget } from '#model/recovery-target';
import { type RestoreRequest, restoreRequestSchema } from '#model/restore-request';
import type { Vault } from '#recovery/open-backup';
import { planChanges } from '#recovery/plan-changes';
import { type PreparedPlan, preparePlan } from '#recovery/prepare-plan';
import { decidedJson } from '#recovery/recovery-plan';
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

  async run({ request, planHash, decided }, { vault }) {
    const { plan, hash } = await planAgain(vault, request);
    if (hash === planHash) return { planHash };
    throw changed(request, planChanges(decided, decidedJson(plan)).join('; '));
  },
});

async function planAgain(vault: Vault, { source, target }: RestoreRequest): Promise<PreparedPlan> {
  try {
    return await preparePlan(vault, source, parseTarget(target), AbortSignal.timeout(870_000));
  } catch (failure) {
    throw failure instanceof TargetUnreachable ? changed({ source }, failure.message) : failure;
  }
}

const changed = ({ source }: { source: string }, what: string): PlanChanged =>
  new PlanChanged(`the plan to restore ${source} is not the one that was approved: ${what}`, {
    operation: 'check plan again',
    subject: source,
    hint: 'nothing was touched: start the restore again and approve the plan as it is now',
  });
