import {
  chownSync,
  cpSync,
  type Dirent,
  existsSync,
  lchownSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
} from 'node:fs';
import { join } from 'node:path';
import type { Account } from '#postgres/server-process';
import { syncFileSystem } from './durably.ts';
import { settlesCrashed } from './settle-crashed.ts';

/**
 * A site's configuration, certificates and whatever else somebody has put at the top of its data directory: pg_rewind
 * replaces it by the other site's, or removes it, and so does a restore from a backup of that one.
 * `own`: what lies there now is the site's own, so what an earlier attempt has kept does not count beside it.
 * Source: https://www.postgresql.org/docs/current/app-pgrewind.html, "How It Works"
 */
export function keepSettings(dataDir: string, folder: string, { own = false } = {}): void {
  const counts = own && existsSync(join(dataDir, 'PG_VERSION'));
  if (existsSync(folder) && !counts) return;
  const partial = `${folder}.partial`;
  rmSync(partial, { recursive: true, force: true });
  mkdirSync(partial, { recursive: true, mode: 0o700 });
  for (const entry of readdirSync(dataDir, { withFileTypes: true }).filter(isSetting))
    cpSync(join(dataDir, entry.name), join(partial, entry.name), copying);
  if (isSettling(partial)) putBackFile(folder, partial, 'postmaster.opts', undefined);
  syncFileSystem(partial);
  rmSync(folder, { recursive: true, force: true });
  renameSync(partial, folder);
}

/** Put them back, and nothing of the other site's stays. False when none were kept. */
export function putBackSettings(folder: string, dataDir: string, account: Account | undefined): boolean {
  if (!existsSync(folder)) return false;
  for (const { name } of readdirSync(dataDir, { withFileTypes: true }).filter(isSetting))
    rmSync(join(dataDir, name), { recursive: true, force: true });
  for (const name of readdirSync(folder)) {
    cpSync(join(folder, name), join(dataDir, name), copying);
    if (account) give(join(dataDir, name), account);
  }
  return true;
}

/** One of them, or nothing of that name. */
export function putBackFile(folder: string, dataDir: string, name: string, account: Account | undefined): void {
  rmSync(join(dataDir, name), { force: true });
  if (!existsSync(join(folder, name))) return;
  cpSync(join(folder, name), join(dataDir, name), copying);
  if (account) give(join(dataDir, name), account);
}

/** An attempt was killed while it let the server replay: with those arguments nobody but that attempt has started it. */
function isSettling(dataDir: string): boolean {
  const options = join(dataDir, 'postmaster.opts');
  return existsSync(options) && readFileSync(options, 'utf8').includes(`cluster_name=${settlesCrashed}`);
}

const copying = { recursive: true, verbatimSymlinks: true, preserveTimestamps: true } as const;

/** All but what the server itself makes, and its logs; postmaster.opts says with what it is started. */
const isSetting = (entry: Dirent): boolean =>
  !(entry.name.startsWith('pg_') && !configuration.includes(entry.name)) && !madeByServer.test(entry.name);

const configuration = ['pg_hba.conf', 'pg_ident.conf'];
const madeByServer =
  /^(?:base|global|log|PG_VERSION|postmaster\.pid|backup_(?:label|manifest).*|tablespace_map.*|(?:standby|recovery)\.signal|current_logfiles.*|lifeboat[.-].*|lost\+found)$/;

function give(path: string, account: Account): void {
  lchownSync(path, account.uid, account.gid);
  for (const entry of readdirSyncOrNone(path)) {
    const inside = join(path, entry.name);
    if (entry.isDirectory()) give(inside, account);
    else if (entry.isFile()) chownSync(inside, account.uid, account.gid);
  }
}

function readdirSyncOrNone(path: string): Dirent[] {
  try {
    return readdirSync(path, { withFileTypes: true });
  } catch {
    return []; // it is no folder
  }
}
