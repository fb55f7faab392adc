import { createHash } from 'node:crypto';
import { ObjectDamaged } from '#model/failure';
import type { ManifestFile } from '#postgres/backup-manifest-entries';
import { type BackupManifest, ManifestLines } from '#postgres/backup-manifest-lines';

/**
 * Read PostgreSQL's backup_manifest in bounded memory, whatever its size: PostgreSQL and pg_combinebackup write one
 * file a line, which JSON would not require, and this reader relies on it.
 *
 * `onFile` is called before the checksum was verified: what it does counts only once the promise is fulfilled. Nobody
 * checks here that a path occurs only once.
 * @throws ObjectDamaged naming the line, for anything else, for unsafe paths and for a wrong checksum
 * Source: https://www.postgresql.org/docs/18/backup-manifest-format.html
 */
export async function readBackupManifest(
  source: AsyncIterable<Uint8Array>,
  onFile: (file: ManifestFile) => void,
): Promise<BackupManifest> {
  const hash = createHash('sha256');
  const lines = new ManifestLines(onFile);
  let carried = Buffer.alloc(0);
  for await (const chunk of source) {
    const bytes = Buffer.concat([carried, chunk]);
    let from = 0;
    let hashed = 0;
    for (let end = bytes.indexOf(newline); end >= 0; end = bytes.indexOf(newline, from)) {
      if (end - from > longestLineBytes) throw lines.damaged(tooLong);
      lines.read(bytes.toString('utf8', from, end));
      from = end + 1;
      if (!lines.manifest) hashed = from;
    }
    hash.update(bytes.subarray(0, hashed));
    carried = bytes.subarray(from);
    if (carried.length > longestLineBytes) throw lines.damaged(tooLong);
  }
  if (carried.length > 0 || !lines.manifest) throw lines.damaged('the last: expected the checksum and a newline');
  return verified(lines.manifest, hash.digest('hex'));
}

const newline = 0x0a;

/** A path has at most 1023 bytes, each at most six characters in JSON. */
const longestLineBytes = 16_384;
const tooLong = `the next has more than ${longestLineBytes} bytes`;

function verified(manifest: BackupManifest, computed: string): BackupManifest {
  if (manifest.checksum === computed) return manifest;
  throw new ObjectDamaged(`backup_manifest: SHA-256 is ${computed}: expected ${manifest.checksum} as written in it`, {
    operation: 'read backup_manifest',
    subject: 'backup_manifest',
  });
}
