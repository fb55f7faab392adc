import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { resolveResources } from '#harness/resolve-template';
import type { KmsKey } from '#harness/strict-kms-keys';
import { type StrictKms, startStrictKms } from '#harness/strict-kms-server';
import { type StrictRds, startStrictRds } from '#harness/strict-rds';
import { type StrictS3, startStrictS3 } from '#harness/strict-s3-server';
import type { Functions } from '#local/function-host';
import type { Vault } from '#recovery/open-backup';
import { kmsKeyRing } from '#runtime/kms-key-ring';
import { openStore } from '#runtime/open-store';
import { logicalName } from '#stack/logical-name';
import { type FunctionPackage, packageFunctions } from '#stack/package-functions';
import { type GuardedAws, type GuardedAwsOptions, startGuardedAws } from './guarded-aws.ts';
import { type LambdaAnswer, LambdaProcess } from './lambda-process.ts';
import { packagedTemplate, type Template } from './packaged-template.ts';
import { type Asked, RolePolicy } from './role-policy.ts';

const region = 'eu-central-1';
const bucket = `lifeboat-prod-111122223333-${region}`;
const topicArn = (name: string): string => `arn:aws:sns:${region}:111122223333:lifeboat-prod-${name}`;

interface Running {
  process: LambdaProcess;
  aws: GuardedAws;
}

/**
 * The functions as the template deploys them: from their zips, each in a process of its own with its own variables, and
 * with the rights of its own role before a strict S3 and KMS.
 */
export class DeployedFunctions {
  /** with the rights of whoever set it up */
  readonly vault: Vault;
  readonly answers: NonNullable<GuardedAwsOptions['answers']> = {};
  readonly policies = new Map<string, RolePolicy>();
  readonly kms: StrictKms;
  readonly s3: StrictS3;
  readonly rds: StrictRds;
  readonly keyArn: string;
  readonly evidenceKey: KmsKey;
  readonly #template: Template;
  readonly #packages: ReadonlyMap<string, FunctionPackage>;
  readonly #running = new Map<string, Promise<Running>>();
  readonly #denied = new Map<string, Asked[]>();

  static async create(plan: string): Promise<DeployedFunctions> {
    const folder = await mkdtemp(join(tmpdir(), 'lifeboat-deployed-'));
    try {
      const planPath = join(folder, 'plan.yml');
      await writeFile(planPath, plan);
      const [template, packages] = await Promise.all([
        packagedTemplate({ plan: planPath }),
        packageFunctions(planPath, folder),
      ]);
      const s3 = await startStrictS3({ bucket });
      const kms = await startStrictKms(s3.credentials);
      const identity = { ...s3.credentials, arn: 'arn:aws:iam::111122223333:role/function' };
      const rds = await startStrictRds(region, () => new Date(), identity);
      const store = await openStore(`s3://${bucket}`, s3.environment);
      return new DeployedFunctions(template, packages, { s3, kms, rds, store });
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }

  private constructor(
    template: Template,
    packages: readonly FunctionPackage[],
    { s3, kms, rds, store }: { s3: StrictS3; kms: StrictKms; rds: StrictRds; store: Vault['store'] },
  ) {
    this.#template = template;
    const deployed = packages.filter(({ name }) => `${logicalName(name)}LambdaFunction` in template.Resources);
    this.#packages = new Map(deployed.map((one) => [one.name, one]));
    this.s3 = s3;
    this.kms = kms;
    this.rds = rds;
    this.keyArn = kms.keys.create(region, { multiRegion: true }).arn;
    this.evidenceKey = kms.keys.createSigning(region);
    kms.keys.alias(this.evidenceKey, 'lifeboat-prod-evidence');
    this.vault = { store, keyRing: kmsKeyRing(this.keyArn, kms.environment()) };
    for (const name of this.names) {
      this.policies.set(name, new RolePolicy(template, `${logicalName(name)}Role`, this.#deployment));
    }
  }

  get names(): string[] {
    return [...this.#packages.keys()];
  }

  async invoke(name: string, event: unknown): Promise<LambdaAnswer> {
    return (await this.#start(name)).process.invoke(event);
  }

  /** As the interpreter invokes them. */
  get functions(): Functions {
    return Object.fromEntries(
      this.names.map((name) => [name, async () => ({ handler: (event: unknown) => this.#payload(name, event) })]),
    );
  }

  /** What its role did not allow, of all that it asked for. */
  async deniedOf(name: string): Promise<Asked[]> {
    const running = await this.#running.get(name);
    return [...(this.#denied.get(name) ?? []), ...(running?.aws.denied ?? [])];
  }

  /** To services that only take note, since it was started. */
  async sentBy(name: string): Promise<GuardedAws['sent']> {
    return (await this.#running.get(name))?.aws.sent ?? [];
  }

  async maxRssBytes(name: string): Promise<number> {
    return (await this.#start(name)).process.maxRssBytes;
  }

  /** Ends a function, so that it is started anew. Answers the lines of its log. */
  async stop(name: string): Promise<Record<string, unknown>[]> {
    this.#denied.set(name, await this.deniedOf(name));
    const running = await this.#running.get(name);
    this.#running.delete(name);
    const log = await running?.process.stop();
    await running?.aws.close();
    return log ?? [];
  }

  async close(): Promise<void> {
    for (const name of [...this.#running.keys()]) await this.stop(name);
    await Promise.all([this.s3.close(), this.kms.close(), this.rds.close()]);
  }

  async #payload(name: string, event: unknown): Promise<unknown> {
    const { payload, error } = await this.invoke(name, event);
    if (!error) return payload;
    throw Object.assign(new Error(error.errorMessage), { name: error.errorType });
  }

  #start(name: string): Promise<Running> {
    const known = this.#running.get(name) ?? this.#startNow(name);
    this.#running.set(name, known);
    return known;
  }

  async #startNow(name: string): Promise<Running> {
    const aws = await startGuardedAws({
      ...{ policy: this.policies.get(name)!, s3: this.s3.endpoint, kms: this.kms.endpoint, region },
      rds: this.rds.environment.AWS_ENDPOINT_URL_RDS!,
      keyOf: (keyId) => (keyId.includes(':alias/') ? this.kms.keys.find(keyId, region).arn : keyId),
      rdsTags: (region, thing) => {
        const [type, id = ''] = thing.split(':');
        const kind = type === 'snapshot' ? 'instance' : 'cluster';
        return this.rds.regions.snapshot(region, kind, id)?.tags ?? {};
      },
      bucketKeyArn: `arn:aws:kms:${region}:111122223333:key/bucketkey`,
      answers: this.answers,
    });
    const { accessKeyId, secretAccessKey } = this.s3.credentials;
    const process = await LambdaProcess.start(this.#packages.get(name)!, {
      ...this.#environmentOf(name),
      ...{ AWS_REGION: region, AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey },
      AWS_ENDPOINT_URL: aws.endpoint,
    });
    return { process, aws };
  }

  #environmentOf(name: string): Record<string, string> {
    const id = `${logicalName(name)}LambdaFunction`;
    const { Environment } = resolveResources(this.#template, [id], this.#deployment)[id]!.Properties!;
    return (Environment as { Variables: Record<string, string> }).Variables;
  }

  get #deployment() {
    const topics = ['Failure', 'Question', 'Success'].map((name) => [`${name}Topic`, topicArn(name.toLowerCase())]);
    return {
      parameters: {
        ...Object.fromEntries(topics),
        BackupKey: this.keyArn.split('/')[1]!,
        EvidenceKey: this.evidenceKey.id,
      },
    };
  }
}
