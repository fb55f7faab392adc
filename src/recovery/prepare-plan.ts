import { TargetUnreachable } from '#model/failure';
import { printPoint, type RecoveryTarget } from '#model/recovery-target';
import { gatherFacts } from '#recovery/gather-facts';
import { type LocatedPoint, locatePoint } from '#recovery/locate-point';
import type { Vault } from '#recovery/open-backup';
import { type PlanOutcome, planRecovery, type RecoveryPlan } from '#recovery/plan-recovery';
import { WalReader } from '#recovery/read-wal';
import type { RecoveryFacts } from '#recovery/recovery-facts';

export interface PreparedPlan {
  facts: RecoveryFacts;
  plan: RecoveryPlan;
  hash: string;
}

/**
 * Read the bucket and make the plan for a target; nothing is touched.
 * @throws TargetUnreachable, with what could be reached instead
 */
export async function preparePlan(
  vault: Vault,
  source: string,
  target: RecoveryTarget,
  signal: AbortSignal,
): Promise<PreparedPlan> {
  const facts = await gatherFacts(vault, source, signal);
  const outcome = planRecovery(facts, target, await locate(vault, facts, target, signal));
  if (!outcome.possible) throw unreachable(source, target, outcome);
  return { facts, plan: outcome.plan, hash: outcome.hash };
}

/** Only transactions and named points have to be looked for; on the newest timeline first. */
async function locate(
  { store, keyRing }: Vault,
  facts: RecoveryFacts,
  { point, timeline }: RecoveryTarget,
  signal: AbortSignal,
): Promise<LocatedPoint | undefined> {
  if (point.kind !== 'xid' && point.kind !== 'name') return undefined;
  const stretches = [...facts.systems].flatMap(([systemId, system]) =>
    system.reaches.map((reach) => ({ systemId, segmentSize: system.inventory.segmentSize!, reach })),
  );
  const newestFirst = stretches.sort((a, b) => (a.reach.lastMicros > b.reach.lastMicros ? -1 : 1));
  const reader = new WalReader(store, keyRing);
  for (const { systemId, segmentSize, reach } of newestFirst) {
    if (timeline !== undefined && reach.timeline !== timeline) continue;
    const backups = facts.backups.filter((backup) => backup.server.systemId === systemId);
    const archive = { store, reader, source: facts.source, systemId, segmentSize };
    const found = await locatePoint(archive, reach, backups, point, signal);
    if (found) return found;
  }
  return undefined;
}

function unreachable(
  source: string,
  target: RecoveryTarget,
  { reason, reachable }: PlanOutcome & { possible: false },
): TargetUnreachable {
  const choices = reachable.length > 0 ? `what can be restored: ${reachable.join('; ')}` : undefined;
  return new TargetUnreachable(`${source} cannot be restored to ${printPoint(target.point)}: ${reason}`, {
    operation: 'plan recovery',
    subject: source,
    hint: choices ?? 'take a backup first: `lifeboat backup`',
  });
}
