import { readChain } from '#catalog/backups';
import { oneLine, plainText } from '#model/plain-text';
import { parseTarget } from '#model/recovery-target';
import { type RestoreRequest, tablespaceMappings } from '#model/restore-request';
import { approvalHash } from '#recovery/approval-hash';
import { describePlan } from '#recovery/describe-plan';
import type { Vault } from '#recovery/open-backup';
import { pinTarget } from '#recovery/pin-target';
import { type PreparedPlan, preparePlan } from '#recovery/prepare-plan';
import { decidedJson, type RecoveryPlan } from '#recovery/recovery-plan';
import { planLayout } from '#recovery/restore-layout';

export interface PreparedApproval {
  /** leads to this plan again, however much is stored by then */
  request: RestoreRequest;
  /** of the plan and of everything else that was asked for */
  planHash: string;
  /** as a person reads it, at most 4 KiB */
  planText: string;
  /** what the hash is of, as JSON: tells later what changed */
  decided: string;
  /** of all backups that are laid down */
  rawBytes: number;
  plan: RecoveryPlan;
}

/**
 * Plan a restore for approval: `latest`, and whatever else depends on what is stored, becomes the one thing that it is now.
 * @throws TargetUnreachable; InputInvalid for tablespaces that the backup does not have; ObjectDamaged, ObjectMissing
 */
export async function prepareApproval(
  vault: Vault,
  request: RestoreRequest,
  signal: AbortSignal,
): Promise<PreparedApproval> {
  const first = await preparePlan(vault, request.source, parseTarget(request.target), signal);
  const pinned = { ...request, target: pinTarget(first.plan, baseOf(first)) };
  const { facts, plan, hash } = await preparePlan(vault, request.source, parseTarget(pinned.target), signal);
  const chain = await readChain(vault.store, request.source, plan.chain, facts.backups);
  const planHash = approvalHash(hash, pinned);
  const layout = planLayout(request.to, chain.at(-1)!.tablespaces, tablespaceMappings(request));
  const asked = [`asked for    ${first.plan.target}`, ...describeRest(request)];
  const planText = plainText(
    [describePlan(plan, planHash, layout), ...asked.map((line) => `  ${line}`)].join('\n'),
    4000,
  );
  return { request: pinned, planHash, planText, decided: decidedJson(plan), rawBytes: plan.rawBytes, plan };
}

const baseOf = ({ facts, plan }: PreparedPlan) => facts.backups.find(({ backup }) => backup === plan.chain.at(-1))!;

function describeRest({ setAside, settings }: RestoreRequest): string[] {
  const set = Object.entries(settings).map(([name, value]) => `${name}=${oneLine(value)}`);
  return [
    `in the way   ${setAside ? 'what lies there is set aside' : 'refused when something lies there'}`,
    ...(set.length > 0 ? [`replays with ${set.join(', ')}`] : []),
  ];
}
