import { createHash } from 'node:crypto';
import type { PassThrough } from 'node:stream';
import type { DumpId } from '#model/dump-id';
import type { DumpPart } from '#model/dump-manifest';
import { BackupIncomplete } from '#model/failure';
import { coldTags } from '#model/storage-tier';
import type { DataKey } from '#pipeline/data-key';
import type { DumpHeader } from '#pipeline/dump-header';
import { writeContainer } from '#pipeline/write-container';
import { dumpObjectKey, globalsName } from '#store/bucket-layout';
import type { Body, ObjectStore, PutOptions } from '#store/object-store';

/** Puts the objects of one dump: each once, each with a serial of its own under the dump's data key. */
export class DumpObjects {
  readonly dataKey: DataKey | undefined;
  readonly #store: ObjectStore;
  readonly #source: string;
  readonly #id: DumpId;
  #serial = 0;

  constructor(store: ObjectStore, dump: { source: string; id: DumpId; dataKey: DataKey | undefined }) {
    this.#store = store;
    this.#source = dump.source;
    this.#id = dump.id;
    this.dataKey = dump.dataKey;
  }

  header(kind: DumpHeader['kind'], place: { database?: number; part?: number } = {}): DumpHeader {
    const cipher = this.dataKey ? 'aes-256-gcm' : 'none';
    const serial = this.#serial++;
    return { format: 'lifeboat/1', kind, cipher, serial, source: this.#source, dump: this.#id, ...place };
  }

  /** Answers how many bytes the store holds. */
  putPart(name: string, body: Body, signal: AbortSignal): Promise<number> {
    return this.#put(name, body, { signal, tags: coldTags });
  }

  /** Whatever is written to `content` until it ends. */
  async putGlobals(content: PassThrough, level: number, signal: AbortSignal): Promise<DumpPart> {
    const hash = createHash('sha256');
    let rawBytes = 0;
    let sentBytes = 0;
    const counted = async function* () {
      for await (const piece of content as AsyncIterable<Buffer>) {
        rawBytes += piece.length;
        yield piece;
      }
    };
    const container = writeContainer(this.header('globals'), this.dataKey, counted(), level);
    const body = async function* () {
      for await (const piece of container) {
        hash.update(piece);
        sentBytes += piece.length;
        yield piece;
      }
    };
    const storedBytes = await this.#put(globalsName, body(), { signal });
    if (storedBytes === sentBytes) return { name: globalsName, rawBytes, storedBytes, sha256: hash.digest('hex') };
    throw new BackupIncomplete(`${globalsName}: the store says it holds ${storedBytes} bytes, ${sentBytes} were sent`, {
      operation: 'store dump',
      subject: globalsName,
    });
  }

  async #put(name: string, body: Body, options: PutOptions): Promise<number> {
    const key = dumpObjectKey(this.#source, this.#id, name);
    const outcome = await this.#store.put(key, body, { ...options, condition: 'absent' });
    if (outcome.stored) return outcome.object.size;
    throw new BackupIncomplete(`${key} exists already`, {
      operation: 'store dump',
      subject: key,
      hint: 'another dump began in the same millisecond: run this one again',
    });
  }
}
