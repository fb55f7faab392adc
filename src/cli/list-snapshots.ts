import { type ListedSnapshot, readManaged } from '#catalog/managed';
import { formatTable } from '#cli/format-table';
import type { Output } from '#cli/output';
import { formatDuration } from '#model/duration';
import type { ManagedSource } from '#model/managed-source';
import type { ObjectStore } from '#store/object-store';

/** What RDS has of a database, as the watch last saw it: `lifeboat backups` of a source of kind rds. */
export async function listSnapshots({ name }: ManagedSource, store: ObjectStore, output: Output): Promise<void> {
  const { at = null, snapshots = [] } = (await readManaged(store, name)) ?? {};
  const head = ['SNAPSHOT', 'TAKEN BY', 'STATE', 'SIZE', 'TAKEN AT', 'VERSION', 'COPY IN'];
  const text =
    at === null
      ? unseen(name)
      : snapshots.length === 0
        ? `no snapshots of ${name}: \`lifeboat backup --source ${name}\` takes one`
        : formatTable([head, ...snapshots.map(row)]);
  output.print(text, { source: name, at, snapshots });
}

const row = ({ id, type, own, status, sizeGiB, createdAt, engineVersion, copiedTo }: ListedSnapshot): string[] => [
  ...[id, own ? 'this plan' : type === 'automated' ? 'RDS' : 'somebody', status, `${sizeGiB} GiB`],
  ...[createdAt ?? '', engineVersion, copiedTo ?? ''],
];

/** Between which instants RDS can restore a database: `lifeboat window` of a source of kind rds. */
export async function tellManagedWindow(
  { name }: ManagedSource,
  store: ObjectStore,
  { output, now }: { output: Output; now: Date },
): Promise<void> {
  const watched = await readManaged(store, name);
  const { window = null, at = null } = watched ?? {};
  const head = ['FROM', 'TO', 'ENDS BECAUSE'];
  const text = !watched
    ? unseen(name)
    : window
      ? `${formatTable([head, [window.from, window.to, 'RDS restores to no later instant yet']])}\nthat was ${formatDuration(Math.max(0, now.getTime() - Date.parse(watched.at)))} ago`
      : `no instant of ${name} can be restored: ${watched.reason}`;
  output.print(text, { source: name, at, windows: window ? [window] : [] });
}

const unseen = (name: string): string =>
  `nobody has asked RDS about ${name} yet: where the plan runs, that is done every minute`;
