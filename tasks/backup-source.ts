import { type Lease, withLease } from '#catalog/lease';
import type { PostgresSource } from '#model/postgres-source';
import type { Bucket } from '#runtime/open-bucket';
import { cores } from '#runtime/this-process';
import { type BaseBackupResult, type BaseBackupWork, takeBaseBackup } from './base-backup.ts';
import { collectWal } from './collect-wal.ts';

type Asked = 'connection' | 'kind' | 'requestedBy' | 'execution' | 'startedAt' | 'signal' | 'onProgress' | 'onWarning';

export interface SourceBackup extends Pick<BaseBackupWork, Asked> {
  source: PostgresSource;
  vault: Bucket;
  /** of the source's backups; it is given back, however this ends */
  lease: Lease;
}

/** A base backup of one of the plan's sources, with the WAL that it needs, as the plan wants it. */
export function backupSource({ source, vault, lease, signal, ...rest }: SourceBackup): Promise<BaseBackupResult> {
  const { name, compressionLevel: level } = source;
  const { connection } = rest;
  return withLease(lease, (leaseSignal) =>
    takeBaseBackup({
      ...rest,
      ...vault,
      source: name,
      level,
      lanes: cores(),
      wal: collectWal({ source: name, ...vault, connection, level }),
      signal: AbortSignal.any([signal, leaseSignal]),
    }),
  );
}
