import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmodSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { readBackup } from '#catalog/backups';
import { type BackupKind, backupId } from '#model/backup-id';
import { formatLsn, type Lsn, parseLsn } from '#model/lsn';
import type { Manifest } from '#model/manifest';
import { parseTarget, type TargetInput } from '#model/recovery-target';
import { type KeyRing, keyFileRing, masterKeyId } from '#pipeline/data-key';
import { preparePlan } from '#recovery/prepare-plan';
import { planLayout } from '#recovery/restore-layout';
import { recordName } from '#recovery/restore-record';
import { shellCommand } from '#recovery/settings';
import { tryFetch } from '#recovery/try-fetch';
import { createDirectoryStore } from '#store/directory-store';
import type { ObjectStore } from '#store/object-store';
import { type BaseBackupResult, type BaseBackupWork, takeBaseBackup } from '#tasks/base-backup';
import { collectWal } from '#tasks/collect-wal';
import { receiveWal } from '#tasks/receive-wal';
import { type RestoreRecord, restore } from '#tasks/restore';
import { serverAccount } from './postgres-installations.ts';
import { serverFolder, TestServer } from './postgres-server.ts';
import { type Ended, lifeboatProgram, runLifeboat } from './run-lifeboat.ts';

export interface RestoreOptions {
  /** old location=new location */
  tablespaces?: string[];
  /** threads that restore parts */
  workers?: number;
  /** a place that is there already; without it a fresh one is made */
  dataDir?: string;
  setAside?: boolean;
  signal?: AbortSignal;
}

export interface Receiver {
  /** Settles when all WAL up to a position, by default up to what the server has written, is stored. */
  hasStored(position?: Lsn): Promise<void>;
  /** Stores what has arrived, and ends. */
  end(): Promise<void>;
}

/**
 * A source named `orders` with its server, its encrypted bucket and its plan, in a folder that the server's account can
 * read: backups, WAL and restores as the product makes them, in this process or by the program.
 */
export class ProtectedSource {
  readonly server: TestServer;
  readonly folder: string;
  readonly bucket: string;
  readonly planPath: string;
  readonly vault: { store: ObjectStore; keyRing: KeyRing };
  readonly #cleanups: (() => unknown)[] = [];

  static async create(...how: Parameters<typeof TestServer.create>): Promise<ProtectedSource> {
    return ProtectedSource.of(await TestServer.create(...how));
  }

  static async of(server: TestServer): Promise<ProtectedSource> {
    const folder = serverFolder('lifeboat-source-');
    const bucket = join(folder, 'bucket');
    mkdirSync(bucket);
    const key = randomBytes(32);
    const keyRing = keyFileRing([{ id: masterKeyId(key), key }]);
    writeFileSync(join(folder, 'key'), `lifeboat-key-1:${key.toString('base64')}\n`);
    chmodSync(join(folder, 'key'), 0o600);
    const source = new ProtectedSource(server, folder, { store: await createDirectoryStore(bucket), keyRing });
    source.giveToServer();
    return source;
  }

  private constructor(server: TestServer, folder: string, vault: ProtectedSource['vault']) {
    this.server = server;
    this.folder = folder;
    this.bucket = join(folder, 'bucket');
    this.planPath = join(folder, 'plan.yml');
    this.vault = vault;
    const { host, port, user, database } = server.connection;
    writeFileSync(
      this.planPath,
      [
        `bucket: ${this.bucket}`,
        `encryption: { keyFile: ${join(folder, 'key')} }`,
        'sources:',
        `  orders: { connection: { host: ${host}, port: ${port}, user: ${user}, database: ${database} } }`,
        '',
      ].join('\n'),
    );
  }

  /** What we stored belongs to us; the commands that a restored server runs have to read it. */
  giveToServer(): void {
    if (!serverAccount) return;
    const { uid, gid } = serverAccount;
    const given = spawnSync('chown', ['-R', `${uid}:${gid}`, this.folder]);
    // A receiver may be at work: its temporary files come and go.
    if (given.status !== 0 && !/No such file/.test(String(given.stderr))) throw new Error(String(given.stderr));
  }

  /** What `takeBaseBackup` wants, changed as a test wants it. */
  backupWork(kind: BackupKind, over: Partial<BaseBackupWork> = {}): BaseBackupWork {
    const { store, keyRing } = { ...this.vault, ...over };
    const { connection } = this.server;
    return {
      source: 'orders',
      kind,
      store,
      keyRing,
      connection,
      level: 1,
      lanes: 2,
      wal: collectWal({ source: 'orders', store, keyRing, connection, level: 1 }),
      requestedBy: 'test',
      execution: null,
      startedAt: new Date(),
      signal: new AbortController().signal,
      onProgress: () => undefined,
      onWarning: () => undefined,
      ...over,
    };
  }

  async backup(kind: BackupKind, over: Partial<BaseBackupWork> = {}): Promise<BaseBackupResult> {
    return takeBaseBackup(this.backupWork(kind, over));
  }

  /** Is there a manifest for a backup that began at this instant? */
  async isCommitted(startedAt: Date, kind: BackupKind): Promise<boolean> {
    const key = `orders/backups/${backupId(startedAt, kind)}/manifest.json`;
    return (await this.vault.store.head(key)) !== undefined;
  }

  /** Stores a server's WAL from now on; one at a time. */
  async receive(server = this.server, slot = 'lifeboat'): Promise<Receiver> {
    const controller = new AbortController();
    const begun = Promise.withResolvers<void>();
    let storedTo = 0n;
    const ended = receiveWal({
      source: 'orders',
      ...this.vault,
      connectOptions: async () => server.connection,
      slot,
      walChunkSeconds: 0.1,
      level: 1,
      lease: { holder: { host: 'test', pid: process.pid } },
      signal: controller.signal,
      log(event) {
        if (event.kind === 'receiving') begun.resolve();
        if (event.kind === 'stored' && event.end > storedTo) storedTo = event.end;
      },
    });
    ended.catch(begun.reject); // end() reports it, too
    this.#cleanups.push(() => controller.abort());
    await begun.promise;
    return {
      async hasStored(position) {
        const wanted = position ?? parseLsn(await server.value('select pg_current_wal_flush_lsn()'));
        const giveUpAt = performance.now() + 15_000;
        while (storedTo < wanted) {
          if (performance.now() > giveUpAt) throw new Error(`WAL up to ${formatLsn(wanted)} was not stored in 15 s`);
          await Promise.race([sleep(20), ended]);
        }
      },
      end() {
        controller.abort();
        return ended;
      },
    };
  }

  /** The environment of the commands that restored servers run. */
  get environment(): Record<string, string> {
    return { PATH: process.env.PATH ?? '', NODE_COMPILE_CACHE: join(this.folder, 'compiled') };
  }

  plan(target: TargetInput) {
    return preparePlan(this.vault, 'orders', parseTarget(target), new AbortController().signal);
  }

  /** Plan and carry out a restore with a server of the source's own version; the cluster that came of it, stopped. */
  async restore(target: TargetInput, options: RestoreOptions = {}): Promise<Restored> {
    this.giveToServer();
    const { plan, hash } = await this.plan(target);
    const chain = await Promise.all(plan.chain.map((id) => readBackup(this.vault.store, 'orders', id)));
    const newest = chain.at(-1) as Manifest;
    const dataDir = options.dataDir ?? this.freshDataDir();
    const words = [process.execPath, lifeboatProgram, 'wal-fetch', '--plan', this.planPath];
    words.push('--source', 'orders', '--until', formatLsn(plan.wal.until));
    const log: string[] = [];
    const { environment } = this;
    const record = await restore({
      vault: this.vault,
      location: this.bucket,
      environment,
      plan,
      planHash: hash,
      chain,
      layout: planLayout(dataDir, newest.tablespaces, options.tablespaces ?? []),
      setAside: options.setAside ?? false,
      ...(serverAccount ? { account: serverAccount } : {}),
      binDir: this.server.installation.binDir,
      settings: {},
      restoreCommand: shellCommand(words, '%f %p'),
      checkFetch: () => tryFetch(words, plan, newest, serverAccount, environment),
      checks: [],
      workers: options.workers ?? 1,
      requestedBy: 'test',
      approvedBy: null,
      execution: null,
      now: () => new Date(),
      signal: options.signal ?? new AbortController().signal,
      onProgress: () => undefined,
      onLog: (line) => log.push(line),
    });
    return this.#adopt(dataDir, record);
  }

  /** `lifeboat restore` as a process. */
  async restoreByProgram(target: readonly string[]): Promise<{ ended: Ended; restored: Restored | undefined }> {
    this.giveToServer();
    const dataDir = this.freshDataDir();
    const { binDir } = this.server.installation;
    const runAs = serverAccount ? ['--run-as', 'nobody'] : [];
    const ended = await this.run(['restore', '--to', dataDir, '--bin-dir', binDir, ...runAs, ...target, '--json']);
    const restored = ended.exitCode === 0 ? this.#adopt(dataDir, readRecord(dataDir)) : undefined;
    return { ended, restored };
  }

  /** `lifeboat` with this source's plan. */
  run(args: readonly string[]): Promise<Ended> {
    return runLifeboat([...args, '--plan', this.planPath], { env: this.environment });
  }

  freshDataDir(): string {
    const folder = serverFolder('lifeboat-restored-');
    this.#cleanups.push(() => rmSync(folder, { recursive: true, force: true }));
    return join(folder, 'data');
  }

  #adopt(dataDir: string, record: RestoreRecord): Restored {
    const server = TestServer.adopt(this.server.installation, dataDir);
    this.#cleanups.push(() => server.remove());
    return { record, server, dataDir };
  }

  async remove(): Promise<void> {
    for (const cleanup of this.#cleanups.reverse()) await cleanup();
    await this.server.remove();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

export interface Restored {
  record: RestoreRecord;
  /** not started yet */
  server: TestServer;
  dataDir: string;
}

/** What a restore left in the data directory about itself. */
export const readRecord = (dataDir: string): RestoreRecord =>
  JSON.parse(readFileSync(join(dataDir, recordName), 'utf8'));
