import { PassThrough } from 'node:stream';
import type pg from 'pg';
import { blockBytes } from '#pipeline/container';
import type { PartRecord } from '#pipeline/part-record';
import { PartWriter } from '#pipeline/write-parts';
import { type BaseBackupEnd, type BaseBackupStart, uploadManifest } from '#postgres/base-backup';
import { ReplicationConnection } from '#postgres/replication-connection';
import { streamBaseBackup } from '#sources/base-backup';
import type { BackupObjects, StoredFile } from './backup-objects.ts';

export interface CopyWork {
  connection: pg.ClientConfig;
  label: string;
  objects: BackupObjects;
  level: number;
  lanes: number;
  /** backup_manifest of the parent; the server then sends changed blocks only */
  parentManifest: AsyncIterable<Buffer> | undefined;
  signal: AbortSignal;
  onStart(start: BaseBackupStart): void;
  /** raw bytes so far */
  onBytes(doneBytes: number): void;
}

export interface Copied {
  start: BaseBackupStart;
  end: BaseBackupEnd;
  parts: PartRecord[];
  serverManifest: StoredFile;
}

/** The copy itself: BASE_BACKUP → parts and backup_manifest in the store. Nothing of it counts when this rejects. */
export async function copyCluster(work: CopyWork): Promise<Copied> {
  const connection = await ReplicationConnection.open({ ...work.connection, signal: work.signal });
  const manifest = new ManifestSink(work);
  let start: BaseBackupStart | undefined;
  let parts: PartWriter | undefined;
  const records: PartRecord[] = [];
  let doneBytes = 0;
  try {
    if (work.parentManifest) await uploadManifest(connection, work.parentManifest);
    const end = await streamBaseBackup(
      connection,
      { label: work.label, checkpoint: 'fast', incremental: work.parentManifest !== undefined },
      {
        begin(begun) {
          start = begun;
          parts = partWriter(work, begun.estimatedBytes, (part) => records.push(part));
          work.onStart(begun);
        },
        archive: (name) => parts!.begin(name),
        archiveData(bytes) {
          doneBytes += bytes.length;
          work.onBytes(doneBytes);
          return parts!.write(bytes);
        },
        manifestData: (bytes) => manifest.write(bytes),
      },
    );
    await parts!.finish();
    return { start: start!, end, parts: inOrder(records, start!), serverManifest: await manifest.finish() };
  } catch (failure) {
    await Promise.all([parts?.abandon(failure), manifest.abandon(failure)]);
    throw failure;
  } finally {
    await connection.close();
  }
}

const mebi = 1 << 20;

/** Larger parts for larger clusters, so that their number stays reasonable; multiples of the block. */
function partBytesFor(estimatedBytes: number): number {
  if (estimatedBytes < 64 * 1024 * mebi) return 64 * mebi;
  return estimatedBytes < 512 * 1024 * mebi ? 128 * mebi : 256 * mebi;
}

function partWriter(work: CopyWork, estimatedBytes: number, onPart: (part: PartRecord) => void): PartWriter {
  const { objects, level, lanes, signal } = work;
  return new PartWriter({
    blockBytes,
    partBytes: partBytesFor(estimatedBytes),
    lanes,
    level,
    dataKey: objects.dataKey,
    header: (archive, part) => objects.header('part', { archive, part }),
    store: (name, body) => objects.putPart(name, body, signal),
    onPart,
    signal,
  });
}

/** Archives in the order in which the server sends them: tablespaces, then base; within them by number. */
function inOrder(records: PartRecord[], start: BaseBackupStart): PartRecord[] {
  const archives = [...start.tablespaces.map((tablespace) => tablespace.oid), 'base'];
  return records.sort((a, b) => archives.indexOf(a.archive) - archives.indexOf(b.archive) || a.part - b.part);
}

/** Streams backup_manifest into its object while it arrives: it is large where there are many files. */
class ManifestSink {
  readonly #work: CopyWork;
  readonly #content = new PassThrough({ highWaterMark: mebi });
  #stored: Promise<StoredFile> | undefined;

  constructor(work: CopyWork) {
    this.#work = work;
    this.#content.on('error', () => undefined); // the put that reads it rejects with the same error
  }

  write(bytes: Buffer): Promise<void> | undefined {
    this.#stored ??= this.#begin();
    if (this.#content.write(bytes)) return undefined;
    return Promise.race([
      new Promise<void>((resolve) => this.#content.once('drain', resolve)),
      this.#stored.then(() => undefined),
    ]);
  }

  #begin(): Promise<StoredFile> {
    const stored = this.#work.objects.putContainer(
      'backup_manifest',
      this.#content,
      this.#work.level,
      this.#work.signal,
    );
    stored.catch(() => undefined); // finish() or write() reports it
    return stored;
  }

  finish(): Promise<StoredFile> {
    this.#content.end();
    return this.#stored ?? this.#begin();
  }

  async abandon(reason: unknown): Promise<void> {
    this.#content.destroy(reason instanceof Error ? reason : new Error(String(reason)));
    await this.#stored?.catch(() => undefined); // it ends because of `reason`, which is reported
  }
}
