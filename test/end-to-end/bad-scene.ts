import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmodSync, type Dirent, existsSync, mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { serverAccount } from '#harness/postgres-installations';
import { serverFolder, TestServer } from '#harness/postgres-server';
import { type Ended, type RunOptions, runLifeboat, startLifeboat } from '#harness/run-lifeboat';
import type { BackupId } from '#model/backup-id';

/** What no message may ever show. */
export const password = 'correct-horse-battery-staple';

const cleanups: (() => unknown)[] = [];
after(async () => {
  const failures: unknown[] = [];
  for (const cleanup of cleanups.reverse()) {
    try {
      await cleanup();
    } catch (failure) {
      failures.push(failure); // the others have to run all the same: a server that is left keeps us from ending
    }
  }
  if (failures.length > 0) throw new AggregateError(failures, 'not everything could be cleaned up');
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
  onceOver(() => {
    spawnSync('chmod', ['-R', 'u+rwX', folder]); // some tests take rights away
    rmSync(folder, { recursive: true, force: true });
  });
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
  async backup(...args: string[]): Promise<BackupId> {
    const { exitCode, stdout, stderr } = await this.run(['backup', '--json', ...args]);
    assert.equal(exitCode, 0, stdout + stderr);
    this.giveToServer();
    return JSON.parse(stdout).backup;
  }

  restore(to: string, ...args: string[]): Promise<Ended> {
    return this.run(restoreArgs(to, ...args));
  }

  /** Every stored object with its size and time, but for leases, and for the evidence of what was tried. */
  objects(): string[] {
    return filesBelow(this.bucket).filter(
      (path) => !/^(\.lifeboat|evidence\/|catalog\/evidence)/.test(path) && !path.includes('/leases/'),
    );
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

export interface Refusal {
  exitCode: number;
  /** of the one line that says what is wrong */
  message: RegExp;
  /** of the line that says what to do */
  hint: RegExp;
}

/** The command ended as documented, and told in two lines what is wrong and what to do about it. */
export function assertRefused(ended: Ended, { exitCode, message, hint }: Refusal): void {
  const said = `exit ${ended.exitCode} ${ended.signal ?? ''}\n${ended.stdout}${ended.stderr}`;
  assert.equal(ended.exitCode, exitCode, said);
  const lines = ended.stderr.trimEnd().split('\n');
  const errors = lines.filter((line) => line.startsWith('lifeboat: '));
  assert.equal(errors.length, 1, `one error line: ${said}`);
  assert.match(errors[0]!, message, said);
  assert.ok(lines.at(-1)!.startsWith('HINT: '), `a hint at the end: ${said}`);
  assert.match(lines.at(-1)!, hint, said);
  assertClean(ended);
}

/** No stack, no bug, no secret. */
export function assertClean({ stdout, stderr }: Ended): void {
  const said = stdout + stderr;
  assert.doesNotMatch(said, /^ +at |unexpected failure|node:internal|\[object|undefined|NaN/m);
  assert.ok(!said.includes(password), said);
  assert.doesNotMatch(said, /lifeboat-key-1:[A-Za-z0-9+/]{20}/);
}

/** Of a folder that others may be changing: what is gone while we look is not there. */
export const filesBelow = (folder: string): string[] => listed(folder, '').sort();

function listed(folder: string, below: string): string[] {
  return entriesOf(join(folder, below)).flatMap((entry) => {
    const path = join(below, entry.name);
    return entry.isDirectory() ? listed(folder, path) : entry.isFile() ? [path] : [];
  });
}

function entriesOf(folder: string): Dirent[] {
  try {
    return readdirSync(folder, { withFileTypes: true });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

/** Files with their content's length and time: the same list means that nobody wrote. */
export const standing = (folder: string): string[] =>
  filesBelow(folder).flatMap((path) => {
    const found = statSync(join(folder, path), { throwIfNoEntry: false });
    return found ? [`${path} ${found.size} ${found.mtimeMs}`] : [];
  });

/** Nothing is there that a server could be started on. */
export function assertNoCluster(dataDir: string): void {
  assert.deepEqual(filesBelow(dataDir), []);
}

export async function until(what: string, holds: () => boolean | Promise<boolean>, timeoutMs = 20_000): Promise<void> {
  const giveUpAt = performance.now() + timeoutMs;
  while (!(await holds())) {
    if (performance.now() > giveUpAt) throw new Error(`not within ${timeoutMs} ms: ${what}`);
    await sleep(10);
  }
}
