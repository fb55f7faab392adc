import { ObjectDamaged } from '#model/failure';
import type { BackupManifest, ManifestWalRange } from '#postgres/backup-manifest';
import { type ManifestFile, parseFileLine, parseWalRangeLine } from '#postgres/backup-manifest-entries';

/**
 * The lines of a backup_manifest, in this order and no other:
 *
 *     { "PostgreSQL-Backup-Manifest-Version": 2,
 *     "System-Identifier": 7710121666982256801,                      (version 2 only)
 *     "Files": [
 *     { "Path": "backup_label", "Size": 227, … },                    (no comma after the last)
 *     ],
 *     "WAL-Ranges": [
 *     { "Timeline": 1, "Start-LSN": "0/2000028", "End-LSN": "0/2000120" }
 *     ],
 *     "Manifest-Checksum": "…"}
 */
export class ManifestLines {
  /** complete once the last line was read, but its checksum is not verified */
  manifest: BackupManifest | undefined;
  readonly #onFile: (file: ManifestFile) => void;
  #number = 0;
  #next: (line: string) => void = (line) => this.#version(line);
  #version2 = false;
  #systemIdentifier: string | undefined;
  #fileCount = 0;
  #totalBytes = 0;
  readonly #walRanges: ManifestWalRange[] = [];
  #commaPending = false;

  constructor(onFile: (file: ManifestFile) => void) {
    this.#onFile = onFile;
  }

  /** One line, without its newline. */
  read(line: string): void {
    this.#number += 1;
    this.#next(line);
  }

  damaged(problem: string, cause?: unknown): ObjectDamaged {
    return new ObjectDamaged(`backup_manifest line ${this.#number}: ${problem}`, {
      operation: 'read backup_manifest',
      subject: 'backup_manifest',
      cause,
    });
  }
}
