import { readBackup } from '#catalog/backups';
import { readStanding, readVersion } from '#catalog/standing';
import { versionOf } from '#catalog/verified';
import type { BackupId } from '#model/backup-id';
import type { Manifest } from '#model/manifest';
import type { StandingState } from '#model/standing';
import { manifestKey } from '#store/bucket-layout';
import type { ObjectStore } from '#store/object-store';

/** A backup as its manifest is stored now, and what earlier results say of that. */
export interface KnownVersion {
  manifest: Manifest;
  /** names this generation of the manifest */
  version: string;
  state: StandingState;
  /** another generation was read back before, whose results say nothing of this one */
  replaced: boolean;
}

/** @throws like readBackup */
export async function readKnownVersion(store: ObjectStore, source: string, backup: BackupId): Promise<KnownVersion> {
  const stored = await store.head(manifestKey(source, backup));
  const manifest = await readBackup(store, source, backup);
  // between the two it may have come, which its event tells
  const version = versionOf(stored?.etag ?? '');
  const read = await readVersion(store, source, backup);
  if (read !== undefined && read !== version) return { manifest, version, state: 'committed', replaced: true };
  const { backups } = await readStanding(store, source);
  const state = backups.find((standing) => standing.backup === backup)?.state ?? 'committed';
  return { manifest, version, state, replaced: false };
}
