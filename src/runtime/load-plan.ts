import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { InputInvalid } from '#model/failure';
import type { Notification } from '#model/notification';
import { isS3Url, ofTheStack, type Plan, parsePlan } from '#model/plan';
import type { Connection } from '#model/postgres-source';
import type { SecretReference } from '#model/secret-reference';
import { type Environment, resolvePath } from '#runtime/environment';

/**
 * Read a plan from a file, relative to `cwd`. Its paths come back absolute: `~/` is the home folder, relative ones are relative to the
 * plan's folder. Secrets stay references.
 * @throws InputInvalid when there is no such file; PlanInvalid
 */
export async function loadPlan(
  path: string,
  { environment, cwd }: { environment: Environment; cwd: string },
): Promise<Plan> {
  const file = resolve(cwd, path);
  const content = await readPlan(file, path);
  const folder = dirname(file);
  const plan = withStack(parsePlan(content, path), environment);
  return withAbsolutePaths(plan, (inside) => resolvePath(inside, folder, environment));
}

/** The bucket and key that the plan's stack made: whoever runs in the stack, or found it, has them in the environment. */
function withStack(plan: Plan, { LIFEBOAT_BUCKET, LIFEBOAT_KMS_KEY }: Environment): Plan {
  const known = (value: string | undefined, field: string): string => {
    if (value) return value;
    const hint = 'ask the stack: --stack NAME, or the environment of its functions and tasks';
    throw new InputInvalid(field, ofTheStack, `what the stack made (LIFEBOAT_BUCKET, LIFEBOAT_KMS_KEY)`, hint);
  };
  const { bucket, encryption } = plan;
  const isStackKey = typeof encryption === 'object' && 'kmsKey' in encryption && encryption.kmsKey === ofTheStack;
  return {
    ...plan,
    bucket: bucket === ofTheStack ? known(LIFEBOAT_BUCKET, 'bucket') : bucket,
    encryption: isStackKey ? { kmsKey: known(LIFEBOAT_KMS_KEY, 'encryption.kmsKey') } : encryption,
  };
}

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
    bucket: isS3Url(plan.bucket) ? plan.bucket : absolute(plan.bucket),
    encryption: encryptionPath(plan.encryption, absolute),
    sources: plan.sources.map((source) => ({ ...source, connection: connectionPaths(source.connection, absolute) })),
    notifications: plan.notifications.map((notification) => notificationPaths(notification, absolute)),
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

function notificationPaths(notification: Notification, absolute: Absolute): Notification {
  if (notification.kind === 'slack') return { ...notification, webhook: secretPath(notification.webhook, absolute) };
  if (notification.kind === 'webhook') return { ...notification, url: secretPath(notification.url, absolute) };
  if (notification.kind !== 'email' || notification.smtp.password === undefined) return notification;
  return {
    ...notification,
    smtp: { ...notification.smtp, password: secretPath(notification.smtp.password, absolute) },
  };
}

const secretPath = (secret: SecretReference, absolute: Absolute): SecretReference =>
  secret.from === 'file' ? { from: 'file', path: absolute(secret.path) } : secret;
