import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { NoticeInput } from '#model/notice';
import { planDigest } from '#model/plan-digest';
import { provideWorld } from '#runtime/function-world';
import { inStack, loadWrittenPlan } from '#runtime/load-plan';
import { openStore } from '#runtime/open-store';
import type { ObjectStore } from '#store/object-store';
import { type DeployedEngine, openDeployedEngine } from './deployed-engine.ts';
import { serverFolder } from './postgres-server.ts';
import { type Ended, type RunOptions, runLifeboat, startLifeboat } from './run-lifeboat.ts';
import { type StrictAws, startStrictAws } from './strict-aws.ts';
import type { AwsIdentity } from './strict-aws-signature.ts';
import { type StrictS3, startStrictS3 } from './strict-s3-server.ts';

const session = (name: string): string => `arn:aws:sts::123456789012:assumed-role/dba/${name}@example.org`;

/** Who asks; the one whose credentials the bucket takes. */
export const grace: AwsIdentity = {
  accessKeyId: 'STRICTS3ACCESSKEY',
  secretAccessKey: 'strict/secret+key',
  arn: session('grace'),
};
export const ada: AwsIdentity = {
  accessKeyId: 'ASIAADAADAADAADAADAA',
  secretAccessKey: 'ada/secret+key',
  sessionToken: 'FwoGZXIvYXdzEBYaDA+ada/==',
  arn: session('ada'),
};
export const mallory: AwsIdentity = {
  accessKeyId: 'ASIAMALLORYMALLORYMA',
  secretAccessKey: 'mallory-secret',
  sessionToken: 'bWFsbG9yeQ==',
  arn: session('mallory'),
};

/**
 * A stack `lifeboat-prod` with a plan for one source named `orders`: the machines and functions of this checkout under the
 * names that they have on AWS, a bucket behind the strict S3, and what tells commands where all that is. Ada and Grace
 * may approve, with four eyes; Mallory has credentials of the same role.
 */
export class DeployedStack {
  readonly name = 'lifeboat-prod';
  readonly folder = serverFolder('lifeboat-deployed-');
  readonly planPath = join(this.folder, 'plan.yml');
  readonly notices: NoticeInput[] = [];
  readonly aws: StrictAws;
  readonly s3: StrictS3;
  readonly store: ObjectStore;
  #deployed: DeployedEngine | undefined;

  /** `source`: of the plan, beside what it is called */
  static async open(source: object, environment: Record<string, string> = {}): Promise<DeployedStack> {
    const s3 = await startStrictS3();
    const store = await openStore('s3://strict-bucket/prod', s3.environment);
    const stack = new DeployedStack(await startStrictAws([grace, ada, mallory]), s3, store);
    await stack.#deploy(source, environment);
    return stack;
  }

  private constructor(aws: StrictAws, s3: StrictS3, store: ObjectStore) {
    this.aws = aws;
    this.s3 = s3;
    this.store = store;
  }

  async #deploy(source: object, more: Record<string, string>): Promise<void> {
    this.writePlan(source);
    const outputs = { BucketUrl: this.store.url, BackupKeyArn: 'arn:aws:kms:eu-central-1:123456789012:key/mrk-1' };
    const environment = {
      ...this.environmentOf(grace),
      AWS_REGION: 'eu-central-1',
      PATH: process.env.PATH ?? '',
      HOME: this.folder,
      LIFEBOAT_PLAN: this.planPath,
      LIFEBOAT_BUCKET: outputs.BucketUrl,
      LIFEBOAT_KMS_KEY: outputs.BackupKeyArn,
      ...more,
    };
    const written = await loadWrittenPlan(this.planPath, { environment: {}, cwd: this.folder });
    this.#deployed = await openDeployedEngine({ folder: this.folder, stack: this.name, environment });
    const { engine, endpoint, outputs: names } = this.#deployed;
    this.aws.forward = endpoint;
    const digest = planDigest(readFileSync(this.planPath, 'utf8'));
    this.aws.stacks.set(this.name, {
      status: 'CREATE_COMPLETE',
      outputs: { ...outputs, ...names, PlanDigest: digest },
    });
    provideWorld({
      plan: inStack(written, environment),
      vault: { store: this.store, keyRing: undefined },
      environment,
      now: () => new Date(),
      publish: async (notice) => void this.notices.push(notice),
      stepFunctions: {
        sendTaskSuccess: async (token, output) => {
          const sent = JSON.parse(JSON.stringify(output));
          return (await engine.tokens.sendSuccess(token, sent)) === 'taken' ? 'taken' : 'nobody waits';
        },
      },
    });
  }

  get engine(): DeployedEngine['engine'] {
    return this.#deployed!.engine;
  }

  writePlan(source: object, more: object = {}): void {
    const approvers = [
      { name: 'Ada', email: 'ada@example.org', iam: ada.arn },
      { name: 'Grace', iam: grace.arn },
    ];
    const plan = {
      ...{ bucket: 'stack', encryption: 'none', aws: { stack: this.name, region: 'eu-central-1' } },
      ...{ sources: { orders: source }, approvers, fourEyes: true, ...more },
    };
    writeFileSync(this.planPath, JSON.stringify(plan), { mode: 0o644 }); // JSON is YAML
  }

  environmentOf(identity: AwsIdentity): Record<string, string> {
    return { AWS_ENDPOINT_URL_S3: this.s3.endpoint, ...this.aws.environmentOf(identity) };
  }

  /** A command, with somebody's credentials, in the plan's folder. */
  run(args: readonly string[], as = grace, options: RunOptions = {}): Promise<Ended> {
    return runLifeboat(args, this.#options(as, options));
  }

  start(args: readonly string[], as = grace, options: RunOptions = {}) {
    return startLifeboat(args, this.#options(as, options));
  }

  #options(as: AwsIdentity, { env, ...options }: RunOptions): RunOptions {
    return { cwd: this.folder, env: { ...this.environmentOf(as), ...env }, ...options };
  }

  /** Everything that the engine wrote, for tests that look for secrets in it. */
  written(): string {
    const folder = join(this.folder, 'engine');
    return readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && !/^(?:endpoint\.json|aws-credentials)$/.test(entry.name))
      .map((entry) => readFileSync(join(entry.parentPath, entry.name), 'utf8'))
      .join('\n');
  }

  /** A folder to restore to. */
  place(name: string): string {
    mkdirSync(join(this.folder, 'restored'), { recursive: true, mode: 0o755 });
    return join(this.folder, 'restored', name);
  }

  async close(): Promise<void> {
    const { executions } = this.engine;
    for (const { arn } of executions.list({ status: 'RUNNING' })) await executions.stop(arn);
    await this.engine.close();
    await Promise.all([this.aws.close(), this.s3.close()]);
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 5 });
  }
}
