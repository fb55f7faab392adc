import { coveredUntil, timelineAt } from '#catalog/wal-coverage';
import { readInventory } from '#catalog/wal-inventory';
import { TargetUnreachable } from '#model/failure';
import { printPoint, type RecoveryTarget } from '#model/recovery-target';
import type { Timeline } from '#model/timeline';
import { gatherFacts, type Trust } from '#recovery/gather-facts';
import { type LocatedPoint, locatePoint } from '#recovery/locate-point';
import type { Vault } from '#recovery/open-backup';
import { type PlanOutcome, planRecovery } from '#recovery/plan-recovery';
import { reachablePoints } from '#recovery/reachable-points';
import { WalReader } from '#recovery/read-wal';
import { pathTo, type RecoveryFacts, type SystemWal } from '#recovery/recovery-facts';
import type { RecoveryPlan } from '#recovery/recovery-plan';
import { manifestKey } from '#store/bucket-layout';

export interface PreparedPlan {
  facts: RecoveryFacts;
  plan: RecoveryPlan;
  hash: string;
}

/**
 * Read the bucket and make the plan for a target; nothing is touched. What the catalog knows is believed first, so that a
 * plan costs what its own range of WAL costs, however much is stored; then that range and its backups are looked at.
 * Where they are not there, or nothing leads to the target, everything is listed and planned anew.
 * @throws TargetUnreachable, with what could be reached instead
 */
export async function preparePlan(
  vault: Vault,
  source: string,
  target: RecoveryTarget,
  signal: AbortSignal,
): Promise<PreparedPlan> {
  const believed = await attempt(vault, source, target, signal, 'catalog');
  if (believed.outcome.possible && (await isThere(vault, believed.facts, believed.outcome.plan, signal))) {
    return { facts: believed.facts, plan: believed.outcome.plan, hash: believed.outcome.hash };
  }
  const { facts, outcome } = await attempt(vault, source, target, signal, 'listing');
  if (!outcome.possible) throw unreachable(source, target, outcome);
  return { facts, plan: outcome.plan, hash: outcome.hash };
}

async function attempt(vault: Vault, source: string, target: RecoveryTarget, signal: AbortSignal, trust: Trust) {
  const facts = await gatherFacts(vault, source, signal, trust);
  return { facts, outcome: decide(facts, target, await locate(vault, facts, target, signal)) };
}

/** The chain's manifests, and every piece of WAL that the plan needs. */
async function isThere(
  { store, keyRing }: Vault,
  { source }: RecoveryFacts,
  { chain, systemId, timeline, wal }: RecoveryPlan,
  signal: AbortSignal,
): Promise<boolean> {
  const manifests = await Promise.all(chain.map((id) => store.head(manifestKey(source, id), { signal })));
  if (manifests.includes(undefined)) return false;
  const reader = new WalReader(store, keyRing);
  const inventory = await readInventory(store, reader, source, systemId, { from: wal.from, until: wal.until, signal });
  return coveredUntil(inventory, pathTo(inventory, timeline), wal.from).until >= wal.until;
}

function decide(facts: RecoveryFacts, target: RecoveryTarget, found: readonly LocatedPoint[]): PlanOutcome {
  const timelines = [...new Set(found.map((located) => located.timeline))].sort((a, b) => a - b);
  if (timelines.length < 2) return planRecovery(facts, target, found[0]);
  const reason = `timelines ${timelines.join(' and ')} both have it: name one with --timeline`;
  return { possible: false, reason, reachable: reachablePoints(facts) };
}

/**
 * Only transactions and named points have to be looked for: in the newest system that has them, on every timeline, since
 * after a promotion the old primary may have used the same transaction id once more. One for each timeline that has one.
 */
async function locate(
  { store, keyRing }: Vault,
  facts: RecoveryFacts,
  { point, timeline }: RecoveryTarget,
  signal: AbortSignal,
): Promise<LocatedPoint[]> {
  if (point.kind !== 'xid' && point.kind !== 'name') return [];
  const reader = new WalReader(store, keyRing);
  const newestFirst = [...facts.systems].sort(([, a], [, b]) => (lastOf(a) > lastOf(b) ? -1 : 1));
  for (const [systemId, { inventory, reaches }] of newestFirst) {
    const backups = facts.backups.filter((backup) => backup.server.systemId === systemId);
    const archive = { store, reader, source: facts.source, systemId, segmentSize: inventory.segmentSize! };
    const found = new Map<Timeline, LocatedPoint>();
    for (const reach of reaches) {
      if (timeline !== undefined && reach.timeline !== timeline) continue;
      const located = await locatePoint(archive, reach, backups, point, signal);
      // What was written before a promotion is found on both timelines, and belongs to the older one.
      const own = located && (timeline ?? timelineAt(reach.path, located.lsn));
      if (located && (own === reach.timeline || !found.has(own!))) found.set(own!, located);
    }
    if (found.size > 0) return [...found.values()];
  }
  return [];
}

const lastOf = ({ reaches }: SystemWal): bigint =>
  reaches.map((reach) => reach.lastMicros).sort((a, b) => Number(b - a))[0] ?? 0n;

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
