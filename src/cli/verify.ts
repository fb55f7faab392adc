import { committedBackups, readBackup } from '#catalog/backups';
import { defineCommand } from '#cli/command';
import { type BackupId, parseBackupId } from '#model/backup-id';
import { chooseSource } from '#model/choose-source';
import { InputInvalid } from '#model/failure';
import { openBucket } from '#runtime/open-bucket';
import { cores } from '#runtime/this-process';
import { type Verification, verifyBackup } from '#tasks/verify-backup';

export const command = defineCommand({
  name: 'verify',
  summary: 'read a backup back and compare it',
  help: `Reads every stored byte of a backup, decrypts and decompresses it, and compares lengths and digests with what was
written; then reads the WAL that the backup needs, record by record. Nothing is written and no server is needed. What is
wrong is listed, and the exit code is 6.

That a verified backup also starts and answers is for a restore to show.`,
  examples: ['lifeboat verify', 'lifeboat verify 20261120T051345123Z-full', 'lifeboat verify --all --json'],
  arguments: { backup: { summary: 'id of a backup (default: the newest)', optional: true, parse: parseId } },
  options: {
    source: { flags: '--source <name>', summary: 'source in the plan (needed when it has several)' },
    all: { flags: '--all', summary: 'every committed backup' },
  },

  async run({ backup, source, all }, { plan, environment, output, signal }) {
    if (all && backup) throw new InputInvalid('backup', backup, 'nothing beside --all', 'leave out the id or --all');
    const { bucket } = await plan();
    const { name } = chooseSource(await plan(), source, '--source');
    const vault = await openBucket(await plan(), environment);
    const known = await committedBackups(vault.store, name);
    if (known.length === 0)
      throw new InputInvalid('source', name, 'one with a committed backup', 'take one: `lifeboat backup`');
    const chosen = backup ? [backup] : (all ? known : known.slice(-1)).map((summary) => summary.backup);
    const verifications: Verification[] = [];
    for (const id of chosen) {
      const manifest = await readBackup(vault.store, name, id);
      const bar = output.progress(`verify ${id}`, manifest.rawBytes);
      try {
        const onBytes = (bytes: number) => bar.advance(bytes);
        const workers = cores();
        const work = { vault, location: bucket, environment, manifest, workers, signal, onBytes };
        verifications.push(await verifyBackup(work));
      } finally {
        bar.end();
      }
    }
    const text = verifications.map((one) => (one.ok ? `${one.backup} is as it was written` : describeDamage(one)));
    output.print(text.join('\n'), { source: name, verifications });
    return verifications.every((one) => one.ok) ? 0 : 6;
  },
});

function parseId(text: string): BackupId {
  return parseBackupId(text).id;
}

const describeDamage = ({ backup, damage }: Verification): string =>
  [`${backup} is DAMAGED:`, ...damage.map((what) => `  ${what}`), '  take a new full backup now'].join('\n');
