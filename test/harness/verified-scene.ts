import { randomBytes } from 'node:crypto';
import { advance, formatLsn, type Lsn, lsn } from '#model/lsn';
import { parseObjectKey, type ReadBackObject } from '#model/object-key';
import { type KeyRing, keyFileRing, masterKeyId } from '#pipeline/data-key';
import type { ObjectStore } from '#store/object-store';
import { WalWriter } from '#tasks/wal-writer';

export const sceneSource = 'orders';
export const sceneSystem = '7710121666982256801';
export const sceneSegment = 1 << 20;

/** `position(3, 0x100)`: 256 bytes into the third segment */
export const position = (segment: number, offset = 0): Lsn =>
  lsn(BigInt(segment) * BigInt(sceneSegment) + BigInt(offset));

export function someKeyRing(): KeyRing {
  const key = randomBytes(32);
  return keyFileRing([{ id: masterKeyId(key), key }]);
}

/** Stores WAL that is none inside, but well stored: whoever reads it back finds the bytes, and no commits. */
export class StoredWal {
  readonly #writers = new Map<number, Promise<WalWriter>>();
  readonly #store: ObjectStore;
  readonly #keyRing: KeyRing | undefined;

  constructor(store: ObjectStore, keyRing?: KeyRing) {
    this.#store = store;
    this.#keyRing = keyRing;
  }

  /** Answers the object. */
  async put(from: Lsn, to: Lsn, time: Date, timeline = 1): Promise<ReadBackObject> {
    const writer = await this.#writer();
    const bytes = Buffer.alloc(Number(to - from), 5);
    await writer.put({ timeline, start: from, end: to, bytes, time });
    return this.#find(from, to, timeline);
  }

  async putHistory(timeline: number, content: string): Promise<ReadBackObject> {
    const writer = await this.#writer();
    await writer.putHistory(timeline, Buffer.from(content), new Date());
    const name = timeline.toString(16).toUpperCase().padStart(8, '0');
    return parseObjectKey(`${sceneSource}/wal/${sceneSystem}/${name}.history`)!;
  }

  #writer(): Promise<WalWriter> {
    const known = this.#writers.get(0);
    if (known) return known;
    const writer = WalWriter.create({
      store: this.#store,
      keyRing: this.#keyRing,
      source: sceneSource,
      systemId: sceneSystem,
      segmentSize: sceneSegment,
      level: 1,
    });
    this.#writers.set(0, writer);
    return writer;
  }

  #find(from: Lsn, to: Lsn, timeline: number): ReadBackObject {
    const hex = (value: bigint | number) => value.toString(16).toUpperCase().padStart(8, '0');
    const segment = from / BigInt(sceneSegment);
    const start = segment * BigInt(sceneSegment);
    const perLog = 0x1_0000_0000n / BigInt(sceneSegment);
    const name = hex(timeline) + hex(segment / perLog) + hex(segment % perLog);
    const whole = from === start && to === advance(lsn(start), sceneSegment);
    const range = whole ? '' : `.${hex(from - start)}-${hex(to - start)}`;
    const object = parseObjectKey(`${sceneSource}/wal/${sceneSystem}/${hex(timeline)}/${name}${range}`);
    if (!object) throw new Error(`no object of ${formatLsn(from)}`);
    return object;
  }
}

/** The same store in which one object's bytes are read otherwise, as often as told. */
export function damagedStore(store: ObjectStore, key: string, times = Number.POSITIVE_INFINITY): ObjectStore {
  let left = times;
  return new Proxy(store, {
    get(target, name: keyof ObjectStore) {
      const member = target[name];
      if (typeof member !== 'function') return member;
      if (name !== 'get') return member.bind(target);
      return async (...args: Parameters<ObjectStore['get']>) => {
        const read = await target.get(...args);
        if (args[0] !== key || args[1]?.range !== undefined || left-- <= 0) return read;
        return { ...read, body: flipLast(read.body) };
      };
    },
  });
}

async function* flipLast(body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const bytes = Buffer.concat(await Array.fromAsync(body));
  bytes[bytes.length - 3]! ^= 1;
  yield bytes;
}
