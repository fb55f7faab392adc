import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { coveredUntil } from '#catalog/wal-coverage';
import { readInventory, type WalInventory } from '#catalog/wal-inventory';
import { type Lsn, parseLsn } from '#model/lsn';
import type { Timeline } from '#model/timeline';
import { isSegmentName } from '#model/wal-segment';
import { type KeyRing, keyFileRing, masterKeyId } from '#pipeline/data-key';
import { fetchWalFile } from '#recovery/fetch-wal';
import { WalReader } from '#recovery/read-wal';
import { createDirectoryStore } from '#store/directory-store';
import type { ObjectStore } from '#store/object-store';
import type { TestServer } from './postgres-server.ts';

/** A directory as a bucket, and what a test wants to know about the WAL in it. */
export class WalBucket {
  readonly path: string;
  readonly store: ObjectStore;
  readonly keyRing: KeyRing | undefined;
  readonly reader: WalReader;

  static create(encryption: 'encrypted' | 'plain'): Promise<WalBucket> {
    const path = mkdtempSync(join(tmpdir(), 'lifeboat-bucket-'));
    return WalBucket.open(path, encryption === 'encrypted' ? randomBytes(32) : undefined);
  }

  static async open(path: string, key: Buffer | undefined): Promise<WalBucket> {
    const ring = key && keyFileRing([{ id: masterKeyId(key), key }]);
    return new WalBucket(path, await createDirectoryStore(path), ring);
  }

  private constructor(path: string, store: ObjectStore, keyRing: KeyRing | undefined) {
    this.path = path;
    this.store = store;
    this.keyRing = keyRing;
    this.reader = new WalReader(store, keyRing);
  }

  async keys(prefix = 'orders/wal/'): Promise<string[]> {
    const keys: string[] = [];
    for await (const { key } of this.store.list(prefix)) keys.push(key);
    return keys;
  }

  /** The names of the WAL objects, without their folders. */
  async names(): Promise<string[]> {
    return (await this.keys()).map((key) => key.split('/').at(-1)!);
  }

  async inventory(server: TestServer): Promise<WalInventory> {
    return readInventory(this.store, this.reader, 'orders', await systemId(server));
  }

  /** How far WAL is stored without a hole, along the way to a timeline. */
  async coveredUntil(server: TestServer, timeline: Timeline, from: Lsn): Promise<Lsn> {
    const inventory = await this.inventory(server);
    return coveredUntil(inventory, inventory.histories.get(timeline) ?? { timeline, ancestors: [] }, from).until;
  }

  /** The complete segments that differ from the server's own files, of those that it still has; and how many there are. */
  async compareSegments(server: TestServer): Promise<{ compared: number; different: string[] }> {
    const different: string[] = [];
    let compared = 0;
    const system = { systemId: await systemId(server), segmentSize: await segmentSize(server) };
    for (const name of (await this.names()).filter(isSegmentName)) {
      const to = join(this.path, 'compared');
      await fetchWalFile({ store: this.store, reader: this.reader, source: 'orders', ...system, name, to });
      const own = readIfThere(join(server.dataDir, 'pg_wal', name));
      if (!own) continue;
      compared++;
      if (!own.equals(readFileSync(to))) different.push(name);
    }
    return { compared, different };
  }

  remove(): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}

export const systemId = (server: TestServer): Promise<string> =>
  server.value('select system_identifier::text from pg_control_system()');

export const segmentSize = async (server: TestServer): Promise<number> =>
  Number(await server.value("select setting::bigint::text from pg_settings where name = 'wal_segment_size'"));

export const currentLsn = async (server: TestServer): Promise<Lsn> =>
  parseLsn(await server.value('select pg_current_wal_flush_lsn()'));

function readIfThere(path: string): Buffer | undefined {
  try {
    return readFileSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
