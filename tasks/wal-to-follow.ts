import { coveredUntil } from '#catalog/wal-coverage';
import { readInventory } from '#catalog/wal-inventory';
import { RebuildFailed } from '#failover/failures';
import { formatLsn, type Lsn } from '#model/lsn';
import type { TimelineHistory } from '#model/timeline';
import { WalReader } from '#recovery/read-wal';
import type { LocalRebuild } from './rebuild-work.ts';
import { oldestWal, type ServerSays } from './standby-primary.ts';

/**
 * A backup that is laid down needs all WAL from its stop on: from the bucket, and then from the primary. Where that is nowhere, hours
 * of restoring would end at a standby that stands still. @throws RebuildFailed
 */
export async function requireWalToFollow(
  work: LocalRebuild,
  { stop, primary }: { stop: Lsn; primary: ServerSays & { history: TimelineHistory } },
): Promise<void> {
  const { vault, source, other, environment, site, signal, log } = work;
  const oldest = await oldestWal(other.server.connection, environment).catch((failure: Error) => failure);
  if (oldest instanceof Error)
    return log.warn('whether the primary has the WAL that follows the backup is not known', { why: oldest.message });
  const { systemId, history } = primary;
  const stored = async () => {
    const reader = new WalReader(vault.store, vault.keyRing);
    const inventory = await readInventory(vault.store, reader, source.name, systemId, { from: stop, signal });
    return coveredUntil(inventory, history, stop).until;
  };
  const why = await missingWal({ stop, oldest, stored });
  if (why === undefined) return;
  throw new RebuildFailed(`the server at ${site.name} is not restored, since it could not follow then: ${why}`, {
    operation: 'rebuild standby',
    subject: source.name,
    hint: `take a full backup of the new primary (lifeboat backup ${source.name}), and start this again`,
  });
}

/** In words; `oldest`: from where on the primary has WAL. The bucket is only asked where that is not far enough back. */
export async function missingWal(wal: {
  stop: Lsn;
  oldest: Lsn | undefined;
  stored: () => Promise<Lsn>;
}): Promise<string | undefined> {
  const { stop, oldest, stored } = wal;
  if (oldest === undefined || oldest <= stop) return undefined;
  const until = await stored();
  if (until >= oldest) return undefined;
  return `after its newest backup the bucket has WAL up to ${formatLsn(until)}, and the primary has it from ${formatLsn(oldest)} on`;
}
