import { WalBroken } from '#model/failure';
import { formatLsn, type Lsn } from '#model/lsn';
import { coldTags } from '#model/storage-tier';
import type { Timeline } from '#model/timeline';
import { walObjectName } from '#model/wal-object';
import { segmentAt, segmentEnd, segmentStart } from '#model/wal-segment';
import type { WrappedKey } from '#model/wrapped-key';
import type { DataKey, KeyRing } from '#pipeline/data-key';
import { type HistoryHeader, type WalHeader, walKeyContext } from '#pipeline/wal-header';
import { writeContainer } from '#pipeline/write-container';
import { WalReader } from '#recovery/read-wal';
import { historyKey, timelineFolder } from '#store/bucket-layout';
import type { ObjectStore } from '#store/object-store';

export interface WalWriterOptions {
  store: ObjectStore;
  /** undefined: the plan says `encryption: none` */
  keyRing: KeyRing | undefined;
  source: string;
  systemId: string;
  segmentSize: number;
  /** of zstd */
  level: number;
  signal?: AbortSignal;
}

/** WAL to store: a whole segment or a range of one, or a file that was archived as `.partial`. */
export interface WalToStore {
  timeline: Timeline;
  start: Lsn;
  end: Lsn;
  bytes: Buffer;
  time: Date;
  partial?: boolean;
}

/** `already there`: with the same bytes, put by somebody else or by an earlier run */
export type WalStored = 'stored' | 'already there';

/**
 * Puts the WAL of one system, each object once. All objects of one writer share a data key, each with a serial of its
 * own; the key is made for this process and never used by another one.
 */
export class WalWriter {
  readonly systemId: string;
  readonly segmentSize: number;
  readonly #options: WalWriterOptions;
  readonly #reader: WalReader;
  readonly #key: { dataKey: DataKey; wrapped: WrappedKey } | undefined;
  #serial = 0;

  static async create(options: WalWriterOptions): Promise<WalWriter> {
    const key = await options.keyRing?.create(walKeyContext(options.source, options.systemId));
    return new WalWriter(options, key);
  }

  private constructor(options: WalWriterOptions, key: { dataKey: DataKey; wrapped: WrappedKey } | undefined) {
    this.#options = options;
    this.systemId = options.systemId;
    this.segmentSize = options.segmentSize;
    this.#reader = new WalReader(options.store, options.keyRing, { acceptPlain: true });
    this.#key = key;
  }

  /** Settles once it is stored. @throws WalBroken when other bytes are stored there */
  async put(wal: WalToStore): Promise<WalStored> {
    const { source, systemId, segmentSize } = this.#options;
    const { timeline, start, end, bytes, time } = wal;
    const partial = wal.partial ? { partial: true as const } : {};
    const place = { source, systemId, timeline, start, end, segmentSize, ...partial };
    const header: WalHeader = {
      ...this.#commonHeader(),
      kind: 'wal',
      timeline,
      start: formatLsn(start),
      end: formatLsn(end),
      segmentSize,
      time: time.toISOString(),
      ...partial,
    };
    const key = this.#keyOf(wal);
    return this.#putOnce(key, header, bytes, async () => {
      const stored = await this.#reader.readAll(key, place, this.#options.signal);
      return stored.equals(bytes);
    });
  }

  /** Store a timeline's history file. Comments in it may differ between servers; it is the same when its lines are. */
  async putHistory(timeline: Timeline, content: Buffer, time: Date): Promise<WalStored> {
    const { source, systemId, signal } = this.#options;
    const header: HistoryHeader = { ...this.#commonHeader(), kind: 'history', timeline, time: time.toISOString() };
    const key = historyKey(source, systemId, timeline);
    return this.#putOnce(key, header, content, async () => {
      const stored = await this.#reader.readHistory(key, { source, systemId, timeline }, signal);
      return stored.equals(content);
    });
  }

  #commonHeader() {
    const { source, systemId } = this.#options;
    const cipher = this.#key ? ('aes-256-gcm' as const) : ('none' as const);
    const key = this.#key ? { key: this.#key.wrapped } : {};
    return { format: 'lifeboat/1' as const, cipher, serial: this.#serial++, source, systemId, ...key };
  }

  #keyOf({ timeline, start, end, partial }: WalToStore): string {
    const { source, systemId, segmentSize } = this.#options;
    const segment = segmentAt(timeline, start, segmentSize);
    const first = segmentStart(segment, segmentSize);
    const whole = start === first && end === segmentEnd(segment, segmentSize);
    const range = { from: Number(start - first), to: Number(end - first) };
    const object = partial
      ? ({ kind: 'partial', segment } as const)
      : whole
        ? ({ kind: 'segment', segment } as const)
        : ({ kind: 'chunk', segment, ...range } as const);
    return timelineFolder(source, systemId, timeline) + walObjectName(object, segmentSize);
  }

  async #putOnce(
    key: string,
    header: WalHeader | HistoryHeader,
    bytes: Buffer,
    isSame: () => Promise<boolean>,
  ): Promise<WalStored> {
    const { store, level, signal } = this.#options;
    const body = writeContainer(header, this.#key?.dataKey, [bytes], level);
    // a chunk would cost more to move than to keep, and its segment is stored, too, once it is full
    const tags = isSegment(key) ? { tags: coldTags } : {};
    const outcome = await store.put(key, body, { condition: 'absent', ...tags, ...(signal ? { signal } : {}) });
    if (outcome.stored) return 'stored';
    if (await isSame()) return 'already there';
    throw new WalBroken(`${key} is stored with other content, and stays as it is`, {
      operation: 'store wal',
      subject: key,
      hint:
        'two servers write WAL of the same system and timeline: give each cluster its own source, ' +
        'and promote a restored copy (it then has a timeline of its own)',
    });
  }
}

const isSegment = (key: string): boolean => /\/[0-9A-F]{24}$/.test(key);
