import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { catalogBackup, commitBackup } from '#catalog/backups';
import { type BackupId, type BackupKind, backupId } from '#model/backup-id';
import { advance, formatLsn, type Lsn, lsn } from '#model/lsn';
import type { Manifest } from '#model/manifest';
import { type Plan, parsePlan } from '#model/plan';
import { formatTimeline } from '#model/timeline';
import type { Vault } from '#recovery/open-backup';
import type { FunctionWorld } from '#runtime/function-world';
import { backupObjectKey } from '#store/bucket-layout';
import { createDirectoryStore } from '#store/directory-store';
import type { ObjectStore } from '#store/object-store';
import { WalWriter as WalStore } from '#tasks/wal-writer';
import { mainDataBody, WalWriter } from '../postgres/wal-writer.ts';

/** Microseconds between 1970 and PostgreSQL's epoch. */
const epochMicros = 946_684_800_000_000n;
const segmentSize = 1 << 20;

export interface BackupOptions {
  kind?: BackupKind;
  parent?: Manifest;
  execution?: string;
  /** false: the WAL that it needs is not stored */
  wal?: boolean;
  /** another one of the plan, which has no WAL */
  source?: string;
}

/**
 * A bucket in a directory, as backups and WAL of a server would have filled it that nobody has to run: committed
 * manifests, and WAL whose records can be read. Time goes on by itself, a minute with each thing that is done.
 */
export class StoredSource {
  readonly folder: string;
  readonly store: ObjectStore;
  readonly plan: Plan;
  readonly name: string;
  now = new Date(Math.floor(Date.now() / 1000) * 1000);
  /** of functions */
  environment: Record<string, string> = {};
  /** what moves of the plan's groups reach, instead of servers */
  moves: Pick<FunctionWorld, 'siteServers' | 'movables'> = {};
  readonly #wal = new WalWriter(0x300000n);
  readonly #archive: WalStore;
  readonly #vault: Vault;
  #storedBytes = 0;

  /** `more`: lines of the plan; `vault`: instead of a directory, and of WAL in clear */
  static async create({
    sources = ['main'],
    more = '',
    vault,
  }: {
    sources?: string[];
    more?: string;
    vault?: Vault;
  } = {}): Promise<StoredSource> {
    const folder = mkdtempSync(join(tmpdir(), 'lifeboat-stored-'));
    const bucket = join(folder, 'bucket');
    mkdirSync(bucket);
    const store = vault?.store ?? (await createDirectoryStore(bucket));
    const listed = sources.map((name) => `  ${name}:\n    connection: { host: localhost, user: backup }\n`).join('');
    const plan = parsePlan(`bucket: ${bucket}\nencryption: none\nsources:\n${listed}${more}`, 'plan.yml');
    const [source] = sources;
    const systemId = '7710121666982256801';
    const archive = await WalStore.create({
      store,
      keyRing: vault?.keyRing,
      source: source!,
      systemId,
      segmentSize,
      level: 1,
    });
    return new StoredSource({ folder, vault: { store, keyRing: vault?.keyRing }, plan, name: source!, archive });
  }

  private constructor(made: { folder: string; vault: Vault; plan: Plan; name: string; archive: WalStore }) {
    this.folder = made.folder;
    this.#vault = made.vault;
    this.store = made.vault.store;
    this.plan = made.plan;
    this.name = made.name;
    this.#archive = made.archive;
  }

  get world(): FunctionWorld {
    return {
      plan: this.plan,
      vault: this.#vault,
      environment: this.environment,
      now: () => this.now,
      ...this.moves,
    } as FunctionWorld;
  }

  pass(minutes: number): void {
    this.now = new Date(this.now.getTime() + minutes * 60_000);
  }

  /** Where the WAL that is written ends. */
  get end(): Lsn {
    return lsn(this.#wal.start + BigInt(this.#wal.bytes.length));
  }

  /** A transaction commits, and its WAL is stored. Answers its xid, record and time in microseconds. */
  async commit(): Promise<{ xid: number; lsn: Lsn; micros: bigint }> {
    this.pass(1);
    const xid = 1000 + this.#wal.lsns.length;
    const micros = BigInt(this.now.getTime()) * 1000n;
    const time = Buffer.alloc(8);
    time.writeBigInt64LE(micros - epochMicros);
    this.#wal.write({ resourceManager: 1, info: 0x00, xid, body: mainDataBody(time) });
    await this.#storeWal();
    return { xid, lsn: lsn(this.#wal.lsns.at(-1)!), micros };
  }

  /** What nobody reads is written, until it has begun another segment. */
  async fillSegment(): Promise<void> {
    const segment = this.end / BigInt(segmentSize);
    while (this.end / BigInt(segmentSize) === segment) {
      this.#wal.write({ resourceManager: 10, info: 0x00, body: mainDataBody(Buffer.alloc(50_000)) });
    }
    await this.#storeWal();
  }

  /** A backup is taken and committed; with `wal: false` without the WAL that it needs. */
  async backup(options: BackupOptions = {}): Promise<Manifest> {
    this.pass(1);
    const begun = this.now;
    const id = backupId(begun, options.kind ?? 'full');
    const from = this.end;
    // what stands for the records of a backup: a checkpoint, and at its end one that tells where it began
    this.#wal.write({ resourceManager: 0, info: 0x20, body: mainDataBody(Buffer.alloc(16)) });
    this.#wal.write({ resourceManager: 0, info: 0x50, body: mainDataBody(Buffer.alloc(8)) });
    this.pass(1);
    if (options.wal !== false) await this.#storeWal();
    const manifest = this.#manifest(id, options, { from, begun });
    for (const { name, storedBytes } of [manifest.index, manifest.serverManifest, ...manifest.parts])
      await this.store.put(backupObjectKey(manifest.source, id, name), Buffer.alloc(storedBytes));
    await commitBackup(this.store, manifest);
    await catalogBackup(this.store, manifest);
    return manifest;
  }

  async #storeWal(): Promise<void> {
    while (this.#storedBytes < this.#wal.bytes.length) {
      const start = advance(lsn(this.#wal.start), this.#storedBytes);
      const left = segmentSize - Number(start % BigInt(segmentSize));
      const bytes = this.#wal.bytes.subarray(this.#storedBytes, this.#storedBytes + left);
      await this.#archive.put({ timeline: 1, start, end: advance(start, bytes.length), bytes, time: this.now });
      this.#storedBytes += bytes.length;
    }
  }

  /** Everything of a timeline's WAL that was stored goes. */
  async loseWal(): Promise<void> {
    const folder = `${this.name}/wal/${this.#archive.systemId}/${formatTimeline(1)}/`;
    const keys: string[] = [];
    for await (const { key } of this.store.list(folder)) keys.push(key);
    for (const key of keys) await this.store.delete(key);
  }

  #manifest(
    id: BackupId,
    { kind = 'full', parent, execution, source = this.name }: BackupOptions,
    { from, begun }: { from: Lsn; begun: Date },
  ): Manifest {
    const sha256 = createHash('sha256').update(id).digest('hex');
    const parts = [0, 1, 2].map((part) => ({
      name: `base.tar.00000${part}`,
      archive: 'base',
      part,
      rawBytes: 1000,
      storedBytes: 300,
      sha256,
    }));
    return {
      format: 'lifeboat/1',
      source,
      backup: id,
      kind,
      parent: parent?.backup ?? null,
      server: {
        version: '18.4',
        major: 18,
        systemId: this.#archive.systemId,
        segmentSize,
        blockSize: 8192,
        dataChecksums: true,
        superuser: 'postgres',
      },
      start: { lsn: formatLsn(from), timeline: 1, time: begun.toISOString() },
      stop: { lsn: formatLsn(this.end), timeline: 1, time: this.now.toISOString() },
      tablespaces: [{ oid: '16400', location: '/srv/fast' }],
      parts,
      index: { name: 'index.jsonl', storedBytes: 10, sha256 },
      serverManifest: { name: 'backup_manifest.json', storedBytes: 10, sha256 },
      rawBytes: 3000,
      storedBytes: 920,
      compression: { codec: 'zstd', level: 3 },
      encryption: null,
      finishedAt: this.now.toISOString(),
      requestedBy: 'test',
      execution: execution ?? null,
    };
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}
