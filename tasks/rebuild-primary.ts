import { readChain } from '#catalog/backups';
import { RebuildFailed } from '#failover/failures';
import { parseTarget } from '#model/recovery-target';
import { type RebuildResult, type RestoreRecord, restoreRecordSchema } from '#model/task-result';
import { type PreparedPlan, preparePlan } from '#recovery/prepare-plan';
import { planLayout } from '#recovery/restore-layout';
import { abandonedRecord, readRecord } from '#recovery/restore-record';
import { lookAtCluster, takesNoWrites } from '#runtime/local-cluster';
import { openSiteServer } from '#runtime/open-site-server';
import { stopOrphanedServer } from '#runtime/orphaned-server';
import { stopLocalServer } from '#runtime/stop-local-server';
import { thisProcess } from '#runtime/this-process';
import { lastTrouble } from './last-trouble.ts';
import { openLocalRebuild } from './open-local-rebuild.ts';
import { keepSettings, putBackSettings } from './own-settings.ts';
import type { LocalRebuild, RebuildWork } from './rebuild-work.ts';
import { isTrouble, restore, throwFailedChecks } from './restore.ts';
import { restoreWork } from './restore-source.ts';
import { writeSiteSettings } from './site-settings.ts';
import { askSite } from './standby-primary.ts';
import { startForGood } from './start-for-good.ts';

type Outcome = Pick<RebuildResult, 'how' | 'divergedAt' | 'keptAside' | 'rawBytes'>;

/**
 * Restore the newest state that the bucket has into a site, as the primary, and start it for good. What lies there is set aside.
 * Only where the other site's server is fenced; or, with `force`, silent. @throws RebuildFailed, and what a restore does
 */
export async function rebuildPrimary(work: RebuildWork, force: boolean): Promise<Outcome> {
  await checkOther(work, force);
  const own = await askSite(work.site.server.connection, work.environment).catch(() => undefined);
  if (own?.role === 'primary') return { how: 'nothing', divergedAt: null, keptAside: null, rawBytes: 0 };
  const { vault, source, signal } = work;
  const prepared = await preparePlan(vault, source.name, parseTarget({}), signal);
  const local = await openLocalRebuild(work, prepared.plan.major);
  const earlier = earlierRecord(local);
  const record = earlier ?? (await restoreFiles(local, prepared));
  throwFailedChecks(record);
  if (!putBackSettings(local.folder.settings, local.dataDir, local.account)) writeSiteSettings(local);
  await checkOther(work, force); // hours may lie in between
  await start(local);
  local.folder.remove();
  const rawBytes = prepared.facts.backups
    .filter(({ backup }) => record.chain.includes(backup))
    .reduce((sum, backup) => sum + backup.rawBytes, 0);
  return { how: 'restored', divergedAt: null, keptAside: record.setAside[0] ?? null, rawBytes };
}

async function checkOther(work: RebuildWork, force: boolean): Promise<void> {
  const { other, environment, group, signal } = work;
  const { server, fence } = await (await openSiteServer(other, { environment, group })).look(signal);
  const isPrimary = server.state === 'answers' && server.role === 'primary';
  if (!isPrimary && (fence.fenced || force)) return;
  if (isPrimary && fence.fenced && fence.strength === 'soft') return; // it answers, and takes no writes
  throw new RebuildFailed(
    `no primary is made at ${work.site.name}: the server at ${other.name} may take writes (${fence.how})`,
    {
      operation: 'rebuild primary',
      subject: group.name,
      hint: 'fence it first; a failover does both',
    },
  );
}

/** Of an attempt of the same execution that came to the end of its replay. */
function earlierRecord({ dataDir, execution }: LocalRebuild): RestoreRecord | undefined {
  const { success, data } = restoreRecordSchema.safeParse(readRecord(dataDir));
  return success && data.state === 'replayed' && data.execution === execution ? data : undefined;
}

async function restoreFiles(local: LocalRebuild, prepared: PreparedPlan): Promise<RestoreRecord> {
  const { vault, source, dataDir, site, signal, folder, log, onProgress } = local;
  const abandoned = abandonedRecord(dataDir, thisProcess());
  if (abandoned) await stopOrphanedServer(dataDir);
  const cluster = await lookAtCluster(dataDir);
  const mayGo = !cluster || cluster.processes.length === 0 || takesNoWrites(cluster);
  if (!mayGo) {
    throw new RebuildFailed(`a server runs at ${site.name} that takes writes: nothing was touched`, {
      operation: 'rebuild primary',
      subject: dataDir,
      hint: 'end it first, if it is not the primary',
    });
  }
  if (cluster && !abandoned) {
    await stopLocalServer(dataDir, patience, signal);
    keepSettings(dataDir, folder.settings);
  }
  const chain = await readChain(vault.store, source.name, prepared.plan.chain, prepared.facts.backups);
  return restore(
    restoreWork({
      ...local,
      prepared,
      chain,
      layout: planLayout(dataDir, chain.at(-1)!.tablespaces, []),
      setAside: true,
      settings: {},
      approvedBy: null,
      onProgress(progress) {
        if (progress.phase === 'files') onProgress('files', progress.doneBytes, progress.totalBytes);
        else onProgress(progress.phase);
      },
      onLog: (line) => isTrouble(line) && log.info('server', { line }),
    }),
  );
}

const patience = { fastMs: 60_000, immediateMs: 6_000 };

async function start(local: LocalRebuild): Promise<void> {
  const { dataDir, environment, site } = local;
  const outcome = await startForGood(local, 120_000);
  const says = await askSite(site.server.connection, environment).catch((cause: Error) => cause);
  if ('role' in says && says.role === 'primary') return;
  const why =
    outcome.state === 'failed' ? lastTrouble(outcome.lastLines) : 'message' in says ? says.message : 'it is a standby';
  throw new RebuildFailed(`the primary that was restored at ${site.name} does not answer: ${why}`, {
    operation: 'rebuild primary',
    subject: dataDir,
    hint: 'its configuration may be that of another machine: correct it, start the server, and start this again',
  });
}
