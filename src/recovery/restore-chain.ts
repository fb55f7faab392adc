import {
  chownSync,
  existsSync,
  lchownSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import type { Manifest } from '#model/manifest';
import type { PartRecord } from '#pipeline/part-record';
import { run } from '#pipeline/run';
import { withoutIncrementalLines } from '#postgres/backup-label';
import type { Account } from '#postgres/server-process';
import { type MappedTablespace, printTablespaceMap } from '#postgres/tablespace-map';
import { openBackup, type Vault } from '#recovery/open-backup';
import type { RestoreLayout } from '#recovery/restore-layout';
import { type PartJob, partJobs } from '#recovery/restore-part';
import { recordName } from '#recovery/restore-record';
import { heldBack, restoredPath } from '#recovery/write-archive';

/** Restores one part somewhere else (a worker thread); several may be under way. */
export interface PartRestorer {
  /** how many jobs it can do at the same time */
  readonly width: number;
  perform(manifest: Manifest, job: PartJob, signal: AbortSignal): Promise<void>;
}

export interface ChainWork {
  vault: Vault;
  /** the full backup first, then each incremental on its parent */
  chain: readonly Manifest[];
  layout: RestoreLayout;
  account?: Account;
  restorer: PartRestorer;
  signal: AbortSignal;
}

/**
 * Lays down a cluster as it was copied: the full backup, then the changed blocks of each incremental written straight
 * into its files, so that the chain never lies on the disk twice. Afterwards only what the newest backup has is there.
 * Without pg_control: see releaseControlFile.
 */
export async function restoreChain(work: ChainWork): Promise<void> {
  const newest = work.chain.at(-1)!;
  const members = new MemberSet();
  for (const manifest of work.chain) {
    const parts = openBackup(work.vault, manifest).parts();
    const jobs = partJobs(manifest === newest ? members.recording(parts) : parts);
    await restoreBackup(work, manifest, jobs);
  }
  if (work.chain.length > 1) {
    removeOthers(work.layout, members);
    adapt(join(work.layout.dataDir, 'backup_label'), withoutIncrementalLines);
  }
  linkTablespaces(work);
}

async function restoreBackup(work: ChainWork, manifest: Manifest, jobs: AsyncGenerator<PartJob>): Promise<void> {
  await run(work.signal, (signal) =>
    Array.from({ length: work.restorer.width }, async () => {
      // Generators queue concurrent next() calls: each worker gets the next job that nobody has.
      for (let next = await jobs.next(); !next.done; next = await jobs.next()) {
        signal.throwIfAborted();
        await work.restorer.perform(manifest, next.value, signal);
      }
    }),
  );
}

/** The last step: from now on PostgreSQL can be started on the directory. */
export function releaseControlFile(dataDir: string): void {
  renameSync(join(dataDir, heldBack.name), join(dataDir, heldBack.path));
}

/** Which files and folders the newest backup of a chain has, per archive. */
class MemberSet {
  readonly #members = new Map<string, Set<string>>();

  async *recording(parts: AsyncIterable<PartRecord>): AsyncGenerator<PartRecord> {
    for await (const part of parts) {
      const members = this.of(part.archive);
      for (const [path] of part.files) members.add(restoredPath(path.replace(/\/$/, '')));
      yield part;
    }
  }

  of(archive: string): Set<string> {
    const members = this.#members.get(archive) ?? new Set<string>();
    this.#members.set(archive, members);
    return members;
  }
}

/** Files and folders that went away between the backups of the chain. */
function removeOthers(layout: RestoreLayout, members: MemberSet): void {
  const base = members.of('base').add(heldBack.name).add(recordName);
  const places = new Set(layout.tablespaces.values());
  removeOthersBelow(layout.dataDir, '', base, places);
  for (const [oid, place] of layout.tablespaces) {
    if (existsSync(place)) removeOthersBelow(place, '', members.of(oid).add(recordName), places);
  }
}

/** `elsewhere`: folders whose content other archives list, like an in-place tablespace's */
function removeOthersBelow(root: string, folder: string, members: Set<string>, elsewhere: Set<string>): void {
  for (const entry of readdirSync(join(root, folder), { withFileTypes: true })) {
    const path = folder === '' ? entry.name : `${folder}/${entry.name}`;
    if (!members.has(path)) rmSync(join(root, path), { recursive: true });
    else if (entry.isDirectory() && !elsewhere.has(join(root, path))) {
      removeOthersBelow(root, path, members, elsewhere);
    }
  }
}

function adapt(path: string, change: (text: string) => string): void {
  if (existsSync(path)) writeFileSync(path, change(readFileSync(path, 'latin1')), 'latin1');
}

/** PostgreSQL makes the links anew from tablespace_map when it starts on a backup: both must name the new places. */
function linkTablespaces(work: ChainWork): void {
  const { layout, account } = work;
  if (layout.tablespaces.size === 0) return;
  const map: MappedTablespace[] = [];
  for (const [oid, place] of layout.tablespaces) {
    if (mkdirSync(place, { recursive: true, mode: 0o700 }) && account) chownSync(place, account.uid, account.gid);
    const link = join(layout.dataDir, 'pg_tblspc', oid);
    if (place === link) continue; // an in-place one
    rmSync(link, { force: true });
    symlinkSync(place, link);
    if (account) lchownSync(link, account.uid, account.gid);
    map.push({ oid: Number(oid), path: place });
  }
  writeFileSync(join(layout.dataDir, 'tablespace_map'), printTablespaceMap(map));
}
