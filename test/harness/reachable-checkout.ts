import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { serverAccount } from './postgres-installations.ts';

const checkout = resolve(import.meta.dirname, '../..');

/**
 * Run something from a checkout that the servers' account can enter, too: restore_command runs lifeboat as that account.
 * As root in a folder like /root it is run from a copy, which goes afterwards.
 */
export async function fromReachableCheckout<T>(run: (checkout: string) => Promise<T>): Promise<T> {
  if (isReachable()) return run(checkout);
  const folder = mkdtempSync(join(tmpdir(), 'lifeboat-checkout-'));
  try {
    spawnSync('chmod', ['755', folder]);
    const copy = join(folder, 'lifeboat');
    cpSync(checkout, copy, { recursive: true, verbatimSymlinks: true, filter: (path) => !path.endsWith('/.git') });
    return await run(copy);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function isReachable(): boolean {
  if (!serverAccount) return true;
  return spawnSync(process.execPath, ['--version'], { ...serverAccount, cwd: '/', env: {} }).status === 0;
}
