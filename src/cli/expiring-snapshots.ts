import { formatTable } from '#cli/format-table';
import { executionArn, parseExecutionArn } from '#model/arn';
import { planSnapshots, type SnapshotFacts } from '#model/keep-snapshots';
import type { ManagedSource } from '#model/managed-source';
import type { Plan } from '#model/plan';
import type { RetentionRules } from '#model/retention-rules';
import type { SnapshotExpiry } from '#model/snapshot-expiry';
import type { Environment } from '#runtime/environment';
import { gatherSnapshotFacts } from '#runtime/snapshot-facts';
import type { ObjectStore } from '#store/object-store';

interface AskedSnapshots {
  plan: Plan;
  store: ObjectStore;
  environment: Environment;
  now: Date;
  purge?: { reason: string };
}

/** What the machine would decide now; RDS is asked with the rights of whoever runs this. */
export async function expiringSnapshots(
  source: ManagedSource,
  rules: RetentionRules,
  { plan, now, purge, ...asked }: AskedSnapshots,
): Promise<SnapshotExpiry> {
  const region = plan.aws?.region;
  const facts = await gatherSnapshotFacts(source, { ...asked, now, ...(region === undefined ? {} : { region }) });
  return planSnapshots({ ...facts, execution: askedBy(plan, facts) }, rules, now, purge);
}

/** As if the stack's machine asked; its account is the snapshots' own, and without a snapshot nothing depends on it. */
function askedBy({ aws }: Plan, { places }: Pick<SnapshotFacts, 'places'>): string {
  const here = executionArn('retention', 'dry-run');
  const [, partition, , , account] = places.flatMap(({ snapshots }) => snapshots)[0]?.arn.split(':') ?? [];
  const there = `arn:${partition}:states:${aws?.region}:${account}:execution:${aws?.stack}_retention:dry-run`;
  return aws && parseExecutionArn(there) ? there : here;
}

export function tellExpiringSnapshots({ goes, keeps, notes }: SnapshotExpiry): string {
  const rows = [
    ...goes.map(({ snapshot, region, at, why }) => [snapshot, region, at, 'goes', why]),
    ...keeps.map(({ snapshot, region, at, rules }) => [snapshot, region, at ?? '', 'stays', rules.join(', ')]),
  ];
  const table =
    rows.length === 0 ? 'no snapshots of ours' : formatTable([['SNAPSHOT', 'IN', 'AT', '', 'WHY'], ...rows]);
  return ['', table, ...notes].join('\n');
}
