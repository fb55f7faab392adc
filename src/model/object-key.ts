import { type BackupId, isBackupId } from '#model/backup-id';
import { isS3Url, type Plan } from '#model/plan';
import type { Timeline } from '#model/timeline';

/** What an object is by its key; only of those that are read back when they arrive. */
export type ReadBackObject = { key: string; source: string } & (
  | { kind: 'manifest'; backup: BackupId }
  /** segments, chunks and partials: `name` says which */
  | { kind: 'wal'; systemId: string; timeline: Timeline; name: string }
  | { kind: 'history'; systemId: string; timeline: Timeline }
);

/** undefined: it is something else */
export function parseObjectKey(key: string): ReadBackObject | undefined {
  const [source, folder, ...rest] = key.split('/');
  if (!source || !/^[a-z][a-z0-9-]{0,62}$/.test(source)) return undefined;
  if (folder === 'backups') return manifestOf(key, source, rest);
  return folder === 'wal' ? walOf(key, source, rest) : undefined;
}

function manifestOf(key: string, source: string, [backup = '', name, ...more]: string[]): ReadBackObject | undefined {
  if (!isBackupId(backup) || name !== 'manifest.json' || more.length > 0) return undefined;
  return { key, source, kind: 'manifest', backup };
}

function walOf(
  key: string,
  source: string,
  [systemId = '', second = '', name, ...more]: string[],
): ReadBackObject | undefined {
  if (!/^\d{1,20}$/.test(systemId) || more.length > 0) return undefined;
  const history = /^([0-9A-F]{8})\.history$/.exec(second);
  if (name === undefined) {
    const timeline = Number.parseInt(history?.[1] ?? '0', 16);
    return timeline > 0 ? { key, source, kind: 'history', systemId, timeline } : undefined;
  }
  const timeline = /^[0-9A-F]{8}$/.test(second) ? Number.parseInt(second, 16) : 0;
  const isOurs = /^[0-9A-F]{24}(?:\.partial|\.[0-9A-F]{8}-[0-9A-F]{8})?$/.test(name) && name.startsWith(second);
  return timeline > 0 && isOurs ? { key, source, kind: 'wal', systemId, timeline, name } : undefined;
}

/** The key in the plan's bucket of what an event names; undefined when it lies beside the bucket's prefix. */
export function keyInBucket({ bucket }: Pick<Plan, 'bucket'>, key: string): string | undefined {
  const prefix = isS3Url(bucket) ? bucket.slice('s3://'.length).split('/').slice(1).join('/') : '';
  if (prefix === '') return key;
  return key.startsWith(`${prefix}/`) ? key.slice(prefix.length + 1) : undefined;
}
