import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { after } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { machineInstallation, serverAccount } from '#harness/postgres-installations';
import { makeServerFolder, serverFolder, TestServer } from '#harness/postgres-server';
import { type Ended, type RunOptions, runLifeboat, startLifeboat } from '#harness/run-lifeboat';

/** What no message may ever show. */
export const password = 'correct-horse-battery-staple';

const cleanups: (() => unknown)[] = [];
after(async () => {
  for (const cleanup of cleanups.reverse()) await cleanup();
});

export const onceOver = (cleanup: () => unknown): void => void cleanups.push(cleanup);

export async function newServer(...args: Parameters<typeof TestServer.create>): Promise<TestServer> {
  const server = await TestServer.create(...args);
  onceOver(() => server.remove());
  return server;
}

/** A folder for plans, keys and buckets that the servers' account can read. */
export function newFolder(): string {
  const folder = serverFolder('lifeboat-bad-');
  onceOver(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

export interface PlanOptions {
  encryption?: 'encrypted' | 'plain';
  /** overrides the fields of the source's connection */
  connection?: Record<string, unknown>;
  bucket?: string;
}

/** A folder with a plan for one source, its key and its bucket. */
export class Vessel {
  readonly folder: string;
  readonly server: TestServer;
  readonly planPath: string;
  readonly keyFile: string;
  readonly bucket: string;

  constructor(server: TestServer, options: PlanOptions = {}, folder = newFolder()) {
    this.folder = folder;
    this.server = server;
    this.planPath = join(folder, 'plan.yml');
    this.keyFile = join(folder, 'lifeboat.key');
    this.bucket = options.bucket ?? join(folder, 'bucket');
    if (!existsSync(this.keyFile)) writeKey(this.keyFile);
    if (options.bucket === undefined && !existsSync(this.bucket)) mkdirSync(this.bucket, { mode: 0o700 });
    this.writePlan(options);
    this.giveToServer();
  }

  writePlan({ encryption = 'encrypted', connection = {}, bucket = this.bucket }: PlanOptions): void {
    const content = {
      bucket,
      encryption: encryption === 'plain' ? 'none' : { keyFile: './lifeboat.key' },
      sources: { orders: { connection: { ...this.server.connection, ...connection } } },
    };
    writeFileSync(this.planPath, JSON.stringify(content)); // JSON is YAML
  }

  /** The same plan, key and stored objects, to be damaged. */
  copy(): Vessel {
    const folder = newFolder();
    const copied = spawnSync('cp', ['-a', `${this.folder}/.`, folder], { encoding: 'utf8' });
    assert.equal(copied.status, 0, copied.stderr);
    return new Vessel(this.server, {}, folder);
  }

  /** What root stored has to be readable for the account that runs the restored server. */
  giveToServer(): void {
    if (!serverAccount) return;
    spawnSync('chown', ['-R', `${serverAccount.uid}:${serverAccount.gid}`, this.folder]);
  }

  run(args: readonly string[], options: RunOptions = {}): Promise<Ended> {
    return runLifeboat([...args, '--plan', this.planPath], { cwd: this.folder, ...options });
  }

  start(args: readonly string[], options: RunOptions = {}) {
    return startLifeboat([...args, '--plan', this.planPath], { cwd: this.folder, ...options });
  }

  /** Answers the id of the backup. */
  async backup(...args: string[]): Promise<string> {
    const { exitCode, stdout, stderr } = await this.run(['backup', '--json', ...args]);
    assert.equal(exitCode, 0, stdout + stderr);
    this.giveToServer();
    return JSON.parse(stdout).backup;
  }

  restore(to: string, ...args: string[]): Promise<Ended> {
    return this.run(restoreArgs(to, ...args));
  }

  /** Every stored object with its size and time, but for leases. */
  objects(): string[] {
    return filesBelow(this.bucket).filter((path) => !path.startsWith('.lifeboat') && !path.includes('/leases/'));
  }

  manifests(): string[] {
    return this.objects().filter((path) => path.includes('/manifest.json'));
  }

  path(key: string): string {
    return join(this.bucket, key);
  }
}

export const restoreArgs = (to: string, ...args: string[]): string[] => [
  'restore',
  '--to',
  to,
  ...(serverAccount ? ['--run-as', 'nobody'] : []),
  ...args,
];

export function writeKey(path: string): void {
  writeFileSync(path, `lifeboat-key-1:${randomBytes(32).toString('base64')}\n`);
  chmodSync(path, 0o600);
}
