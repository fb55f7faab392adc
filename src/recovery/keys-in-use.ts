import { createHash } from 'node:crypto';
import { findBackups, readBackup } from '#catalog/backups';
import { findDumps, readDump } from '#catalog/dumps';
import type { BackupId } from '#model/backup-id';
import type { DumpId } from '#model/dump-id';
import type { DumpManifest } from '#model/dump-manifest';
import { InputInvalid, ObjectDamaged, ObjectMissing, StoreRefused } from '#model/failure';
import { parseObjectKey, type ReadBackObject } from '#model/object-key';
import { dataKeyContext, type WrappedKey } from '#model/wrapped-key';
import { run } from '#pipeline/run';
import { walKeyContext } from '#pipeline/wal-header';
import { WalReader } from '#recovery/read-wal';
import { dumpManifestKey, manifestKey, walFolder } from '#store/bucket-layout';
import type { ObjectStore, StoredObject } from '#store/object-store';

/** A data key as it stands in a manifest, or in the headers of WAL. */
export interface KeyInUse {
  wrapped: WrappedKey;
  context: string;
  /** whose it is; neither of them: of WAL */
  backup?: BackupId;
  dump?: DumpId;
  /** an object that is encrypted with it, or the manifest that it stands in */
  at: string;
}

export interface KeySearch {
  source: string;
  /** only this backup, and no dumps */
  backup?: BackupId | undefined;
  /** and dumps */
  backups: boolean;
  wal: boolean;
  signal: AbortSignal;
  /** called once for each data key, several at a time */
  onKey(key: KeyInUse): Promise<void>;
  /** an object whose data key nobody can tell, and why */
  onUnread(key: string, problem: string): void;
  /** how many objects were looked at since the last call */
  onObjects(count: number): void;
}

/** Headers are small and each is a request: many at a time. */
const lanes = 32;
/** So many objects that the store refuses to give, and none that it gives, are no matter of objects. */
const refusalsToGiveUp = 100;

/**
 * Every data key that a source's backups, dumps and WAL need. Backups come out of the catalog, dumps are one request each; WAL is
 * read header by header, one request for each object, since any of them may have a key of its own.
 * @throws StoreRefused when nothing can be read; StoreUnavailable
 */
export async function visitKeys(store: ObjectStore, search: KeySearch): Promise<void> {
  if (search.backups) await visitBackups(store, search);
  if (search.backups && search.backup === undefined) await visitDumps(store, search);
  if (search.wal) await visitWal(store, search);
}

async function visitBackups(store: ObjectStore, search: KeySearch): Promise<void> {
  const { source, backup: only } = search;
  const found = only
    ? [{ state: 'committed' as const, id: only, summary: await readBackup(store, source, only) }]
    : await findBackups(store, source);
  for (const backup of found) {
    search.signal.throwIfAborted();
    search.onObjects(1);
    const at = manifestKey(source, backup.id);
    if (backup.state === 'unreadable') search.onUnread(at, backup.failure.message);
    const wrapped = backup.state === 'committed' ? backup.summary.encryption?.key : undefined;
    const context = dataKeyContext({ source, for: backup.id });
    if (wrapped) await search.onKey({ wrapped, context, backup: backup.id, at });
  }
}

async function visitDumps(store: ObjectStore, { source, signal, ...search }: KeySearch): Promise<void> {
  for (const found of await findDumps(store, source)) {
    signal.throwIfAborted();
    search.onObjects(1);
    const at = dumpManifestKey(source, found.id);
    if (found.state === 'unreadable') search.onUnread(at, found.failure.message);
    const manifest = found.state === 'committed' ? await readIfThere(store, source, found.id) : undefined;
    const wrapped = manifest?.encryption?.key;
    const context = dataKeyContext({ source, for: found.id });
    if (wrapped) await search.onKey({ wrapped, context, dump: found.id, at });
  }
}

/** undefined: it expired meanwhile */
async function readIfThere(store: ObjectStore, source: string, id: DumpId): Promise<DumpManifest | undefined> {
  try {
    return await readDump(store, source, id);
  } catch (failure) {
    if (failure instanceof ObjectMissing || failure instanceof InputInvalid) return undefined;
    throw failure;
  }
}

async function visitWal(store: ObjectStore, search: KeySearch): Promise<void> {
  const visitor = new WalVisitor(store, search);
  await run(search.signal, (signal) => {
    const objects = store.list(walFolder(search.source), { signal })[Symbol.asyncIterator]();
    return Array.from({ length: lanes }, () => visitor.visitAll(objects, signal));
  });
}

class WalVisitor {
  readonly #reader: WalReader;
  readonly #search: KeySearch;
  /** digests of the keys that were told */
  readonly #told = new Set<string>();
  #read = 0;
  #refused = 0;

  constructor(store: ObjectStore, search: KeySearch) {
    this.#reader = new WalReader(store, undefined);
    this.#search = search;
  }

  async visitAll(objects: AsyncIterator<StoredObject>, signal: AbortSignal): Promise<void> {
    for (let next = await objects.next(); !next.done; next = await objects.next()) {
      signal.throwIfAborted();
      const object = parseObjectKey(next.value.key);
      if (object && object.kind !== 'manifest') await this.#visit(object, signal);
      this.#search.onObjects(1);
    }
  }

  async #visit(object: Exclude<ReadBackObject, { kind: 'manifest' }>, signal: AbortSignal): Promise<void> {
    const { key: at, source, systemId } = object;
    try {
      const header = await this.#reader.header(at, signal);
      this.#read++;
      if (header.cipher === 'none') return;
      if (header.source !== source || header.systemId !== systemId || !header.key) {
        return this.#search.onUnread(at, `${at} has a header of something else`);
      }
      await this.#tell({ wrapped: header.key, context: walKeyContext(source, systemId), at });
    } catch (failure) {
      if (failure instanceof ObjectMissing) return; // it expired meanwhile
      if (failure instanceof ObjectDamaged) return this.#search.onUnread(at, failure.message);
      if (!(failure instanceof StoreRefused) || this.#nothingCanBeRead()) throw failure;
      this.#search.onUnread(at, failure.message); // it is in an archive class, mostly
    }
  }

  async #tell(key: KeyInUse): Promise<void> {
    // 16 bytes for each: WAL that was pushed has a data key for each segment
    const digest = createHash('sha256')
      .update(`${key.context} ${key.wrapped.wrapped}`)
      .digest()
      .toString('latin1', 0, 16);
    if (this.#told.has(digest)) return;
    this.#told.add(digest);
    await this.#search.onKey(key);
  }

  #nothingCanBeRead(): boolean {
    return ++this.#refused >= refusalsToGiveUp && this.#read === 0;
  }
}
