import type { FailoverGroup } from '#model/failover-group';
import type { Control, Site } from '#model/failover-site';
import type { PostgresSource } from '#model/postgres-source';
import type { Account } from '#postgres/server-process';
import type { Environment } from '#runtime/environment';
import type { Bucket } from '#runtime/open-bucket';
import type { RebuildFolder } from './rebuild-folder.ts';
import type { TaskLog } from './task-log.ts';

export type PostgresSite = Site & { server: { kind: 'postgres' } };

/** What the rebuilding of one site's server is about. */
export interface RebuildWork {
  group: FailoverGroup;
  source: PostgresSource;
  site: PostgresSite;
  other: PostgresSite;
  vault: Bucket;
  /** where the vault's store is */
  location: string;
  /** absolute */
  planPath: string;
  environment: Environment;
  requestedBy: string;
  execution: string;
  now(): Date;
  /** before what cannot be taken back: that nobody else moves the group now; @throws LeaseHeld */
  holdNow(): Promise<void>;
  signal: AbortSignal;
  log: TaskLog;
  onProgress(phase: RebuildPhase, doneBytes?: number, totalBytes?: number): void;
}

export type RebuildPhase = 'settle' | 'keep aside' | 'rewind' | 'files' | 'replay' | 'checks' | 'pages' | 'follow';

/** The same, of a server whose data directory is on this machine. */
export interface LocalRebuild extends RebuildWork {
  control: Extract<Control, { kind: 'local' }>;
  dataDir: string;
  binDir: string;
  account: Account | undefined;
  folder: RebuildFolder;
}
