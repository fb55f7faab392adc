import {
  closeSync,
  constants,
  fchownSync,
  ftruncateSync,
  lchownSync,
  mkdirSync,
  openSync,
  rmSync,
  symlinkSync,
  writeSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { InputInvalid } from '#model/failure';
import type { TarEntry, TarVisitor } from '#pipeline/tar-reader';
import type { Account } from '#postgres/server-process';
import { BlockPatch } from '#recovery/block-patch';
import { memberPath, type RestoreLayout } from '#recovery/restore-layout';

export interface ArchiveTarget {
  layout: RestoreLayout;
  archive: string;
  blockSize: number;
  /** who shall own what is written, where that is somebody else than we are */
  account?: Account;
}

/** A file whose presence makes PostgreSQL start: written under this name until everything else is there. */
export const heldBack = { path: 'global/pg_control', name: 'global/pg_control.lifeboat' };

/** `INCREMENTAL.<name>` holds changed blocks of the file `<name>` */
const incrementalPrefix = 'INCREMENTAL.';

export const isIncremental = (path: string): boolean => basename(path).startsWith(incrementalPrefix);

export const restoredPath = (path: string): string =>
  isIncremental(path) ? join(dirname(path), basename(path).slice(incrementalPrefix.length)) : path;

/**
 * Writes the members of one archive to where they belong, wherever in the archive its bytes begin. Several of these
 * may write pieces of the same file at the same time.
 */
export class ArchiveWriter implements TarVisitor {
  readonly #target: ArchiveTarget;
  readonly #madeFolders = new Set<string>();
  #file: OpenFile | undefined;
  #patch: BlockPatch | undefined;
  /** pass over everything until the next member begins, or for good */
  #ignoring: 'member' | 'all' | undefined;

  /** `resumed`: the member in whose middle the bytes begin */
  constructor(target: ArchiveTarget, resumed: TarEntry | undefined) {
    this.#target = target;
    // The blocks of an INCREMENTAL file are written by whoever read its header.
    if (resumed && isIncremental(resumed.path)) this.#ignoring = 'member';
    else if (resumed) this.#file = this.#open(resumed, false);
  }

  /** is an INCREMENTAL file under way? then its end is in the next part */
  get needsNextPart(): boolean {
    return this.#patch !== undefined;
  }

  /** Complete the INCREMENTAL file under way and take nothing after it. */
  finishPatchOnly(): void {
    if (this.#patch) this.#ignoring = 'all';
  }

  onEntry(entry: TarEntry): void {
    if (this.#ignoring === 'all') return;
    this.#ignoring = undefined;
    if (entry.type === 'directory') this.#makeFolder(this.#pathOf(entry.path));
    else if (entry.type === 'link') this.#makeLink(entry);
    else if (isIncremental(entry.path)) this.#patch = this.#openPatch(entry);
    else this.#file = this.#open(entry, true);
  }

  onContent(_entry: TarEntry, offset: number, bytes: Buffer): void {
    if (this.#patch) this.#patch.write(bytes);
    else if (this.#file) writeAll(this.#file.descriptor, bytes, offset);
  }

  onEnd(): void {
    const [patch, file] = [this.#patch, this.#file];
    // Also when the patch is refused: its file is closed then, and must not be once more.
    this.#patch = undefined;
    this.#file = undefined;
    patch?.close();
    if (file) closeSync(file.descriptor);
  }

  /** The part's bytes are through; what is open goes on in another part, written by somebody else. */
  close(): void {
    if (this.#patch) this.#patch.abandon();
    if (this.#file) closeSync(this.#file.descriptor);
    this.#patch = undefined;
    this.#file = undefined;
  }

  #pathOf(path: string): string {
    const { layout, archive } = this.#target;
    const name = archive === 'base' && path === heldBack.path ? heldBack.name : path;
    return memberPath(layout, archive, name);
  }

  #open(entry: TarEntry, fromStart: boolean): OpenFile {
    const path = this.#pathOf(entry.path);
    this.#makeFolder(dirname(path));
    const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_NOFOLLOW;
    const descriptor = openSync(path, flags, entry.mode & 0o770);
    // An older backup of the chain may have left a longer file here.
    if (fromStart) ftruncateSync(descriptor, entry.size);
    this.#own(descriptor);
    return { descriptor };
  }

  #openPatch(entry: TarEntry): BlockPatch {
    const path = this.#pathOf(restoredPath(entry.path));
    return new BlockPatch(path, entry, this.#target.blockSize);
  }

  #makeFolder(path: string): void {
    if (this.#madeFolders.has(path)) return;
    const first = mkdirSync(path, { recursive: true, mode: 0o700 });
    if (first !== undefined && this.#target.account) this.#ownFolders(first, path);
    this.#madeFolders.add(path);
  }

  #ownFolders(first: string, last: string): void {
    const { uid, gid } = this.#target.account!;
    for (let path = last; path.length >= first.length; path = dirname(path)) lchownSync(path, uid, gid);
  }

  /** The only links of a cluster are those to its tablespaces; they point to where the layout puts these. */
  #makeLink(entry: TarEntry): void {
    const [folder, oid, ...more] = entry.path.split('/');
    const place = this.#target.layout.tablespaces.get(oid ?? '');
    if (folder !== 'pg_tblspc' || place === undefined || more.length > 0) {
      throw new InputInvalid('archive member', entry.path, 'no links but those to the tablespaces of the manifest');
    }
    const path = join(this.#target.layout.dataDir, folder, oid!);
    this.#makeFolder(dirname(path));
    rmSync(path, { force: true });
    symlinkSync(place, path);
    if (this.#target.account) lchownSync(path, this.#target.account.uid, this.#target.account.gid);
  }

  #own(descriptor: number): void {
    if (this.#target.account) fchownSync(descriptor, this.#target.account.uid, this.#target.account.gid);
  }
}

interface OpenFile {
  descriptor: number;
}

export function writeAll(descriptor: number, bytes: Buffer, position: number): void {
  for (let done = 0; done < bytes.length; ) {
    done += writeSync(descriptor, bytes, done, bytes.length - done, position + done);
  }
}
