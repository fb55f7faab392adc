import type { BackupId } from '#model/backup-id';
import type { BackupSummary } from '#model/manifest';

/** What matters of the server that is to be backed up. */
export interface Server {
  major: number;
  systemId: string;
  summarizesWal: boolean;
  /** as the plan says now: a chain is encrypted wholly or not at all */
  encrypted: boolean;
}

/** Which backup an incremental builds on, or why there has to be a full one. */
export type ParentChoice = { parent: BackupSummary } | { reason: string };

/**
 * The newest committed backup of this very cluster. Whether the server still has the WAL summaries since then, and
 * whether its history goes through the parent, only the server knows: it answers when the parent's manifest arrives.
 */
export function chooseParent(backups: readonly BackupSummary[], server: Server): ParentChoice {
  if (server.major < 17) return { reason: `PostgreSQL ${server.major} has no incremental backup, 17 and newer have` };
  if (!server.summarizesWal) return { reason: 'summarize_wal is off on the server' };
  const parent = backups.filter((backup) => backup.server.systemId === server.systemId).at(-1);
  if (!parent) return { reason: 'there is no backup of this cluster yet' };
  const missing = missingAncestor(backups, parent);
  if (missing !== undefined) return { reason: `the last backup needs ${missing}, which is gone` };
  if (parent.server.major !== server.major)
    return { reason: `the last backup is of PostgreSQL ${parent.server.major}` };
  if ((parent.encryption !== null) !== server.encrypted) {
    return { reason: `the last backup is ${server.encrypted ? 'not ' : ''}encrypted, the plan says otherwise now` };
  }
  return { parent };
}

/** Without it the backup cannot be restored, and nothing that builds on it; undefined when its chain is whole. */
function missingAncestor(backups: readonly BackupSummary[], newest: BackupSummary): BackupId | undefined {
  for (let child = newest; child.parent !== null; ) {
    const parent = backups.find(({ backup }) => backup === child.parent);
    if (!parent || parent.backup >= child.backup) return child.parent;
    child = parent;
  }
  return undefined;
}
