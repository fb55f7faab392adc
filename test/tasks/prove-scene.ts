import { spawnSync } from 'node:child_process';
import { chmodSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { serverAccount } from '#harness/postgres-installations';
import { serverFolder } from '#harness/postgres-server';
import { assertWorked, type TaskEnd, TaskRunner } from '#harness/run-task';
import { type ProveDumpResult, proveDumpResultSchema } from '#model/task-result';
import { DumpScene } from './dump-scene.ts';

export interface ProofOver {
  env?: Record<string, string | undefined>;
  planPath?: string;
  bucket?: string;
  execution?: string;
}

/** Proofs of the dumps of a scene, as real processes, with a folder of their own for what they restore. */
export class ProveScene {
  readonly dumps: DumpScene;
  readonly drills = serverFolder('lifeboat-drills-');
  readonly planPath: string;
  #count = 0;

  static async create(): Promise<ProveScene> {
    return new ProveScene(await DumpScene.create());
  }

  private constructor(dumps: DumpScene) {
    this.dumps = dumps;
    const keyFile = join(dumps.folder, 'key');
    writeFileSync(keyFile, `lifeboat-key-1:${dumps.masterKey.key.toString('base64')}\n`, { mode: 0o600 });
    this.planPath = this.planWith('plan', (plan) => plan);
  }

  /** A plan with other words in it. */
  planWith(name: string, change: (plan: string) => string): string {
    const { server, bucket, folder } = this.dumps;
    const path = join(folder, `${name}.yml`);
    const lines = [
      `bucket: ${bucket}`,
      `encryption: { keyFile: ${join(folder, 'key')} }`,
      'sources:',
      '  orders:',
      `    connection: { host: ${server.home}, user: postgres }`,
      '',
    ];
    writeFileSync(path, change(lines.join('\n')));
    return path;
  }

  planWithChecks(name: string, ...checks: object[]): string {
    return this.planWith(name, (plan) => `${plan}    checks: ${JSON.stringify(checks)}\n`);
  }

  /** A copy of the bucket, to be damaged. */
  copy(): { bucket: string; planPath: string } {
    const bucket = join(this.dumps.folder, `bucket-${++this.#count}`);
    spawnSync('cp', ['-a', this.dumps.bucket, bucket]);
    const change = (plan: string) => plan.replace(/^bucket: .*$/m, `bucket: ${bucket}`);
    return { bucket, planPath: this.planWith(`copy-${this.#count}`, change) };
  }

  start(input: object | string, { env, planPath, bucket, execution = `proof-${++this.#count}` }: ProofOver = {}) {
    const place = { planPath: planPath ?? this.planPath, bucket: bucket ?? this.dumps.bucket };
    const given =
      typeof input === 'string' ? input : { source: 'orders', requestedBy: 'test', restore: true, ...input };
    return new TaskRunner(place).start('prove-dump', {
      input: given,
      execution,
      env: { LIFEBOAT_DRILL_DIR: this.drills, LIFEBOAT_RUN_AS: serverAccount ? 'nobody' : undefined, ...env },
    });
  }

  run(input: object | string, over?: ProofOver): Promise<TaskEnd> {
    return this.start(input, over).ended;
  }

  async prove(input: object, over?: ProofOver): Promise<ProveDumpResult> {
    return proveDumpResultSchema.parse(assertWorked(await this.run(input, over)));
  }

  /** Processes that work in the folder. */
  serversThere(): string[] {
    return readdirSync('/proc').filter((pid) => {
      const { stdout } = spawnSync('readlink', [`/proc/${pid}/cwd`], { encoding: 'utf8' });
      return /^\d+$/.test(pid) && stdout.startsWith(this.drills);
    });
  }

  async remove(): Promise<void> {
    await this.dumps.remove();
    rmSync(this.drills, { recursive: true, force: true });
  }
}

/** One byte is not as it was. */
export function damage(path: string, at = -40): void {
  const bytes = readFileSync(path);
  bytes[at < 0 ? bytes.length + at : at]! ^= 0xff;
  writeFileSync(path, bytes);
}

/** A folder that the server's account may write to. */
export function tablespaceFolder(): string {
  const folder = serverFolder('lifeboat-space-');
  chmodSync(folder, 0o700);
  return folder;
}
