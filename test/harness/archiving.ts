import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmodSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { serverAccount } from './postgres-installations.ts';
import { serverFolder, TestServer } from './postgres-server.ts';
import { lifeboatProgram } from './run-lifeboat.ts';

/** A plan, its key and its bucket in a folder that the server's account owns, for commands that a server runs. */
export class ArchivePlan {
  readonly folder: string;
  readonly bucket: string;
  readonly path: string;
  readonly key = randomBytes(32);

  constructor(encryption: 'encrypted' | 'plain') {
    this.folder = serverFolder('lifeboat-plan-');
    this.bucket = join(this.folder, 'bucket');
    this.path = join(this.folder, 'plan.yml');
    const keyFile = join(this.folder, 'key');
    mkdirSync(this.bucket);
    writeFileSync(keyFile, `lifeboat-key-1:${this.key.toString('base64')}\n`);
    chmodSync(keyFile, 0o600);
    writeFileSync(
      this.path,
      [
        `bucket: ${this.bucket}`,
        encryption === 'plain' ? 'encryption: none' : `encryption: { keyFile: ${keyFile} }`,
        'sources:',
        '  orders: { connection: { host: /tmp, user: postgres } }',
        '  other: { connection: { host: /tmp, user: postgres } }',
        '',
      ].join('\n'),
    );
    this.giveToServer();
  }

  /** What was stored from here belongs to us; the server's commands have to read it. */
  giveToServer(): void {
    if (!serverAccount) return;
    const { uid, gid } = serverAccount;
    spawnSync('chown', ['-R', `${uid}:${gid}`, this.folder]);
  }

  /** A command line for archive_command or restore_command. */
  command(line: string): string {
    const cache = `NODE_COMPILE_CACHE=${join(this.folder, 'compiled')}`;
    return `${cache} ${process.execPath} ${lifeboatProgram} ${line} --plan ${this.path} --source orders`;
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** A copy of a cluster that is not running. */
export function copyCluster(server: TestServer): TestServer {
  const dataDir = join(serverFolder('lifeboat-copy-'), 'data');
  spawnSync('cp', ['-a', server.dataDir, dataDir]);
  return TestServer.adopt(server.installation, dataDir);
}

/** Until the archiver has stored all segments up to the one that is switched away from now. */
export async function archiveAll(server: TestServer): Promise<void> {
  const name = await server.value('select pg_walfile_name(pg_switch_wal())');
  for (let waitedMs = 0; waitedMs < 20_000; waitedMs += 20) {
    const [row] = await server.query('select last_archived_wal, last_failed_wal, failed_count from pg_stat_archiver');
    if ((row!.last_archived_wal ?? '') >= name) return;
    await sleep(20);
  }
  throw new Error(`${name} was not archived: ${server.log.slice(-10).join('\n')}`);
}
