import { readStanding } from '#catalog/standing';
import { TargetUnreachable } from '#model/failure';
import { PlanChanged } from '#model/plan-changed';
import type { RecoverySystem, SystemSource } from '#model/recovery-system';
import { forecastRto } from '#model/recovery-time';
import { restoreOrder } from '#model/restore-order';
import { type RestoreRequest, restoreRequest } from '#model/restore-request';
import type { Vault } from '#recovery/open-backup';
import { type PreparedApproval, prepareApproval } from '#recovery/prepare-approval';
import { type ApprovedPlan, recheckPlan } from '#recovery/recheck-plan';
import type { RecoveryPlan } from '#recovery/recovery-plan';
import { describeSystem, type PlannedSource, systemHash } from '#recovery/system-plan';

export interface PreparedSystem {
  /** in the order in which they are restored */
  sources: (PlannedSource & Pick<PreparedApproval, 'decided' | 'rawBytes'>)[];
  planHash: string;
  planText: string;
}

export interface SystemTarget {
  /** the same instant for all; undefined: the latest point of each */
  time: string | undefined;
  reason: string | undefined;
}

/** What a source of a system is restored to and where. @throws InputInvalid */
export const sourceRequest = ({ source, to, setAside, tablespaces }: SystemSource, time?: string): RestoreRequest =>
  restoreRequest(source, { to, setAside, tablespaces, ...(time === undefined ? {} : { time }) });

/**
 * Plan the restores of all sources of a system, each pinned, in order; nothing is touched.
 * @throws TargetUnreachable that names every source which cannot get there, and what it can reach; InputInvalid, ObjectDamaged, ObjectMissing
 */
export async function prepareSystem(
  vault: Vault,
  system: RecoverySystem,
  { time, reason }: SystemTarget,
  { signal, now }: { signal: AbortSignal; now: Date },
): Promise<PreparedSystem> {
  const sources: PreparedSystem['sources'] = [];
  const refused: TargetUnreachable[] = [];
  for (const one of inOrder(system)) {
    const prepared = await prepareApproval(vault, sourceRequest(one, time), signal).catch((failure: unknown) => {
      if (!(failure instanceof TargetUnreachable)) throw failure;
      refused.push(failure);
    });
    if (!prepared) continue;
    const { request, planHash, plan, decided, rawBytes } = prepared;
    const estimate = await estimateOf(vault, plan, now);
    sources.push({ source: one.source, after: one.after, request, planHash, plan, decided, rawBytes, estimate });
  }
  if (refused.length > 0) throw unreachable(system, refused);
  const planHash = systemHash(system, sources);
  return { sources, planHash, planText: describeSystem(system, sources, { planHash, time, reason }) };
}

/**
 * What was approved is still what would be done: the system in the plan file, and the plan of each of its sources.
 * @throws PlanChanged
 */
export async function recheckSystem(
  vault: Vault,
  system: RecoverySystem,
  approved: { planHash: string; sources: readonly ApprovedPlan[] },
  signal: AbortSignal,
): Promise<void> {
  const planned = approved.sources.map(({ request, planHash }) => ({ source: request.source, planHash }));
  if (systemHash(system, planned) !== approved.planHash) {
    throw new PlanChanged(`the system ${system.name} in the plan is not the one that was approved`, {
      operation: 'check plan again',
      subject: system.name,
      hint: 'nothing was touched: start the recovery again and approve the plan as it is now',
    });
  }
  for (const one of approved.sources) await recheckPlan(vault, one, signal);
}

/** A plan that was read has no circles. */
function inOrder({ sources }: RecoverySystem): SystemSource[] {
  const found = restoreOrder(sources);
  return found.possible ? found.order : [];
}

/** As long as the last drills took for so much; before there are any, by what disks and networks usually do. */
async function estimateOf(
  { store }: Vault,
  { source, rawBytes, wal, forecastMs }: RecoveryPlan,
  now: Date,
): Promise<PlannedSource['estimate']> {
  const { drills } = await readStanding(store, source, []);
  const measured = forecastRto(drills, { rawBytes, walBytes: Number(wal.bytes) }, now);
  return measured ?? { ms: forecastMs, basis: 'no drill has measured it' };
}

const unreachable = ({ name }: RecoverySystem, refused: readonly TargetUnreachable[]): TargetUnreachable =>
  new TargetUnreachable(
    `the system ${name} cannot be recovered so: ${refused.map(({ message }) => message).join('; ')}`,
    {
      operation: 'plan system recovery',
      subject: name,
      hint: refused.map(({ subject, hint }) => `${subject}: ${hint}`).join('\n'),
    },
  );
