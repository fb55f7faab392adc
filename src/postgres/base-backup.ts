import { BackupIncomplete, ServerError } from '#model/failure';
import { type Lsn, parseLsn } from '#model/lsn';
import type { Timeline } from '#model/timeline';
import type { CopyHandler, ReplicationConnection, ResultSet } from '#postgres/replication-connection';

export interface BaseBackupOptions {
  label: string;
  /** spread the starting checkpoint, or do it at once */
  checkpoint: 'fast' | 'spread';
  /** the parent's manifest has been uploaded: send only changed blocks (17 and newer) */
  incremental: boolean;
}

export interface Tablespace {
  oid: string;
  /** where it lies on the source's machine */
  location: string;
}

export interface BaseBackupStart {
  startLsn: Lsn;
  timeline: Timeline;
  tablespaces: Tablespace[];
  /** the server's estimate of the bytes to come */
  estimatedBytes: number;
}

export interface BaseBackupHandler {
  onStart(start: BaseBackupStart): void;
  /** The next archive begins: `base`, or the oid of a tablespace; the one before it is complete. */
  onArchive(name: string): void;
  /** a piece of the current archive's tar stream */
  onArchiveData(bytes: Buffer): void;
  onManifestData(bytes: Buffer): void;
}

export interface BaseBackupEnd {
  stopLsn: Lsn;
  timeline: Timeline;
}

/**
 * BASE_BACKUP. Settles only when the server has ended the protocol without an error: it reports a failed page
 * checksum after all data and the manifest.
 * Messages inside the copy: `n` next archive, `m` manifest begins, `d` bytes, `p` progress.
 * Source: https://www.postgresql.org/docs/current/protocol-replication.html#PROTOCOL-REPLICATION-BASE-BACKUP
 */
export async function runBaseBackup(
  connection: ReplicationConnection,
  options: BaseBackupOptions,
  handler: BaseBackupHandler,
): Promise<BaseBackupEnd> {
  const reader = new MessageReader(handler);
  const copy: CopyHandler = {
    onStart: (_direction, results) => handler.onStart(readStart(results)),
    onData: (slice, first, last) => reader.feed(slice, first, last),
  };
  const results = await connection.query(command(options), copy).catch((failure: unknown) => {
    throw isDataCorrupted(failure) ? withHint(failure) : failure;
  });
  const stop = results.at(-1)?.rows[0];
  if (results.length < 3 || !stop?.recptr || !stop.tli || !reader.sawManifest) {
    throw new BackupIncomplete('BASE_BACKUP ended without a stop position or without a manifest', {
      operation: 'base backup',
      subject: options.label,
    });
  }
  return { stopLsn: parseLsn(stop.recptr), timeline: Number(stop.tli) };
}

const isDataCorrupted = (failure: unknown): failure is ServerError =>
  failure instanceof ServerError && failure.sqlState === 'XX001';

const withHint = ({ message, operation, subject, sqlState }: ServerError): ServerError =>
  new ServerError(message, {
    operation,
    subject,
    sqlState,
    hint:
      'a page on the server itself is damaged, and its log names all of them: look into its disks, repair or restore ' +
      'what the file belongs to (pg_filenode_relation() tells), and keep the backups that there are',
  });

/** Hand the server the parent's backup_manifest; BASE_BACKUP with `incremental` must follow on this connection. */
export async function uploadManifest(
  connection: ReplicationConnection,
  manifest: AsyncIterable<Buffer>,
): Promise<void> {
  let sending: Promise<void> | undefined;
  let failure: unknown;
  await connection
    .query('UPLOAD_MANIFEST', {
      onStart() {
        sending = sendAll(connection, manifest).catch((error: unknown) => {
          failure = error;
          void connection.close();
        });
      },
    })
    .catch((error: unknown) => {
      throw failure ?? error;
    });
  await sending;
}

async function sendAll(connection: ReplicationConnection, manifest: AsyncIterable<Buffer>): Promise<void> {
  const messageBytes = 64 << 10;
  for await (const block of manifest) {
    for (let at = 0; at < block.length; at += messageBytes) {
      if (!connection.sendCopyData(block.subarray(at, at + messageBytes))) await connection.untilDrained();
    }
  }
  connection.sendCopyDone();
}

function command(options: BaseBackupOptions): string {
  const settings = [
    `LABEL '${options.label.replaceAll("'", "''")}'`,
    'PROGRESS',
    `CHECKPOINT '${options.checkpoint}'`,
    'WAIT false',
    'TABLESPACE_MAP true',
    "MANIFEST 'yes'",
    "MANIFEST_CHECKSUMS 'CRC32C'",
  ];
  if (options.incremental) settings.push('INCREMENTAL');
  return `BASE_BACKUP (${settings.join(', ')})`;
}

function readStart([start, tablespaces]: readonly ResultSet[]): BaseBackupStart {
  const position = start!.rows[0]!;
  const rows = tablespaces!.rows;
  return {
    startLsn: parseLsn(position.recptr!),
    timeline: Number(position.tli),
    tablespaces: rows.flatMap((row) => (row.spcoid ? [{ oid: row.spcoid, location: row.spclocation! }] : [])),
    estimatedBytes: rows.reduce((sum, row) => sum + Number(row.size ?? 0) * 1024, 0),
  };
}

const kinds = { archive: 0x6e, manifest: 0x6d, data: 0x64, progress: 0x70 };

class MessageReader {
  readonly #handler: BaseBackupHandler;
  #kind = 0;
  #inManifest = false;
  #small: Buffer[] = [];
  sawManifest = false;

  constructor(handler: BaseBackupHandler) {
    this.#handler = handler;
  }

  feed(slice: Buffer, first: boolean, last: boolean): void {
    let bytes = slice;
    if (first) {
      this.#kind = slice[0]!;
      bytes = slice.subarray(1);
      this.#small = [];
      if (this.#kind === kinds.manifest) this.#inManifest = this.sawManifest = true;
    }
    if (this.#kind === kinds.data) this.#data(bytes);
    else if (this.#kind === kinds.archive) this.#archive(bytes, last);
    else if (this.#kind !== kinds.manifest && this.#kind !== kinds.progress) {
      throw new BackupIncomplete(`BASE_BACKUP sent a message of unknown kind ${this.#kind}`, {
        operation: 'base backup',
        subject: 'protocol',
      });
    }
  }

  #data(bytes: Buffer): void {
    if (bytes.length === 0) return;
    if (this.#inManifest) this.#handler.onManifestData(bytes);
    else this.#handler.onArchiveData(bytes);
  }

  /** file name, zero, tablespace path, zero */
  #archive(bytes: Buffer, last: boolean): void {
    this.#small.push(bytes);
    if (!last) return;
    const message = Buffer.concat(this.#small);
    this.#handler.onArchive(message.toString('utf8', 0, message.indexOf(0)).replace(/\.tar$/, ''));
  }
}
