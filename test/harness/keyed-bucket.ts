import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { catalogBackup, commitBackup, readBackup } from '#catalog/backups';
import { type BackupId, parseBackupId } from '#model/backup-id';
import { parseManifest } from '#model/manifest';
import { parseObjectKey } from '#model/object-key';
import { type Plan, parsePlan } from '#model/plan';
import { type DataKey, keyFileRing, masterKeyId, type WrappingRing } from '#pipeline/data-key';
import { openBackup } from '#recovery/open-backup';
import { verifyObject } from '#recovery/verify-object';
import { kmsKeyRing } from '#runtime/kms-key-ring';
import { openBucket, openStoreAt } from '#runtime/open-bucket';
import type { ObjectStore } from '#store/object-store';
import { type Ended, startLifeboat } from './run-lifeboat.ts';
import { type StrictKms, startStrictKms } from './strict-kms-server.ts';
import { type StrictS3, startStrictS3 } from './strict-s3-server.ts';
import { position, StoredWal } from './verified-scene.ts';

const goldenManifest = readFileSync(new URL('../golden/manifest.json', import.meta.url), 'utf8');

/**
 * The source `orders` in an S3 bucket, beside it KMS: manifests of backups and WAL under data keys that a test wraps as
 * it likes, and plans that name one key or another. What the backups hold does not matter to keys, and is not there.
 */
export class KeyedBucket {
  readonly folder = mkdtempSync(join(tmpdir(), 'lifeboat-keys-'));
  readonly s3: StrictS3;
  readonly kms: StrictKms;
  readonly store: ObjectStore;
  readonly #dataKeys = new Map<BackupId, DataKey>();
  #segment = 1;

  static async create(): Promise<KeyedBucket> {
    const s3 = await startStrictS3({ bucket: 'backups' });
    const kms = await startStrictKms(s3.credentials);
    return new KeyedBucket(s3, kms, await openStoreAt('s3://backups', s3.environment));
  }

  private constructor(s3: StrictS3, kms: StrictKms, store: ObjectStore) {
    this.s3 = s3;
    this.kms = kms;
    this.store = store;
  }

  get environment(): Record<string, string> {
    return { ...this.kms.environment(), ...this.s3.environment };
  }

  /** A new key file with one key, and what wraps by it. */
  keyFile(name: string): { path: string; id: string; ring: WrappingRing } {
    const key = randomBytes(32);
    const path = join(this.folder, name);
    writeFileSync(path, `lifeboat-key-1:${key.toString('base64')}\n`, { mode: 0o600 });
    const id = masterKeyId(key);
    return { path, id, ring: keyFileRing([{ id, key }]) };
  }

  kmsRing(arn: string): WrappingRing {
    return kmsKeyRing(arn, this.environment);
  }

  /** A plan's path; `encryption` as it stands there: `{ keyFile: … }` */
  plan(encryption: string, sources = ['orders']): string {
    const path = join(this.folder, `plan-${createHash('sha256').update(encryption).digest('hex').slice(0, 8)}.yml`);
    writeFileSync(path, planText(encryption, sources));
    return path;
  }

  async addBackup(id: string, ring: WrappingRing | undefined): Promise<void> {
    const made = await ring?.create(`orders/${id}`);
    const content = {
      ...JSON.parse(goldenManifest),
      backup: id,
      kind: 'full',
      parent: null,
      encryption: made ? { cipher: 'aes-256-gcm', key: made.wrapped } : null,
    };
    const manifest = parseManifest(JSON.stringify(content), id);
    await commitBackup(this.store, manifest);
    await catalogBackup(this.store, manifest);
    if (made) this.#dataKeys.set(manifest.backup, made.dataKey);
  }

  /** WAL of one process: so many chunks, all under one data key. Their keys. */
  async addWal(ring: WrappingRing | undefined, chunks = 2): Promise<string[]> {
    const wal = new StoredWal(this.store, ring);
    const segment = this.#segment++;
    const put = async (_: unknown, chunk: number) =>
      (await wal.put(position(segment, 256 * chunk), position(segment, 256 * (chunk + 1)), new Date())).key;
    return Promise.all(Array.from({ length: chunks }, put));
  }

  async addHistory(ring: WrappingRing): Promise<void> {
    await new StoredWal(this.store, ring).putHistory(2, '1\t0/3000000\tpromoted\n');
  }

  /** What cannot be read by who has the keys of this encryption and nothing else: keys of manifests and WAL. */
  async unreadableWith(encryption: string): Promise<string[]> {
    const plan: Plan = parsePlan(planText(encryption, ['orders']), 'plan.yml');
    const vault = await openBucket(plan, this.environment);
    const unreadable: string[] = [];
    for await (const { key } of this.store.list('orders/')) {
      const object = parseObjectKey(key);
      if (!object) continue;
      const read = async (): Promise<boolean> => {
        if (object.kind !== 'manifest') {
          const found = await verifyObject(vault, object, {
            now: () => new Date(),
            signal: AbortSignal.timeout(60_000),
          });
          return found?.ok ?? false;
        }
        const dataKey = await openBackup(vault, await readBackup(this.store, 'orders', object.backup)).dataKey();
        return dataKey?.equals(this.#dataKeys.get(object.backup)!) ?? false;
      };
      if (!(await read().catch(() => false))) unreadable.push(key);
    }
    return unreadable;
  }

  /** The SHA-256 of everything that is stored, by key. */
  digests(): Map<string, string> {
    return new Map(
      [...this.s3.bucket.objects].map(([key, { bytes }]) => [key, createHash('sha256').update(bytes).digest('hex')]),
    );
  }

  /** The keys of all re-wraps. */
  rewraps(): string[] {
    return [...this.s3.bucket.objects.keys()].filter((key) => key.startsWith('orders/keys/')).sort();
  }

  lifeboat(plan: string, ...args: string[]): Promise<Ended> {
    return this.start(plan, ...args).ended;
  }

  start(plan: string, ...args: string[]): ReturnType<typeof startLifeboat> {
    return startLifeboat([...args, '--plan', plan], { cwd: this.folder, env: this.environment });
  }

  async close(): Promise<void> {
    await Promise.all([this.s3.close(), this.kms.close()]);
    rmSync(this.folder, { recursive: true, force: true });
  }
}

const planText = (encryption: string, sources: readonly string[]): string =>
  [
    'bucket: s3://backups',
    `encryption: ${encryption}`,
    'sources:',
    ...sources.map((name) => `  ${name}: { connection: { host: localhost, user: lifeboat } }`),
    '',
  ].join('\n');

/** `20261120T051345000Z-full`, `20261121T…`: one for each day */
export const backupOfDay = (day: number): BackupId =>
  parseBackupId(`202611${String(day).padStart(2, '0')}T051345000Z-full`).id;
