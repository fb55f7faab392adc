import { spawnSync } from 'node:child_process';
import { chownSync, closeSync, fsyncSync, openSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { RebuildFailed } from '#failover/failures';
import type { Account } from '#postgres/server-process';

/** Replace a file whole: whoever reads it, also after a crash, sees the old text or this one. Mode 0600. */
export function replaceDurably(path: string, text: string, account?: Account): void {
  const temporary = `${path}.lifeboat.tmp`;
  const file = openSync(temporary, 'w', 0o600);
  try {
    writeFileSync(file, text);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  if (account) chownSync(temporary, account.uid, account.gid);
  renameSync(temporary, path);
  syncFolder(dirname(path));
}

/** What was made, renamed or removed in it stays so after a crash. */
export function syncFolder(path: string): void {
  const folder = openSync(path, 'r');
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}

/** Everything written so far to the file system of a folder is on its disk: syncfs(2), which Node does not offer. */
export function syncFileSystem(path: string): void {
  const { status } = spawnSync('sync', ['-f', path], { stdio: 'ignore' });
  if (status === 0) return;
  throw new RebuildFailed(`sync -f ${path} ended with code ${status}`, {
    operation: 'rebuild standby',
    subject: path,
    hint: 'the disk did not take what was written: look into the kernel log',
  });
}
