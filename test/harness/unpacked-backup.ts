import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Manifest } from '#model/manifest';
import { openBackup, type Vault } from '#recovery/open-backup';

/**
 * A backup as pg_basebackup would have left it: its tar archives unpacked by `tar`, and not by us. Tablespaces lie beside
 * the folder (`<folder>.<oid>`), and its links point there.
 */
export async function unpackBackup(vault: Vault, manifest: Manifest, folder: string): Promise<void> {
  const archives = ['base', ...manifest.tablespaces.map(({ oid }) => oid)];
  for (const archive of archives) {
    const place = archive === 'base' ? folder : tablespaceBeside(folder, archive);
    mkdirSync(place, { mode: 0o700 });
    // Otherwise it ends at the first zeros, while we still write.
    const tar = spawn('tar', ['-x', '--ignore-zeros', '-C', place, '-f', '-'], {
      stdio: ['pipe', 'inherit', 'inherit'],
    });
    const ended = once(tar, 'exit');
    await pipeline(Readable.from(archiveBlocks(vault, manifest, archive)), tar.stdin);
    const [code] = await ended;
    if (code !== 0) throw new Error(`tar ended with ${code} on ${archive} of ${manifest.backup}`);
  }
  for (const { oid } of manifest.tablespaces) {
    const link = join(folder, 'pg_tblspc', oid);
    rmSync(link, { force: true });
    symlinkSync(tablespaceBeside(folder, oid), link);
  }
  writeFileSync(join(folder, 'backup_manifest'), await serverManifest(vault, manifest));
}

export const tablespaceBeside = (folder: string, oid: string): string => `${folder}.${oid}`;

async function* archiveBlocks(vault: Vault, manifest: Manifest, archive: string): AsyncGenerator<Buffer> {
  const backup = openBackup(vault, manifest);
  for await (const part of backup.parts()) if (part.archive === archive) yield* backup.partBlocks(part);
}

/** PostgreSQL's own backup_manifest. */
export async function serverManifest(vault: Vault, manifest: Manifest): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for await (const piece of openBackup(vault, manifest).serverManifest()) pieces.push(Buffer.from(piece));
  return Buffer.concat(pieces);
}

/** What lies below a folder, links followed: files with permissions, size and digest; folders with permissions. */
export function readTree(folder: string, below = ''): Map<string, string> {
  const found = new Map<string, string>();
  for (const name of readdirSync(join(folder, below)).sort()) {
    const path = join(below, name);
    const status = statSync(join(folder, path));
    const mode = (status.mode & 0o777).toString(8);
    found.set(path, status.isDirectory() ? `folder ${mode}` : `${mode} ${status.size} ${digest(join(folder, path))}`);
    if (status.isDirectory()) for (const [inner, what] of readTree(folder, path)) found.set(inner, what);
  }
  return found;
}

const digest = (path: string): string => createHash('sha1').update(readFileSync(path)).digest('hex');

/** The paths at which two trees differ, and how. */
export function differences(a: Map<string, string>, b: Map<string, string>): string[] {
  const paths = [...new Set([...a.keys(), ...b.keys()])].sort();
  return paths
    .filter((path) => a.get(path) !== b.get(path))
    .map((path) => `${path}: ${a.get(path) ?? 'missing'} / ${b.get(path) ?? 'missing'}`);
}
