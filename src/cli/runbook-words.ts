import { existsSync } from 'node:fs';
import { isAbsolute, join, resolve } from 'node:path';
import type { CommandContext } from '#cli/command';
import type { BucketSays } from '#cli/runbook-bucket';
import type { FailoverGroup } from '#model/failover-group';
import type { ManagedSource } from '#model/managed-source';
import type { Plan } from '#model/plan';
import type { PostgresSource } from '#model/postgres-source';
import type { Condition } from '#runbook/situation';
import type { Words } from '#runbook/words';
import { findServerPrograms } from '#runtime/server-programs';

/** What the person says of it. */
export interface Given {
  time: string | undefined;
  database: string | undefined;
  table: string | undefined;
  place: string | undefined;
}

export interface Known {
  plan: Plan | undefined;
  source: PostgresSource | ManagedSource | undefined;
  bucket: BucketSays | undefined;
}

/** A socket of the restored server lies in its own directory, so this number meets nobody. */
const besidePort = '54329';

/** What can be filled in: by the plan, the bucket, the person, in this order of trust from the last. */
export function runbookWords({ plan, source, bucket }: Known, given: Given, context: CommandContext): Words {
  const { environment } = context;
  const connection = source?.connection;
  const place = placeOf(source, given, context.cwd);
  const { table } = given;
  const { stack, region, recoveryRegion } = plan?.aws ?? {};
  const isManaged = source?.kind === 'rds';
  const words: { [Name in keyof Words]: string | undefined } = {
    SOURCE: source?.name,
    GROUP: groupOf(plan, source)?.name,
    SYSTEM: plan?.systems.length === 1 ? plan.systems[0]!.name : undefined,
    PLACE: place,
    HOST: connection?.host,
    PORT: connection && String(connection.port),
    ADMIN: bucket?.server?.superuser ?? (isManaged ? connection?.user : 'postgres'),
    ACCOUNT: environment.LIFEBOAT_RUN_AS || 'postgres',
    START_OPTIONS: connection && startOptions(connection),
    DATABASE: given.database ?? onlyDatabase(source),
    TABLE: table,
    RESCUED:
      table === undefined ? undefined : table.endsWith('"') ? `${table.slice(0, -1)}_rescued"` : `${table}_rescued`,
    FILE: place && table && `${place}.${table.replaceAll(/[^\w.-]/g, '_')}`,
    INSTANT: given.time,
    DUMP: bucket?.dump,
    BESIDE_HOST: isManaged ? undefined : place,
    BESIDE_PORT: isManaged ? String(connection?.port ?? 5432) : besidePort,
    NEW_NAME: isManaged ? `${source.database.id}-restored` : undefined,
    KEY_FILE:
      typeof plan?.encryption === 'object' && 'keyFile' in plan.encryption ? plan.encryption.keyFile : undefined,
    KMS_KEY:
      typeof plan?.encryption === 'object' && 'kmsKey' in plan.encryption ? kmsKey(plan.encryption.kmsKey) : undefined,
    REGION: context.given.region ?? region ?? regionOf(plan?.encryption),
    RECOVERY_REGION: recoveryRegion,
    BUCKET: plan?.bucket === 'stack' ? `that of the stack ${context.given.stack ?? stack}` : plan?.bucket,
  };
  return Object.fromEntries(Object.entries(words).filter(([, value]) => value !== undefined));
}

/** Of a key's ARN. */
const regionOf = (encryption: Plan['encryption'] | undefined): string | undefined =>
  typeof encryption === 'object' && 'kmsKey' in encryption ? encryption.kmsKey.split(':')[3] : undefined;

const kmsKey = (arn: string): string | undefined => (arn === 'stack' ? undefined : arn);

function placeOf(source: Known['source'], { place }: Given, cwd: string): string | undefined {
  if (place !== undefined) return resolve(cwd, place);
  return source && `/srv/${source.name}-restored`;
}

/** Where the plan looks for the server. */
const startOptions = ({ host, port }: { host: string; port: number }): string =>
  isAbsolute(host) ? `-p ${port} -k ${host}` : `-p ${port}`;

function onlyDatabase(source: Known['source']): string | undefined {
  const [first, ...others] = source?.dump.databases ?? [];
  return others.length === 0 ? first : undefined;
}

/** What holds of the source and of what runs the plan. */
export function conditionsOf({ plan, source, bucket }: Known, context: CommandContext): Set<Condition> {
  const { encryption, aws } = plan ?? {};
  const conditions: [Condition, boolean][] = [
    ['rds', source?.kind === 'rds'],
    ['instance', source?.kind === 'rds' && source.database.type === 'instance'],
    ['cluster', source?.kind === 'rds' && source.database.type === 'cluster'],
    ['postgres', source?.kind !== 'rds'],
    ['stack', (context.given.stack ?? aws?.stack) !== undefined],
    ['daemon', (context.given.stack ?? aws?.stack) === undefined],
    ['approvers', (plan?.approvers.length ?? 0) > 0],
    ['noApprovers', (plan?.approvers.length ?? 0) === 0],
    ['dumps', source?.schedules.dump !== undefined || bucket?.dump !== undefined],
    ['recoveryRegion', aws?.recoveryRegion !== undefined],
    ['noRecoveryRegion', aws?.recoveryRegion === undefined],
    ['group', groupOf(plan, source) !== undefined],
    ['noGroup', groupOf(plan, source) === undefined],
    ['keyFile', typeof encryption === 'object' && 'keyFile' in encryption],
    ['kms', typeof encryption === 'object' && 'kmsKey' in encryption],
  ];
  return new Set(conditions.flatMap(([condition, holds]) => (holds ? [condition] : [])));
}

/** What moves the source, if anything does. */
export const groupOf = (plan: Plan | undefined, source: Known['source']): FailoverGroup | undefined =>
  plan?.failover.find((group) => group.source === source?.name);

/** Programs that packages put outside of PATH. */
export function programPlaces({ bucket }: Known, { environment }: CommandContext): Record<string, string> {
  const packaged = bucket?.server && findServerPrograms(bucket.server.major, environment);
  const path = [environment.LIFEBOAT_BIN_DIR, packaged]
    .flatMap((folder) => (folder ? [join(folder, 'pg_ctl')] : []))
    .find((file) => existsSync(file));
  return path === undefined ? {} : { pg_ctl: path };
}
