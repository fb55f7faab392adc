import { readBackup } from '#catalog/backups';
import type { CommandContext } from '#cli/command';
import { describeBackup } from '#cli/describe-backup';
import { followExecution } from '#cli/follow-execution';
import { whoAsks } from '#cli/open-machines';
import { type BackupKind, parseBackupId } from '#model/backup-id';
import { summarize } from '#model/manifest';
import type { Machines } from '#runtime/machines';
import { openStoreAt } from '#runtime/open-bucket';

export interface AskedBackup {
  source: string;
  kind: BackupKind;
  requestedBy: string | undefined;
  wait: boolean;
}

/** Let the machine take a backup, and tell how it goes. @throws RemoteFailure when it fails */
export async function backupByMachine(machines: Machines, asked: AskedBackup, context: CommandContext): Promise<void> {
  const { source, kind, wait, requestedBy = await whoAsks(context, machines) } = asked;
  const { output, environment, plan } = context;
  const type = kind === 'full' ? 'full' : 'incremental';
  const arn = await machines.start('backup', { source, type, requestedBy });
  if (!wait) return output.print(`started ${arn}`, { execution: arn });
  const { output: ended } = await followExecution(machines, arn, context);
  const { bucket } = await plan();
  const store = await openStoreAt(bucket, environment);
  for (const { backup } of ended as { backup: string }[]) {
    const manifest = await readBackup(store, source, parseBackupId(backup).id);
    output.print(describeBackup(manifest), {
      ...summarize(manifest),
      parts: manifest.parts.length,
      fallback: kind === 'incr' && manifest.kind === 'full' ? 'see the execution' : null,
      execution: arn,
    });
  }
}
