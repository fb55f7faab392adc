import type { BackupId } from '#model/backup-id';
import { formatTimeline, historyFileName, type Timeline } from '#model/timeline';

/** Where everything lies in the bucket (docs/format.md). Keys end in no slash, folders do. */
export const sourceFolder = (source: string): string => `${source}/`;
export const backupsFolder = (source: string): string => `${source}/backups/`;
export const backupFolder = (source: string, id: BackupId): string => `${backupsFolder(source)}${id}/`;

/** The commit point: a backup exists when this does. */
export const manifestKey = (source: string, id: BackupId): string => `${backupFolder(source, id)}manifest.json`;
/** A part, or one of the two objects below. */
export const backupObjectKey = (source: string, id: BackupId, name: string): string =>
  `${backupFolder(source, id)}${name}`;
export const indexName = 'index.jsonl';
/** PostgreSQL's own backup_manifest */
export const serverManifestName = 'backup_manifest.json';

export const walFolder = (source: string): string => `${source}/wal/`;
export const systemFolder = (source: string, systemId: string): string => `${walFolder(source)}${systemId}/`;
export const timelineFolder = (source: string, systemId: string, timeline: Timeline): string =>
  `${systemFolder(source, systemId)}${formatTimeline(timeline)}/`;
export const historyKey = (source: string, systemId: string, timeline: Timeline): string =>
  `${systemFolder(source, systemId)}${historyFileName(timeline)}`;

/** The projection of a source's backups; can be rebuilt from what lies in their folders. */
export const catalogKey = (source: string): string => `catalog/${source}/backups.json`;

export const leaseKey = (source: string, work: string): string => `${source}/leases/${work}`;
