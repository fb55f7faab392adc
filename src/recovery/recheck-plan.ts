import { readChain } from '#catalog/backups';
import { ObjectDamaged, ObjectMissing, TargetUnreachable } from '#model/failure';
import { PlanChanged } from '#model/plan-changed';
import { parseTarget } from '#model/recovery-target';
import type { RestoreRequest } from '#model/restore-request';
import { approvalHash } from '#recovery/approval-hash';
import type { Vault } from '#recovery/open-backup';
import { planChanges } from '#recovery/plan-changes';
import { preparePlan } from '#recovery/prepare-plan';
import { decidedJson } from '#recovery/recovery-plan';

export interface ApprovedPlan {
  request: RestoreRequest;
  planHash: string;
  /** of the plan with this hash, as JSON */
  decided: string;
}

/**
 * What was approved is still what would be done, and the backups that it begins with are there: the plan is made of what
 * the catalog knows of them. @throws PlanChanged, which says what differs
 */
export async function recheckPlan(vault: Vault, approved: ApprovedPlan, signal: AbortSignal): Promise<void> {
  const { request, planHash, decided } = approved;
  const orChanged = (failure: unknown): never => {
    throw isGone(failure) ? changed(request, failure.message) : failure;
  };
  const { source, target } = request;
  const { facts, plan, hash } = await preparePlan(vault, source, parseTarget(target), signal).catch(orChanged);
  if (approvalHash(hash, request) !== planHash) {
    throw changed(request, planChanges(decided, decidedJson(plan)).join('; ') || 'what was asked for is another thing');
  }
  await readChain(vault.store, source, plan.chain, facts.backups).catch(orChanged);
}

const isGone = (failure: unknown): failure is Error =>
  [TargetUnreachable, ObjectMissing, ObjectDamaged].some((kind) => failure instanceof kind);

const changed = ({ source }: RestoreRequest, what: string): PlanChanged =>
  new PlanChanged(`the plan to restore ${source} is not the one that was approved: ${what}`, {
    operation: 'check plan again',
    subject: source,
    hint: 'nothing was touched: start the restore again and approve the plan as it is now',
  });
