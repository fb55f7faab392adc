import type { WalObjectReader } from '#catalog/wal-inventory';
import { KeyUnusable, ObjectDamaged, StoreUnavailable } from '#model/failure';
import { formatLsn, type Lsn } from '#model/lsn';
import type { Timeline } from '#model/timeline';
import { describeWal } from '#model/wal-object';
import { isSegmentSize } from '#model/wal-segment';
import { hintForKey, wrappedKeySchema } from '#model/wrapped-key';
import { type ContainerHeader, damaged, decodeHeader, headerLength, skippablePrefixBytes } from '#pipeline/container';
import type { DataKey, KeyRing } from '#pipeline/data-key';
import { type ContainerRead, readContainer } from '#pipeline/read-container';
import { type HistoryHeader, type WalHeader, walKeyContext } from '#pipeline/wal-header';
import type { ObjectStore } from '#store/object-store';

/** Where an object's key says that it belongs. */
export interface WalPlace {
  source: string;
  systemId: string;
  timeline: Timeline;
  start: Lsn;
  end: Lsn;
  segmentSize: number;
  partial?: boolean;
}

export interface HistoryPlace {
  source: string;
  systemId: string;
  timeline: Timeline;
}

const maxHistoryBytes = 1 << 20;
/** Headers have some hundred bytes; the wrapped key in them is the longest part. */
const usualHeaderBytes = 4096;

/** Reads WAL objects, and checks that each is the one that its key says. */
export class WalReader implements WalObjectReader {
  readonly #store: ObjectStore;
  readonly #keyRing: KeyRing | undefined;
  readonly #acceptPlain: boolean;
  readonly #dataKeys = new Map<string, Promise<DataKey>>();

  /**
   * With a key ring, WAL in clear is refused: whoever can write to the bucket could have put it there. `acceptPlain` is
   * for those who only compare it with what they have themselves.
   */
  constructor(store: ObjectStore, keyRing: KeyRing | undefined, { acceptPlain = keyRing === undefined } = {}) {
    this.#store = store;
    this.#keyRing = keyRing;
    this.#acceptPlain = acceptPlain;
  }

  /** @throws ObjectMissing; ObjectDamaged when it is another object or is not as written; KeyUnusable */
  async open(key: string, place: WalPlace, signal?: AbortSignal): Promise<ContainerRead<WalHeader>> {
    const read = await this.#begin<WalHeader>(key, signal, place);
    const { header } = read;
    const same =
      header.kind === 'wal' &&
      isOf(header, place) &&
      header.start === formatLsn(place.start) &&
      header.end === formatLsn(place.end) &&
      header.segmentSize === place.segmentSize &&
      (header.partial ?? false) === (place.partial ?? false);
    if (same) return read;
    await read.close();
    throw damaged(key, `says it is ${describeHeader(header)}, expected ${describePlace(place)}`);
  }

  /** The whole of a piece, at most 32 MiB. */
  async readAll(key: string, place: WalPlace, signal?: AbortSignal): Promise<Buffer> {
    const bytes = Buffer.allocUnsafeSlow(Number(place.end - place.start));
    let size = 0;
    for await (const block of (await this.open(key, place, signal)).blocks()) size += block.copy(bytes, size);
    if (size === bytes.length) return bytes;
    throw damaged(key, `holds ${size} bytes of WAL, expected ${bytes.length}`);
  }

  async readHistory(key: string, place: HistoryPlace, signal?: AbortSignal): Promise<Buffer> {
    const { header, bytes } = await this.#smallContainer(key, signal);
    if (header.kind === 'history' && isOf(header, place)) return bytes;
    throw damaged(key, `says it is ${describeHeader(header)}, expected the history of timeline ${place.timeline}`);
  }

  async history(key: string): Promise<string> {
    const { header, bytes } = await this.#smallContainer(key);
    if (header.kind === 'history') return bytes.toString('utf8');
    throw damaged(key, `says it is ${describeHeader(header)}, expected a timeline history`);
  }

  async segmentSize(key: string): Promise<number> {
    const header = await this.header(key);
    if ('segmentSize' in header && isSegmentSize(header.segmentSize)) return header.segmentSize;
    throw damaged(key, `says that segments have ${(header as WalHeader).segmentSize} bytes`);
  }

  /** What an object says about itself; not authenticated, since its content is not read. One request, mostly. */
  async header(key: string, signal?: AbortSignal): Promise<WalHeader | HistoryHeader> {
    let bytes = await this.#firstBytes(key, usualHeaderBytes, signal);
    if (bytes.length < skippablePrefixBytes) throw damaged(key, 'is too short for a header');
    const end = skippablePrefixBytes + headerLength(bytes.subarray(0, skippablePrefixBytes), key);
    if (end > usualHeaderBytes) bytes = await this.#firstBytes(key, end, signal);
    const header = decodeHeader<WalHeader | HistoryHeader>(bytes.subarray(skippablePrefixBytes, end), key);
    if (header.key === undefined || wrappedKeySchema.safeParse(header.key).success) return header;
    throw damaged(key, 'has a wrapped key that is none');
  }

  async #firstBytes(key: string, length: number, signal: AbortSignal | undefined): Promise<Buffer> {
    const { body } = await this.#store.get(key, { range: { start: 0, length }, ...(signal ? { signal } : {}) });
    const chunks: Buffer[] = [];
    for await (const chunk of body) chunks.push(Buffer.from(chunk));
    return Buffer.concat(chunks);
  }

  async #smallContainer(key: string, signal?: AbortSignal) {
    const read = await this.#begin<HistoryHeader | WalHeader>(key, signal);
    const blocks: Buffer[] = [];
    let size = 0;
    for await (const block of read.blocks()) {
      size += block.length;
      if (size > maxHistoryBytes) throw damaged(key, `is larger than ${maxHistoryBytes} bytes`);
      blocks.push(block);
    }
    return { header: read.header, bytes: Buffer.concat(blocks) };
  }

  /** The header is read, and with it the key to the rest. */
  async #begin<H extends WalHeader | HistoryHeader>(
    key: string,
    signal: AbortSignal | undefined,
    place?: WalPlace,
  ): Promise<ContainerRead<H>> {
    const { body } = await this.#store.get(key, signal ? { signal } : {});
    const dataKey = async (header: H) => {
      // Of another cluster: its key is not ours to ask for.
      if (place && !isOf(header, place)) {
        throw damaged(key, `says it is ${describeHeader(header)}, expected ${describePlace(place)}`);
      }
      return this.#dataKey(header).catch((failure: unknown) => {
        // who unwraps keys knows what they are for, and not in which object they stand
        throw failure instanceof ObjectDamaged ? damaged(key, 'has a wrapped key that was changed', failure) : failure;
      });
    };
    return readContainer<H>(body, { key, dataKey });
  }

  /** One process stores many objects under one data key, which is unwrapped once. */
  async #dataKey(header: WalHeader | HistoryHeader): Promise<DataKey | undefined> {
    const { key, source, systemId } = header;
    if (!key && this.#acceptPlain) return undefined;
    if (!key) {
      throw new KeyUnusable(`WAL of ${source} is stored in clear, the plan says that it is encrypted`, {
        operation: 'read wal',
        subject: source,
        hint: 'if it is from before the plan was changed, restore with a plan that says encryption: none',
      });
    }
    if (!this.#keyRing) {
      throw new KeyUnusable(`WAL of ${source} is encrypted, the plan says encryption: none`, {
        operation: 'read wal',
        subject: source,
        hint: hintForKey(key),
      });
    }
    const known = this.#dataKeys.get(key.wrapped);
    if (known) return known;
    if (!wrappedKeySchema.safeParse(key).success) throw damaged(source, 'has a wrapped key that is none');
    const unwrapped = this.#keyRing.unwrap(key, walKeyContext(source, systemId));
    this.#dataKeys.set(key.wrapped, unwrapped);
    unwrapped.catch((failure) => failure instanceof StoreUnavailable && this.#dataKeys.delete(key.wrapped));
    return unwrapped;
  }
}

const isOf = (header: WalHeader | HistoryHeader, place: HistoryPlace): boolean =>
  header.source === place.source && header.systemId === place.systemId && header.timeline === place.timeline;

function describeHeader(header: ContainerHeader): string {
  const { kind, source, systemId, timeline, start, end, partial } = header as WalHeader;
  return `${kind} ${source}/${systemId} ${start}..${end} on timeline ${timeline}${partial ? ' (partial)' : ''}`;
}

const describePlace = (place: WalPlace): string =>
  `wal ${place.source}/${place.systemId} ${describeWal(place.timeline, place.start, place.end)}`;
