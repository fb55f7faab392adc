import { chownSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseControlFile } from '#postgres/control-file';
import type { Account } from '#postgres/server-process';
import {
  harmless,
  printSettings,
  type ReplaySettings,
  recoverySettings,
  settingLine,
  supersededSettings,
  withoutSettings,
} from '#recovery/settings';
import { heldBack } from '#recovery/write-archive';

const mainFile = 'postgresql.conf';
const autoFile = 'postgresql.auto.conf';

/** Write what makes PostgreSQL replay to the target when it starts, and what it needs to start at all. */
export function configureRecovery(dataDir: string, settings: ReplaySettings, account?: Account): void {
  const files = new ConfigFiles(dataDir, account);
  supplyMissing(files);
  for (const name of [mainFile, autoFile]) {
    files.write(name, withoutSettings(files.read(name), supersededSettings));
  }
  const comment = 'lifeboat restore: how far to replay; archiving stays off until you switch it on';
  files.write(autoFile, files.read(autoFile) + printSettings(recoverySettings(settings), comment));
  files.write('recovery.signal', '');
}

/** After the promotion: nothing of the recovery stays behind but that archiving is off. */
export function configurePromoted(dataDir: string, account?: Account): void {
  const files = new ConfigFiles(dataDir, account);
  const lines = files.read(autoFile).split('\n');
  // Found by their names: ALTER SYSTEM, used while recovery waited, would have taken our comment away.
  const kept = lines
    .filter((line) => !isOurs(line))
    .join('\n')
    .trimEnd();
  const comment = 'lifeboat restore: archiving stays off until you switch it on (ALTER SYSTEM RESET archive_mode)';
  files.write(autoFile, `${kept}\n${printSettings(harmless, comment)}`);
}

/** configureRecovery has commented out what was set before it. */
const isOurs = (line: string): boolean =>
  line.startsWith('# lifeboat restore: ') || settingLine(supersededSettings).test(line);

/** Some distributions keep the configuration elsewhere: then the copy has none. Enough to start, no doors open. */
function supplyMissing(files: ConfigFiles): void {
  if (!files.has(mainFile)) {
    const control = parseControlFile(readFileSync(join(files.dataDir, heldBack.name)));
    const needed = {
      max_connections: String(control.maxConnections),
      max_worker_processes: String(control.maxWorkerProcesses),
      max_wal_senders: String(control.maxWalSenders),
      max_prepared_transactions: String(control.maxPreparedTransactions),
      max_locks_per_transaction: String(control.maxLocksPerTransaction),
    };
    files.write(mainFile, printSettings(needed, 'lifeboat restore: the source keeps its configuration elsewhere'));
  }
  if (!files.has('pg_hba.conf'))
    files.write('pg_hba.conf', '# lifeboat restore: only the owner, through the socket\nlocal all all peer\n');
  if (!files.has('pg_ident.conf')) files.write('pg_ident.conf', '');
  if (!files.has(autoFile)) files.write(autoFile, '');
}

class ConfigFiles {
  readonly dataDir: string;
  readonly #account: Account | undefined;

  constructor(dataDir: string, account: Account | undefined) {
    this.dataDir = dataDir;
    this.#account = account;
  }

  has(name: string): boolean {
    return existsSync(join(this.dataDir, name));
  }

  read(name: string): string {
    return readFileSync(join(this.dataDir, name), 'utf8');
  }

  write(name: string, text: string): void {
    const path = join(this.dataDir, name);
    writeFileSync(path, text, { mode: 0o600 });
    if (this.#account) chownSync(path, this.#account.uid, this.#account.gid);
  }
}
