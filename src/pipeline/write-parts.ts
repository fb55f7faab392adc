import type { PassThrough } from 'node:stream';
import { BackupIncomplete } from '#model/failure';
import { CompressLanes } from '#pipeline/compress-lanes';
import type { ContainerHeader } from '#pipeline/container';
import type { DataKey } from '#pipeline/data-key';
import { OpenPart } from '#pipeline/open-part';
import type { PartRecord } from '#pipeline/part-record';
import { FrameSealer } from '#pipeline/seal-frame';
import { TarReader } from '#pipeline/tar-reader';

export interface PartWriterOptions {
  blockBytes: number;
  /** raw bytes of a part; a multiple of blockBytes */
  partBytes: number;
  lanes: number;
  level: number;
  dataKey: DataKey | undefined;
  /** what the archives are: of tar, each part's record says where in the format it begins and which files do so in it */
  format?: 'tar' | 'bytes';
  /** of an object; without it, that of a part of a tar archive */
  name?(archive: string, part: number): string;
  header(archive: string, part: number): ContainerHeader;
  /** Stores one part; settles when the store has answered, with the bytes that are stored. */
  store(name: string, body: AsyncIterable<Uint8Array>, signal: AbortSignal): Promise<number>;
  /** a part is stored; the next one may have been faster */
  onPart(part: PartRecord): void;
  signal: AbortSignal;
}

export const partName = (archive: string, part: number): string => `${archive}.tar.${String(part).padStart(6, '0')}`;

/**
 * Cuts archives into blocks, compresses blocks in parallel, seals them in order and streams them into parts.
 * Nothing is kept but the blocks in flight: lanes + 2, and the bytes the store has not taken yet, of few parts.
 */
export class PartWriter {
  readonly #options: PartWriterOptions;
  readonly #lanes: CompressLanes;
  readonly #spare: Buffer[] = [];
  readonly #room: (() => void)[] = [];
  readonly #puts: Promise<void>[] = [];
  /** whose put has not ended, and that put */
  readonly #open = new Map<OpenPart, Promise<void>>();
  #inFlight = 0;
  #sealed: Promise<void> = Promise.resolve();
  #failure: unknown;

  #archive = '';
  #archiveBytes = 0;
  #parts = 0;
  #tar: TarReader | undefined;
  #block: Buffer;
  #filled = 0;
  #part: OpenPart | undefined;

  constructor(options: PartWriterOptions) {
    this.#options = options;
    this.#lanes = new CompressLanes(options.lanes, options.level);
    this.#block = Buffer.allocUnsafeSlow(options.blockBytes);
  }

  /** The next archive begins; the one before it is complete. */
  begin(archive: string): void {
    this.#endArchive();
    this.#archive = archive;
    this.#archiveBytes = 0;
    this.#parts = 0;
    if (this.#options.format === 'bytes') return;
    this.#tar = new TarReader({
      onEntry: (entry, position) => {
        const path = entry.type === 'directory' ? `${entry.path}/` : entry.path;
        this.#part!.record.files.push([path, position, entry.size]);
      },
    });
  }

  /** Takes a piece of the current archive. Answers a promise when the caller should wait before the next one. */
  write(bytes: Buffer): Promise<void> | undefined {
    let at = 0;
    while (at < bytes.length) {
      this.#part ??= this.#openPart();
      const count = Math.min(this.#options.blockBytes - this.#filled, bytes.length - at);
      const piece = bytes.subarray(at, at + count);
      piece.copy(this.#block, this.#filled);
      this.#tar?.feed(piece);
      this.#filled += count;
      at += count;
      this.#archiveBytes += count;
      if (this.#filled === this.#options.blockBytes) this.#sendBlock(this.#part, this.#partIsFull());
    }
    return this.#hasRoom() && this.#failure === undefined ? undefined : this.#waitForRoom();
  }

  /** All archives are complete. Settles when every part is stored. */
  async finish(): Promise<void> {
    this.#endArchive();
    await this.#sealed;
    this.#rethrow();
    await Promise.all(this.#puts);
    this.#lanes.close();
  }

  /** Ends what is under way after a failure; nothing that was not complete becomes visible. */
  async abandon(reason: unknown): Promise<void> {
    this.#failure ??= reason;
    for (const { body } of this.#open.keys())
      body.destroy(reason instanceof Error ? reason : new Error(String(reason)));
    await Promise.allSettled([this.#sealed, ...this.#puts]);
    this.#lanes.close();
  }

  #endArchive(): void {
    if (this.#part) this.#sendBlock(this.#part, true);
  }

  #partIsFull(): boolean {
    return this.#archiveBytes - this.#part!.record.rawOffset >= this.#options.partBytes;
  }

  #openPart(): OpenPart {
    const number = this.#parts++;
    const name = (this.#options.name ?? partName)(this.#archive, number);
    const sealer = new FrameSealer(this.#options.header(this.#archive, number), this.#options.dataKey);
    const record: PartRecord = {
      archive: this.#archive,
      part: number,
      name,
      rawOffset: this.#archiveBytes,
      rawBytes: 0,
      storedBytes: 0,
      sha256: '',
      start: this.#tar?.state() ?? {},
      frames: [],
      files: [],
    };
    const part = new OpenPart(record, sealer);
    const put = this.#store(record, part.body);
    this.#open.set(part, put);
    put
      .catch((failure: unknown) => {
        this.#fail(failure);
        part.body.destroy();
      })
      .finally(() => this.#open.delete(part));
    this.#puts.push(put);
    return part;
  }

  async #store(record: PartRecord, body: PassThrough): Promise<void> {
    const stored = await this.#options.store(record.name, body, this.#options.signal);
    if (!body.readableEnded || stored !== record.storedBytes) {
      throw new BackupIncomplete(
        `${record.name}: the store says it holds ${stored} bytes, ${record.storedBytes} were sent`,
        { operation: 'store part', subject: record.name },
      );
    }
    this.#options.onPart(record);
  }

  #sendBlock(part: OpenPart, last: boolean): void {
    const buffer = this.#block;
    const block = buffer.subarray(0, this.#filled);
    this.#block = this.#spare.pop() ?? Buffer.allocUnsafeSlow(this.#options.blockBytes);
    this.#filled = 0;
    if (last) this.#part = undefined;
    this.#inFlight++;
    const compressed = this.#lanes.compress(block);
    this.#sealed = this.#sealed.then(async () => {
      try {
        const pieces = await compressed;
        this.#spare.push(buffer);
        this.#rethrow();
        await this.#seal(part, pieces, block.length, last);
      } catch (failure) {
        this.#fail(failure);
      } finally {
        this.#inFlight--;
        if (this.#hasRoom()) this.#releaseWaiting();
      }
    });
  }

  async #seal(part: OpenPart, pieces: Buffer[], rawBytes: number, last: boolean): Promise<void> {
    const room = part.seal(pieces, rawBytes, last);
    if (last) await this.#fewEnded();
    else if (!room) await part.drained();
  }

  /** A store that is slow to answer holds us up, too: each put that is under way keeps bytes, here or in the store. */
  async #fewEnded(): Promise<void> {
    const ended = [...this.#open].filter(([part]) => part.ended);
    if (ended.length > maxEndedParts) await Promise.race(ended.map(([, put]) => put));
  }

  async #waitForRoom(): Promise<void> {
    if (!this.#hasRoom()) await new Promise<void>((resolve) => this.#room.push(resolve));
    this.#rethrow();
  }

  #hasRoom(): boolean {
    return this.#inFlight <= this.#options.lanes + 1;
  }

  /** One block that is done may have held up many small writes. */
  #releaseWaiting(): void {
    for (const release of this.#room.splice(0)) release();
  }

  #fail(failure: unknown): void {
    this.#failure ??= failure;
    this.#releaseWaiting();
  }

  #rethrow(): void {
    if (this.#failure !== undefined) throw this.#failure;
  }
}

/** Parts that are written and wait for the store's answer, while the next one is written. */
const maxEndedParts = 2;
