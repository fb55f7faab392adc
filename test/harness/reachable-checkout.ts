import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative, resolve } from 'node:path';
import { serverAccount } from './postgres-installations.ts';

const checkout = resolve(import.meta.dirname, '../..');

/**
 * As root in a folder that others cannot enter, like /root, run the script from a copy of the checkout instead, which
 * goes afterwards: restore_command runs lifeboat as the servers' account. False when there is no need to.
 */
export async function ranFromCopy(script: string): Promise<boolean> {
  if (isReachable()) return false;
  const folder = mkdtempSync(join(tmpdir(), 'lifeboat-checkout-'));
  try {
    chmodSync(folder, 0o755);
    cpSync(checkout, folder, { recursive: true, verbatimSymlinks: true, filter: (path) => !path.endsWith('/.git') });
    const node = join(folder, 'node_modules/node/bin/node');
    const args = [join(folder, relative(checkout, script)), ...process.argv.slice(2)];
    const [code, signal] = await once(spawn(node, args, { cwd: folder, stdio: 'inherit' }), 'exit');
    process.exitCode = signal === null ? code : 1;
    return true;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function isReachable(): boolean {
  if (!serverAccount) return true;
  const probe = [join(checkout, 'bin/lifeboat.mjs'), '--version'];
  return spawnSync(process.execPath, probe, { ...serverAccount, cwd: '/', env: {} }).status === 0;
}
