import { type BackupReach, readVerifiedWal, type VerifiedWal, verifiedReach } from '#catalog/wal-projection';
import { formatDuration } from '#model/duration';
import { type Exposure, isCovered, measureExposure, type ServerState } from '#model/exposure';
import { formatLsn } from '#model/lsn';
import type { BackupSummary } from '#model/manifest';
import type { PostgresSource } from '#model/postgres-source';
import type { ObjectStore } from '#store/object-store';

export interface LossWork {
  store: ObjectStore;
  source: PostgresSource;
  /** those that can be restored as far as anybody knows, oldest first */
  backups: readonly BackupSummary[];
  server: ServerState;
  coveredAt: Date | undefined;
  now(): Date;
  pause(ms: number): Promise<void>;
}

export interface Loss {
  exposure: Exposure;
  wal: VerifiedWal;
  reach: BackupReach | undefined;
  /** everything that the server had flushed when it was asked is verified */
  covered: boolean;
}

/**
 * What would be lost if the server died now. Between two measurements nobody sees when something was written, so a loss
 * above what is promised may be that of a commit a second ago. Then it is looked a while whether what the server has is
 * stored and verified in time, which tells what the loss really was.
 */
export async function measureLoss(work: LossWork): Promise<Loss> {
  const { source, server } = work;
  const begunAt = work.now();
  const first = await measure(work, begunAt);
  const { lossMs } = first.exposure;
  const above = source.tier && lossMs !== null && lossMs > source.tier.rpoMs;
  if (!above || server.state !== 'reachable') return first;
  for (let waitedMs = 0; waitedMs < patienceMs(source); waitedMs += pauseMs) {
    await work.pause(pauseMs);
    const next = await measure(work, work.now());
    if (!next.covered) continue;
    const tookMs = Math.max(0, work.now().getTime() - begunAt.getTime());
    const reason = `everything up to ${formatLsn(server.flushed)} was stored and verified within ${formatDuration(tookMs)}`;
    return { ...next, exposure: { lossMs: Math.min(lossMs, tookMs), reason } };
  }
  return first;
}

const pauseMs = 1_000;

const patienceMs = ({ walChunkSeconds }: PostgresSource): number => Math.min(45_000, walChunkSeconds * 1_000 + 10_000);

async function measure({ store, source, backups, server, coveredAt }: LossWork, now: Date): Promise<Loss> {
  const wal = await readVerifiedWal(store, source.name);
  const timeline = server.state === 'reachable' ? server.timeline : undefined;
  const reach = verifiedReach(wal, backups, timeline);
  const exposure = measureExposure({ now, verified: reach, server, coveredAt });
  return { exposure, wal, reach, covered: isCovered(reach, server) };
}
