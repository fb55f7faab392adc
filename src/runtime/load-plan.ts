import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import type { EvidenceSettings } from '#model/evidence-settings';
import type { FailoverGroup } from '#model/failover-group';
import type { Site } from '#model/failover-site';
import { InputInvalid } from '#model/failure';
import type { Kubernetes } from '#model/kubernetes';
import type { MetricsSettings } from '#model/metrics-settings';
import type { Notification } from '#model/notification';
import { isS3Url, ofTheStack, type Plan, parsePlan } from '#model/plan';
import { decodePlanData } from '#model/plan-data';
import type { Connection } from '#model/postgres-source';
import type { RecoverySystem } from '#model/recovery-system';
import type { SecretReference } from '#model/secret-reference';
import { type Environment, resolvePath } from '#runtime/environment';
import { checkDataFolders } from '#runtime/own-data-folders';

/**
 * Read a plan from a file, relative to `cwd`; a container has no such file, but LIFEBOAT_PLAN_DATA. Its paths come back
 * absolute: `~/` is the home folder, relative ones are relative to the plan's folder. Secrets stay references.
 * @throws InputInvalid when there is no such file; PlanInvalid
 */
export async function loadPlan(path: string, world: PlanWorld): Promise<Plan> {
  return inStack(await loadWrittenPlan(path, world), world.environment);
}

export interface PlanWorld {
  environment: Environment;
  cwd: string;
}

/** As it is written: its bucket and its key may still be `stack`. @throws InputInvalid, PlanInvalid */
export async function loadWrittenPlan(path: string, { environment, cwd }: PlanWorld): Promise<Plan> {
  const { name, text } = await planText(path, { environment, cwd });
  const folder = dirname(resolve(cwd, path));
  const plan = withAbsolutePaths(parsePlan(text, name), (inside) => resolvePath(inside, folder, environment));
  await checkDataFolders(plan.failover);
  return plan;
}

/** What it was read from, and its text. @throws InputInvalid when there is no such file */
export async function planText(path: string, { environment, cwd }: PlanWorld): Promise<{ name: string; text: string }> {
  const { LIFEBOAT_PLAN_DATA: data } = environment;
  if (data) return { name: 'LIFEBOAT_PLAN_DATA', text: decodePlanData(data) };
  return { name: path, text: await readPlan(resolve(cwd, path), path) };
}

/** The bucket and key that the plan's stack made: whoever runs in the stack, or found it, has them in the environment. */
export function inStack(plan: Plan, { LIFEBOAT_BUCKET, LIFEBOAT_KMS_KEY, LIFEBOAT_EVIDENCE_KEY }: Environment): Plan {
  const known = (value: string | undefined, field: string): string => {
    if (value) return value;
    const hint = 'ask the stack: --stack NAME, or the environment of its functions and tasks';
    throw new InputInvalid(
      field,
      ofTheStack,
      `what the stack made (LIFEBOAT_BUCKET, LIFEBOAT_KMS_KEY, LIFEBOAT_EVIDENCE_KEY)`,
      hint,
    );
  };
  const { bucket, encryption, evidence } = plan;
  return {
    ...plan,
    bucket: bucket === ofTheStack ? known(LIFEBOAT_BUCKET, 'bucket') : bucket,
    encryption: isStackKey(plan) ? { kmsKey: known(LIFEBOAT_KMS_KEY, 'encryption.kmsKey') } : encryption,
    ...(evidence && {
      evidence: signsInStack(evidence)
        ? { ...evidence, signer: { kmsKey: known(LIFEBOAT_EVIDENCE_KEY, 'evidence.kmsKey') } }
        : evidence,
    }),
  };
}

/** Whether a plan has its bucket or a key from its stack. */
export const takesFromStack = (plan: Plan): boolean =>
  plan.bucket === ofTheStack || isStackKey(plan) || (plan.evidence !== undefined && signsInStack(plan.evidence));

const signsInStack = ({ signer }: EvidenceSettings): boolean => 'kmsKey' in signer && signer.kmsKey === ofTheStack;

const isStackKey = ({ encryption }: Plan): boolean =>
  typeof encryption === 'object' && 'kmsKey' in encryption && encryption.kmsKey === ofTheStack;

async function readPlan(file: string, path: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') {
      throw new InputInvalid(
        'plan',
        path,
        'a file that exists',
        'write one with `lifeboat init`, or name another with --plan FILE',
      );
    }
    const hint = 'let the account that runs lifeboat read it, or name another with --plan FILE';
    throw new InputInvalid('plan', path, `a file that can be read, got ${code}`, hint);
  }
}

type Absolute = (path: string) => string;

function withAbsolutePaths(plan: Plan, absolute: Absolute): Plan {
  return {
    ...plan,
    bucket: isS3Url(plan.bucket) || plan.bucket === ofTheStack ? plan.bucket : absolute(plan.bucket),
    encryption: encryptionPath(plan.encryption, absolute),
    sources: plan.sources.map((source) => ({ ...source, connection: connectionPaths(source.connection, absolute) })),
    notifications: plan.notifications.map((notification) => notificationPaths(notification, absolute)),
    failover: plan.failover.map((group) => groupPaths(group, absolute)),
    systems: plan.systems.map((system) => systemPaths(system, absolute)),
    ...(plan.metrics && { metrics: metricsPath(plan.metrics, absolute) }),
    ...(plan.evidence && { evidence: evidencePaths(plan.evidence, absolute) }),
    ...(plan.slack && { slack: { ...plan.slack, signingSecret: secretPath(plan.slack.signingSecret, absolute) } }),
  };
}

const encryptionPath = (encryption: Plan['encryption'], absolute: Absolute): Plan['encryption'] =>
  typeof encryption === 'object' && 'keyFile' in encryption ? { keyFile: absolute(encryption.keyFile) } : encryption;

function connectionPaths(connection: Connection, absolute: Absolute): Connection {
  const { sslrootcert, password } = connection;
  return {
    ...connection,
    ...(sslrootcert === undefined ? {} : { sslrootcert: absolute(sslrootcert) }),
    ...(password === undefined ? {} : { password: secretPath(password, absolute) }),
  };
}

const groupPaths = (group: FailoverGroup, absolute: Absolute): FailoverGroup => ({
  ...group,
  home: sitePaths(group.home, absolute),
  recovery: sitePaths(group.recovery, absolute),
  names: group.names.map((one) => (one.kind === 'file' ? { ...one, path: absolute(one.path) } : one)),
  capacity: group.capacity.map((one) => movedPaths(one, absolute)),
  settings: group.settings.map((one) => movedPaths(one, absolute)),
});

const systemPaths = (system: RecoverySystem, absolute: Absolute): RecoverySystem => ({
  ...system,
  applications: system.applications.map((one) => movedPaths(one, absolute)),
  settings: system.settings.map((one) => movedPaths(one, absolute)),
  health: system.health.map(({ connection, ...check }) =>
    connection === undefined ? check : { ...check, connection: connectionPaths(connection, absolute) },
  ),
});

/** A capacity or a setting, of whatever kind. */
function movedPaths<T extends { kind: string; path?: string; cluster?: string | Kubernetes }>(
  one: T,
  absolute: Absolute,
): T {
  if (one.kind === 'file' && one.path !== undefined) return { ...one, path: absolute(one.path) };
  if (typeof one.cluster === 'object') return { ...one, cluster: clusterPaths(one.cluster, absolute) };
  return one;
}

function sitePaths(site: Site, absolute: Absolute): Site {
  const { server } = site;
  const given = 'connection' in server ? { connection: connectionPaths(server.connection, absolute) } : {};
  if (server.kind !== 'postgres' || server.control.kind !== 'local')
    return { ...site, server: { ...server, ...given } };
  const { dataDir, binDir, ...control } = server.control;
  const places = { dataDir: absolute(dataDir), ...(binDir === undefined ? {} : { binDir: absolute(binDir) }) };
  return { ...site, server: { ...server, ...given, control: { ...control, ...places } } };
}

const clusterPaths = (cluster: Kubernetes, absolute: Absolute): Kubernetes =>
  'eks' in cluster
    ? cluster
    : {
        ...cluster,
        token: secretPath(cluster.token, absolute),
        ...(cluster.certificateAuthority && {
          certificateAuthority: secretPath(cluster.certificateAuthority, absolute),
        }),
      };

const evidencePaths = ({ signer, formerKeys }: EvidenceSettings, absolute: Absolute): EvidenceSettings => ({
  signer: 'signingKey' in signer ? { signingKey: absolute(signer.signingKey) } : signer,
  ...(formerKeys === undefined ? {} : { formerKeys: absolute(formerKeys) }),
});

const metricsPath = ({ pushgateway, job }: MetricsSettings, absolute: Absolute): MetricsSettings => ({
  pushgateway: typeof pushgateway === 'string' ? pushgateway : secretPath(pushgateway, absolute),
  job,
});

function notificationPaths(notification: Notification, absolute: Absolute): Notification {
  if (notification.kind === 'slack') return { ...notification, webhook: secretPath(notification.webhook, absolute) };
  if (notification.kind === 'webhook') return { ...notification, url: secretPath(notification.url, absolute) };
  if (notification.kind === 'statuspage') return { ...notification, apiKey: secretPath(notification.apiKey, absolute) };
  if (notification.kind !== 'email' || notification.ses || notification.smtp.password === undefined)
    return notification;
  return {
    ...notification,
    smtp: { ...notification.smtp, password: secretPath(notification.smtp.password, absolute) },
  };
}

const secretPath = (secret: SecretReference, absolute: Absolute): SecretReference =>
  secret.from === 'file' ? { from: 'file', path: absolute(secret.path) } : secret;
