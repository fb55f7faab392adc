import { committedBackups } from '#catalog/backups';
import { parseExecutionArn } from '#model/arn';
import type { BackupId } from '#model/backup-id';
import { firingName, scheduleName } from '#model/planned-schedules';
import type { ObjectStore } from '#store/object-store';

/** A task's clock may be as much behind the scheduler's. */
const slackMs = 600_000;

/**
 * The committed backup that the same firing of a schedule took before; undefined when there is none. The execution that
 * a firing starts has its name, which Step Functions forgets after 90 days, and the bucket does not.
 */
export async function takenByFiring(
  store: ObjectStore,
  source: string,
  { type, scheduledTime }: { type: 'full' | 'incremental'; scheduledTime: Date },
): Promise<BackupId | undefined> {
  const name = firingName(scheduleName(type, source), scheduledTime);
  const since = new Date(scheduledTime.getTime() - slackMs);
  const backups = await committedBackups(store, source, { begunSince: since });
  return backups.find(({ execution }) => execution !== null && parseExecutionArn(execution)?.name === name)?.backup;
}
