import { existsSync, readdirSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { committedBackups, readChain } from '#catalog/backups';
import { RebuildFailed } from '#failover/failures';
import { type BackupSummary, stopLsn } from '#model/manifest';
import { parseTarget } from '#model/recovery-target';
import { type RestoreRecord, restoreRecordSchema } from '#model/task-result';
import { isOnPath, type TimelineHistory } from '#model/timeline';
import { preparePlan } from '#recovery/prepare-plan';
import { planLayout } from '#recovery/restore-layout';
import { readRecord } from '#recovery/restore-record';
import { putBackSettings } from './own-settings.ts';
import type { LocalRebuild } from './rebuild-work.ts';
import { restoreCluster } from './restore.ts';
import { restoreWork } from './restore-source.ts';
import { writeSiteSettings } from './site-settings.ts';
import type { ServerSays } from './standby-primary.ts';
import { requireWalToFollow } from './wal-to-follow.ts';

/**
 * Lay down the newest backup that leads to the primary's timeline, with the site's own settings where it had some; what lies in
 * its place is set aside. It is never started here: the target that is written first stops it before it could be
 * promoted, whoever starts it, and the caller makes it a standby. @throws RebuildFailed when there is no such backup
 */
export async function restoreStandby(
  work: LocalRebuild,
  how: { primary: ServerSays & { history: TimelineHistory }; why: string; resumed: boolean; begin(): void },
): Promise<{ rawBytes: number; setAside: string | null }> {
  const { vault, source, dataDir, account, signal, onProgress } = work;
  const done = how.resumed ? laidDown(work) : undefined;
  if (done) {
    applySettings(work);
    return { rawBytes: 0, setAside: done.setAside[0] ?? setAsideBefore(dataDir) };
  }
  const base = (await committedBackups(vault.store, source.name)).findLast((backup) => leadsTo(backup, how.primary));
  if (!base) throw nothingThere(work, how.why);
  await requireWalToFollow(work, { stop: stopLsn(base), primary: how.primary });
  const target = parseTarget({ immediate: true, action: 'shutdown', backup: base.backup });
  const prepared = await preparePlan(vault, source.name, target, signal);
  const chain = await readChain(vault.store, source.name, prepared.plan.chain, prepared.facts.backups);
  how.begin();
  const record = await restoreCluster(
    restoreWork({
      ...work,
      prepared,
      chain,
      account,
      layout: planLayout(dataDir, base.tablespaces, []),
      setAside: true,
      binDir: undefined,
      settings: {},
      approvedBy: null,
      onProgress: (progress) =>
        progress.phase === 'files' && onProgress('files', progress.doneBytes, progress.totalBytes),
      onLog: () => undefined,
    }),
  );
  applySettings(work);
  const rawBytes = chain.reduce((sum, backup) => sum + backup.rawBytes, 0);
  return { rawBytes, setAside: record.setAside[0] ?? setAsideBefore(dataDir) };
}

function applySettings(work: LocalRebuild): void {
  const { folder, dataDir, account } = work;
  if (!putBackSettings(folder.settings, dataDir, account)) writeSiteSettings(work);
}

function leadsTo(
  { server, stop, ...backup }: BackupSummary,
  { systemId, history }: ServerSays & { history: TimelineHistory },
) {
  return server.systemId === systemId && isOnPath(history, stop.timeline, stopLsn({ server, stop, ...backup }));
}

/** By an attempt that was killed before it could make a standby of it. */
function laidDown({ dataDir, execution }: LocalRebuild): RestoreRecord | undefined {
  const { success, data } = restoreRecordSchema.safeParse(readRecord(dataDir));
  return success && data.state === 'restored' && data.execution === execution ? data : undefined;
}

/** By an attempt that was killed. */
function setAsideBefore(dataDir: string): string | null {
  const prefix = `${basename(dataDir)}.set-aside-`;
  const name = readdirSync(dirname(dataDir))
    .filter((entry) => entry.startsWith(prefix) && existsSync(join(dirname(dataDir), entry, 'PG_VERSION')))
    .sort()
    .at(-1);
  return name === undefined ? null : join(dirname(dataDir), name);
}

const nothingThere = ({ site, source }: LocalRebuild, why: string): RebuildFailed =>
  new RebuildFailed(
    `the server at ${site.name} cannot follow the primary as it is (${why}), and no backup leads to it`,
    {
      operation: 'rebuild standby',
      subject: source.name,
      hint: `take a full backup of the new primary (lifeboat backup ${source.name}), and start this again`,
    },
  );
