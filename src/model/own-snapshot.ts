import { parseExecutionArn, stackOf } from '#model/arn';
import type { ManagedSnapshot } from '#model/managed-facts';
import type { ManagedSource } from '#model/managed-source';
import { snapshotName } from '#model/snapshot-name';

/** Whose a snapshot is that bears a source's tag. */
export type SnapshotOwner =
  /** the machine rds-snapshot of this stack made it, or its copy */
  | 'ours'
  /** of the same source, made by another stack */
  | 'another stack'
  /** RDS, or somebody */
  | 'others';

/**
 * A snapshot is ours when it is a manual one of the source's database, both tags say so, and its name is the one that the
 * execution in its tag gives: tags that somebody put on a snapshot of his own are not enough. `execution`: the ARN of one
 * of this stack.
 */
export function snapshotOwner(
  { name, database }: Pick<ManagedSource, 'name' | 'database'>,
  { id, of, type, tags }: ManagedSnapshot,
  execution: string,
): SnapshotOwner {
  const madeBy = tags['lifeboat:execution'] ?? '';
  const made = parseExecutionArn(madeBy);
  const isOfSource = type === 'manual' && of === database.id && tags['lifeboat:source'] === name;
  if (!isOfSource || made?.machine !== 'rds-snapshot' || id !== snapshotName(name, made.name)) return 'others';
  return stackOf(madeBy) === stackOf(execution) ? 'ours' : 'another stack';
}
