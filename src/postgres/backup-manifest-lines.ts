import { ObjectDamaged } from '#model/failure';
import {
  type ManifestFile,
  type ManifestWalRange,
  parseManifestFile,
  parseManifestWalRange,
} from '#postgres/backup-manifest-entries';

/** What PostgreSQL's backup_manifest says besides its files. */
export interface BackupManifest {
  /** 1 up to PostgreSQL 16, 2 from 17 on */
  version: 1 | 2;
  /** from version 2 on; a string: it does not fit a JSON number */
  systemIdentifier: string | undefined;
  fileCount: number;
  /** of all files */
  totalBytes: number;
  /** the WAL that recovery needs, newest timeline first */
  walRanges: ManifestWalRange[];
  /** SHA-256 of all that stands before the checksum's line, hexadecimal */
  checksum: string;
}

type Expected = 'version' | 'system identifier' | 'files' | 'file' | 'wal ranges' | 'wal range' | 'checksum' | 'end';

/**
 * The lines of a backup_manifest, in this order and no other:
 *
 *     { "PostgreSQL-Backup-Manifest-Version": 2,
 *     "System-Identifier": 7710121666982256801,                                (version 2 only)
 *     "Files": [
 *     { "Path": "backup_label", "Size": 227, … },                              (no comma after the last)
 *     ],
 *     "WAL-Ranges": [
 *     { "Timeline": 1, "Start-LSN": "0/2000028", "End-LSN": "0/2000120" }      (no comma after the last)
 *     ],
 *     "Manifest-Checksum": "…"}
 */
export class ManifestLines {
  readonly #onFile: (file: ManifestFile) => void;
  #number = 0;
  #expected: Expected = 'version';
  /** in a list, after an item: another has to follow */
  #comma = false;
  #items = 0;
  readonly #manifest: BackupManifest = {
    version: 1,
    systemIdentifier: undefined,
    fileCount: 0,
    totalBytes: 0,
    walRanges: [],
    checksum: '',
  };

  constructor(onFile: (file: ManifestFile) => void) {
    this.#onFile = onFile;
  }

  /** Once the last line was read; its checksum is not verified here. */
  get manifest(): BackupManifest | undefined {
    return this.#expected === 'end' ? this.#manifest : undefined;
  }

  /** One line, without its newline. @throws ObjectDamaged when it is not what has to stand there */
  read(line: string): void {
    this.#number += 1;
    switch (this.#expected) {
      case 'version':
        this.#manifest.version =
          this.#match(line, /^\{ "PostgreSQL-Backup-Manifest-Version": ([12]),$/) === '1' ? 1 : 2;
        this.#expected = this.#manifest.version === 1 ? 'files' : 'system identifier';
        return;
      case 'system identifier':
        this.#manifest.systemIdentifier = this.#match(line, /^"System-Identifier": (\d{1,20}),$/);
        this.#expected = 'files';
        return;
      case 'files':
        this.#match(line, /^("Files"): \[$/);
        this.#expected = 'file';
        return;
      case 'file':
        if (this.#endsList(line)) this.#expected = 'wal ranges';
        else this.#readFile(line);
        return;
      case 'wal ranges':
        this.#match(line, /^("WAL-Ranges"): \[$/);
        this.#expected = 'wal range';
        return;
      case 'wal range':
        if (this.#endsList(line)) this.#expected = 'checksum';
        else this.#manifest.walRanges.push(this.#item(line, parseManifestWalRange));
        return;
      case 'checksum':
        this.#manifest.checksum = this.#match(line, /^"Manifest-Checksum": "([0-9a-f]{64})"\}$/);
        this.#expected = 'end';
        return;
      case 'end':
        throw this.damaged('expected nothing after the checksum');
    }
  }

  damaged(problem: string, cause?: unknown): ObjectDamaged {
    return new ObjectDamaged(`backup_manifest line ${this.#number}: ${problem}`, {
      operation: 'read backup_manifest',
      subject: 'backup_manifest',
      cause,
    });
  }

  #match(line: string, pattern: RegExp): string {
    const found = pattern.exec(line)?.[1];
    if (found === undefined) throw this.damaged(`expected the ${this.#expected}, found "${line.slice(0, 60)}"`);
    return found;
  }

  #endsList(line: string): boolean {
    const ends = line === '],';
    if (this.#items > 0 && ends === this.#comma) throw this.damaged(ends ? 'a comma before it' : 'no comma before it');
    if (ends) this.#items = 0;
    return ends;
  }

  #readFile(line: string): void {
    const file = this.#item(line, parseManifestFile);
    this.#manifest.fileCount += 1;
    this.#manifest.totalBytes += file.sizeBytes;
    this.#onFile(file);
  }

  #item<Item>(line: string, parse: (json: unknown) => Item | { problem: string }): Item {
    this.#comma = line.endsWith(',');
    this.#items += 1;
    const item = parse(this.#json(this.#comma ? line.slice(0, -1) : line));
    if (typeof item === 'object' && item !== null && 'problem' in item) throw this.damaged(item.problem);
    return item as Item;
  }

  #json(text: string): unknown {
    try {
      return JSON.parse(text);
    } catch (error) {
      throw this.damaged(`expected a ${this.#expected} as a JSON object`, error);
    }
  }
}
