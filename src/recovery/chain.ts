import type { BackupSummary } from '#model/manifest';

/** The full backup first, then each incremental down to `newest`; or the parent that is not there. */
export function chainOf(
  backups: readonly BackupSummary[],
  newest: BackupSummary,
): { backups: BackupSummary[] } | { missing: string } {
  const chain = [newest];
  for (let first = newest; first.parent !== null; first = chain[0]!) {
    const parent = backups.find((backup) => backup.backup === first.parent);
    // A parent is older than its child; anything else would be a circle.
    if (!parent || parent.backup >= first.backup || parent.server.systemId !== newest.server.systemId) {
      return { missing: first.parent };
    }
    chain.unshift(parent);
  }
  return { backups: chain };
}
