import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { serverAccount } from '#harness/postgres-installations';
import { makeServerFolder, type TestServer } from '#harness/postgres-server';
import { resolveResources } from '#harness/resolve-template';
import { TaskRunner } from '#harness/run-task';
import { type StrictKms, startStrictKms } from '#harness/strict-kms-server';
import { type StrictS3, startStrictS3 } from '#harness/strict-s3-server';
import { executionArn } from '#model/arn';
import { encodePlanData } from '#model/plan-data';
import { resultObjectSchema } from '#model/task-result';
import type { Vault } from '#recovery/open-backup';
import { kmsKeyRing } from '#runtime/kms-key-ring';
import { openStore } from '#runtime/open-store';
import { taskResultKey } from '#store/bucket-layout';
import { readObject } from '#store/read-object';
import { type GuardedAws, startGuardedAws } from './guarded-aws.ts';
import { packagedTemplate, type Template } from './packaged-template.ts';
import { RolePolicy } from './role-policy.ts';

const region = 'eu-central-1';
const bucket = `lifeboat-prod-111122223333-${region}`;

/** One task as the template deploys it: with its variables, and with the rights of its role before a strict S3 and KMS. */
export interface DeployedTask {
  aws: GuardedAws;
  policy: RolePolicy;
  start(input: object, step: string, execution?: string): ReturnType<TaskRunner['start']>;
  /** what it left in the bucket */
  result(step: string, execution?: string): Promise<unknown>;
}

export class DeployedTasks {
  readonly folder: string;
  readonly vault: Vault;
  readonly template: Template;
  readonly #s3: StrictS3;
  readonly #kms: StrictKms;
  readonly #keyArn: string;
  readonly planText: string;
  readonly #guards: GuardedAws[] = [];
  readonly #started: ReturnType<TaskRunner['start']>[] = [];

  /** With a source `orders` of a plan, whose password is a secret; here it is this server. */
  static async create(server: TestServer): Promise<DeployedTasks> {
    const folder = mkdtempSync(join(tmpdir(), 'lifeboat-tasks-'));
    makeServerFolder(folder);
    const deployed = join(folder, 'plan.yml');
    writeFileSync(deployed, planOf({ host: 'orders.internal', user: 'lifeboat', sslmode: 'require' }));
    const template = await packagedTemplate({ plan: deployed });
    const s3 = await startStrictS3({ bucket });
    const kms = await startStrictKms(s3.credentials);
    const store = await openStore(`s3://${bucket}`, s3.environment);
    return new DeployedTasks({ folder, template, s3, kms, store, plan: planOf({ ...server.connection }) });
  }

  private constructor(made: {
    folder: string;
    template: Template;
    s3: StrictS3;
    kms: StrictKms;
    store: Vault['store'];
    plan: string;
  }) {
    this.folder = made.folder;
    this.template = made.template;
    this.#s3 = made.s3;
    this.#kms = made.kms;
    this.planText = made.plan;
    this.#keyArn = made.kms.keys.create(region, { multiRegion: true }).arn;
    this.vault = { store: made.store, keyRing: kmsKeyRing(this.#keyArn, made.kms.environment()) };
  }

  /** `definition` and `role`: their names in the template; `machine`: whose execution asks for it */
  async task(
    definition: string,
    role: string,
    machine: string,
    env: Record<string, string> = {},
  ): Promise<DeployedTask> {
    const deployment = { parameters: { BackupKey: this.#keyArn.split('/')[1]!, ImageTag: '1' } };
    const policy = new RolePolicy(this.template, role, deployment);
    const { ContainerDefinitions } = resolveResources(this.template, [definition], deployment)[definition]!.Properties!;
    const [{ Command, Environment }] = ContainerDefinitions as [
      { Command: [string]; Environment: { Name: string; Value: string }[] },
    ];
    const aws = await startGuardedAws({
      ...{ policy, s3: this.#s3.endpoint, kms: this.#kms.endpoint, region },
      bucketKeyArn: `arn:aws:kms:${region}:111122223333:key/bucketkey`,
      answers: { 'secretsmanager:GetSecretValue': () => ({ SecretString: '{"password":"correct horse"}' }) },
    });
    this.#guards.push(aws);
    const { accessKeyId, secretAccessKey } = this.#s3.credentials;
    const runner = new TaskRunner({
      ...{ planPath: '/no/plan.yml', bucket: '/nowhere' },
      env: {
        ...Object.fromEntries(Environment.map(({ Name, Value }) => [Name, Value])),
        LIFEBOAT_PLAN_DATA: encodePlanData(this.planText),
        ...{ AWS_REGION: region, AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey },
        AWS_ENDPOINT_URL: aws.endpoint,
        ...(serverAccount ? { LIFEBOAT_RUN_AS: 'nobody' } : {}),
        ...env,
      },
    });
    const start = (input: object, step: string, execution = 'one') => {
      const started = runner.start(Command[0], {
        input,
        env: {
          LIFEBOAT_EXECUTION: executionArn(machine, execution),
          LIFEBOAT_RESULT: taskResultKey(machine, execution, step),
        },
      });
      this.#started.push(started);
      return started;
    };
    const result = async (step: string, execution = 'one') => {
      const bytes = await readObject(this.vault.store, taskResultKey(machine, execution, step), { maxBytes: 1 << 20 });
      return resultObjectSchema.parse(JSON.parse(bytes.toString('utf8'))).result;
    };
    return { aws, policy, start, result };
  }

  /** As if what lies below had been put so many days ago. */
  age(prefix: string, days: number): void {
    for (const [key, stored] of this.#s3.bucket.objects)
      if (key.startsWith(prefix)) stored.lastModified = new Date(Date.now() - days * 24 * 3_600_000);
  }

  /** A folder that the account of servers may write to. */
  room(name: string): string {
    const path = join(this.folder, name);
    mkdirSync(path);
    return makeServerFolder(path);
  }

  async close(): Promise<void> {
    for (const { child } of this.#started) child.kill('SIGKILL');
    await Promise.all(this.#started.map(({ ended }) => ended));
    await Promise.all([...this.#guards.map((guard) => guard.close()), this.#s3.close(), this.#kms.close()]);
    rmSync(this.folder, { recursive: true, force: true });
  }
}

const planOf = (connection: object): string =>
  JSON.stringify({
    bucket: 'stack',
    encryption: { kmsKey: 'stack' },
    retention: { window: '7d' },
    aws: { stack: 'lifeboat-prod', region },
    sources: {
      orders: { connection: { ...connection, password: 'secret:lifeboat/orders#password' }, walChunkSeconds: 1 },
    },
  });
