import { type BaseBackupEnd, type BaseBackupOptions, type BaseBackupStart, runBaseBackup } from '#postgres/base-backup';
import type { ReplicationConnection } from '#postgres/replication-connection';

/** Who takes the bytes. A promise as an answer means: settle it before sending more. */
export interface BaseBackupSink {
  begin(start: BaseBackupStart): void;
  archive(name: string): void;
  archiveData(bytes: Buffer): Promise<void> | undefined;
  manifestData(bytes: Buffer): Promise<void> | undefined;
}

/** A base backup, full or incremental, at the pace of whoever takes it. */
export async function streamBaseBackup(
  connection: ReplicationConnection,
  options: BaseBackupOptions,
  sink: BaseBackupSink,
): Promise<BaseBackupEnd> {
  const pace = new Pace(connection);
  const end = await runBaseBackup(connection, options, {
    onStart: (start) => sink.begin(start),
    onArchive: (name) => sink.archive(name),
    onArchiveData: (bytes) => pace.after(sink.archiveData(bytes)),
    onManifestData: (bytes) => pace.after(sink.manifestData(bytes)),
  });
  await pace.settled();
  return end;
}

/** Holds the socket while the sink is behind; what has already arrived is still handed on. */
class Pace {
  readonly #connection: ReplicationConnection;
  #behind: Promise<void> | undefined;
  #failure: unknown;

  constructor(connection: ReplicationConnection) {
    this.#connection = connection;
  }

  after(busy: Promise<void> | undefined): void {
    if (this.#failure) throw this.#failure;
    if (!busy) return;
    this.#connection.pause();
    const all = Promise.all([this.#behind, busy])
      .catch((failure: unknown) => {
        this.#failure = failure;
      })
      .then(() => {
        if (this.#behind !== all) return; // a later promise decides
        this.#behind = undefined;
        if (this.#failure) this.#connection.abandon(this.#failure as Error);
        else this.#connection.resume();
      });
    this.#behind = all;
  }

  async settled(): Promise<void> {
    await this.#behind;
    if (this.#failure) throw this.#failure;
  }
}
