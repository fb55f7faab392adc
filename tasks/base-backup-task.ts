import { committedBackups } from '#catalog/backups';
import { backupKinds } from '#model/backup-id';
import { chooseSource } from '#model/choose-source';
import { type BackupSummary, startTime, stopTime } from '#model/manifest';
import { oneOf, text } from '#model/plan-field';
import { fields } from '#model/read-input';
import type { BaseBackupResult } from '#model/task-result';
import { connectOptions } from '#runtime/connect-options';
import { backupSource } from './backup-source.ts';
import { leaseOrEarlier } from './lease-or-earlier.ts';
import { PhaseLog } from './progress-log.ts';
import { defineJob, type JobWorld } from './task.ts';

const baseBackupInput = fields({
  source: text('the name of a source in the plan'),
  kind: oneOf(backupKinds),
  requestedBy: text('the name of who asks for it'),
});

/**
 * Takes one base backup. Where an earlier attempt of the same execution had committed one and died before it could say
 * so, that one is the answer: no second one is taken.
 */
export const task = defineJob({
  input: baseBackupInput,
  async run({ source: name, kind, requestedBy }, world): Promise<BaseBackupResult> {
    const { plan, vault, environment, startedAt, signal, log, now } = world;
    const source = chooseSource(plan, name);
    const { execution } = world.call;
    const connection = await connectOptions(source.connection, environment);
    const begun = await leaseOrEarlier(world, name, 'backup', () => ownBackup(world, name));
    if ('earlier' in begun) return resultOfEarlier(begun.earlier, kind);
    const { lease, waited } = begun;
    const warnings: string[] = [];
    const phases = new PhaseLog(log);
    const { manifest, fallback } = await backupSource({
      source,
      vault,
      connection,
      kind,
      lease,
      requestedBy,
      execution,
      startedAt: waited ? now() : startedAt,
      signal,
      onProgress: ({ phase, doneBytes, totalBytes }) => phases.show(phase, doneBytes, totalBytes),
      onWarning(warning) {
        warnings.push(warning);
        log.warn(warning);
      },
    });
    if (fallback !== undefined) log.warn('a full backup was taken', { reason: fallback });
    const durationMs = now().getTime() - startedAt.getTime();
    return { ...describe(manifest), fallback: fallback ?? null, warnings, durationMs };
  },
});

/** A redrive may start a step again two weeks later, not more. */
const longestAgoMs = 15 * 24 * 3600 * 1000;

/** The backup of this source that our execution has committed. */
async function ownBackup({ vault, call, startedAt }: JobWorld, source: string): Promise<BackupSummary | undefined> {
  const begunSince = new Date(startedAt.getTime() - longestAgoMs);
  const backups = await committedBackups(vault.store, source, { begunSince });
  return backups.findLast((backup) => backup.execution === call.execution);
}

function resultOfEarlier(backup: BackupSummary, kind: BackupSummary['kind']): BaseBackupResult {
  const fallback = backup.kind === kind ? null : 'see the log of the attempt that took it';
  const durationMs = stopTime(backup).getTime() - startTime(backup).getTime();
  return { ...describe(backup), fallback, warnings: [], durationMs };
}

function describe({ source, backup, kind, parent, rawBytes, storedBytes, start, stop }: BackupSummary) {
  return { source, backup, kind, parent, rawBytes, storedBytes, start, stop };
}
