import { createHash } from 'node:crypto';
import type { BackupId } from '#model/backup-id';
import { BackupIncomplete } from '#model/failure';
import { coldTags } from '#model/storage-tier';
import type { ContainerHeader } from '#pipeline/container';
import type { DataKey } from '#pipeline/data-key';
import { writeContainer } from '#pipeline/write-container';
import { backupObjectKey, indexName, serverManifestName } from '#store/bucket-layout';
import type { Body, ObjectStore, PutOptions } from '#store/object-store';

/** Headers of a backup's objects: what and whose they are, bound into their encryption. */
export interface BackupObjectHeader extends ContainerHeader {
  kind: 'part' | 'index' | 'backup_manifest';
  source: string;
  backup: BackupId;
  archive?: string;
  part?: number;
}

export interface StoredFile {
  name: string;
  storedBytes: number;
  sha256: string;
}

/** Puts the objects of one backup: each once, each with a serial of its own under the backup's data key. */
export class BackupObjects {
  readonly dataKey: DataKey | undefined;
  readonly #store: ObjectStore;
  readonly #source: string;
  readonly #id: BackupId;
  #serial = 0;

  constructor(store: ObjectStore, backup: { source: string; id: BackupId; dataKey: DataKey | undefined }) {
    this.#store = store;
    this.#source = backup.source;
    this.#id = backup.id;
    this.dataKey = backup.dataKey;
  }

  header(kind: BackupObjectHeader['kind'], place: { archive?: string; part?: number } = {}): BackupObjectHeader {
    const cipher = this.dataKey ? 'aes-256-gcm' : 'none';
    const serial = this.#serial++;
    return { format: 'lifeboat/1', kind, cipher, serial, source: this.#source, backup: this.#id, ...place };
  }

  /** Answers how many bytes the store holds. Parts may move to colder classes than what is read to plan a restore. */
  putPart(name: string, body: Body, signal: AbortSignal): Promise<number> {
    return this.#put(name, body, { signal, tags: coldTags });
  }

  async #put(name: string, body: Body, options: PutOptions): Promise<number> {
    const key = backupObjectKey(this.#source, this.#id, name);
    const outcome = await this.#store.put(key, body, { ...options, condition: 'absent' });
    if (outcome.stored) return outcome.object.size;
    throw new BackupIncomplete(`${key} exists already`, {
      operation: 'store part',
      subject: key,
      hint: 'another backup began in the same millisecond: run this one again',
    });
  }

  async putContainer(
    kind: 'index' | 'backup_manifest',
    content: Iterable<Buffer> | AsyncIterable<Buffer>,
    level: number,
    signal: AbortSignal,
  ): Promise<StoredFile> {
    const name = kind === 'index' ? indexName : serverManifestName;
    const hash = createHash('sha256');
    let sentBytes = 0;
    const container = writeContainer(this.header(kind), this.dataKey, content, level);
    const storedBytes = await this.#put(
      name,
      (async function* () {
        for await (const piece of container) {
          hash.update(piece);
          sentBytes += piece.length;
          yield piece;
        }
      })(),
      { signal },
    );
    if (storedBytes === sentBytes) return { name, storedBytes, sha256: hash.digest('hex') };
    throw new BackupIncomplete(`${name}: the store says it holds ${storedBytes} bytes, ${sentBytes} were sent`, {
      operation: 'store part',
      subject: name,
    });
  }
}
