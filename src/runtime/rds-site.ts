import type { DBInstance } from '@aws-sdk/client-rds';
import { FenceFailed, PromotionFailed } from '#failover/failures';
import type { FenceFacts, ServerAnswer, SiteFacts } from '#failover/site-facts';
import type { FenceMemory, PromotionOutcome, SiteServer } from '#failover/site-server';
import type { Site } from '#model/failover-site';
import { ConnectionFailed } from '#model/failure';
import { askSiteServer, type ServerSaid } from '#runtime/ask-site-server';
import type { Environment } from '#runtime/environment';
import { askUntil, type Pause } from './ask-until.ts';
import { groupsOf, isReplica, rdsFence } from './rds-fence.ts';
import { fenceRds, unfenceRds } from './rds-fencing.ts';
import { openRdsInstance, placeOf, type RdsInstance } from './rds-instance.ts';

export type RdsServer = Extract<Site['server'], { kind: 'rds' }>;

export interface RdsSite {
  name: string;
  server: RdsServer;
  environment: Environment;
  pause?: Pause | undefined;
  rds: RdsInstance;
}

/**
 * A site whose server is an instance of RDS, or the read replica of one in another region. RDS is asked, and PostgreSQL too where
 * the plan has a connection: who answers counts, for either may be cut off. How it is fenced: rds-fence.ts.
 */
export function openRdsSite(
  { name, server }: { name: string; server: RdsServer },
  { environment, pause }: { environment: Environment; pause?: Pause },
): SiteServer {
  const rds = openRdsInstance(server.instance, server.region, environment);
  const site: RdsSite = { name, server, environment, pause, rds };
  return {
    site: name,
    look: (signal) => look(site, signal),
    beforeFence: (signal) => memoryOf(site, signal),
    fence: (options) => fenceRds(site, options),
    unfence: (memory, signal) => unfenceRds(site, memory, signal),
    promote: (options) => promote(site, options),
  };
}

async function look({ name, server, environment, rds }: RdsSite, signal: AbortSignal): Promise<SiteFacts> {
  const [told, said] = await Promise.all([
    rds.describe(signal).catch((failure: Error) => failure),
    server.connection && askSiteServer(server.connection, { environment, signal }),
  ]);
  if (told instanceof Error) {
    const answer = said?.state === 'answers' ? { ...said, systemId: identityOf(server) } : undefined;
    const silent: ServerAnswer = { state: 'silent', why: told.message };
    return { site: name, server: answer ?? silent, fence: unseen(told.message) };
  }
  if (!told) {
    const how = `${placeOf(server.region)} has no instance ${server.instance}`;
    return { site: name, server: { state: 'absent' }, fence: unseen(how) };
  }
  return { site: name, server: answerOf(told, server, said), fence: rdsFence(told, server.fenceGroup) };
}

const unseen = (how: string): FenceFacts => ({ strength: 'hard', fenced: false, possible: false, how });

function answerOf(told: DBInstance, server: RdsServer, said: ServerSaid | undefined): ServerAnswer {
  const status = told.DBInstanceStatus ?? 'unknown';
  const systemId = identityOf(server, told.ReadReplicaSourceDBInstanceIdentifier);
  if (said?.state === 'silent') return { state: 'silent', why: `RDS says it is ${status}, but ${said.why}` };
  if (said) return { ...said, systemId };
  if (!serving.has(status)) return { state: 'silent', why: `RDS says it is ${status}` };
  const streams =
    told.StatusInfos?.some((one) => one.StatusType === 'read replication' && one.Normal === true) ?? false;
  return {
    ...{ state: 'answers', systemId, role: isReplica(told) ? 'standby' : 'primary' },
    ...{ timeline: null, lsn: null, received: null, replayedAt: null },
    // RDS tells no clock
    ...{ streams: isReplica(told) && streams, readsBucket: false, clock: new Date() },
  };
}

/**
 * Whose data it has: the same for a primary and its replica, for RDS tells no system identifier of PostgreSQL's. Of a source in
 * another region RDS tells the ARN, of one in the same only the name.
 */
function identityOf({ region, instance }: RdsServer, source?: string): string {
  if (!source) return `rds:${region}:${instance}`;
  const [, , , sourceRegion, , , id] = source.split(':');
  return sourceRegion === undefined ? `rds:${region}:${source}` : `rds:${sourceRegion}:${id}`;
}

/** PostgreSQL answers in these: https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/accessing-monitoring.html */
const serving = new Set([
  'available',
  'backing-up',
  'configuring-enhanced-monitoring',
  'configuring-iam-database-auth',
  'configuring-log-exports',
  'modifying',
  'resetting-master-credentials',
  'storage-config-upgrade',
  'storage-initialization',
  'storage-optimization',
]);

async function memoryOf({ server, rds }: RdsSite, signal: AbortSignal): Promise<FenceMemory> {
  const told = await rds.describe(signal);
  if (!told) throw absent('fence', server, FenceFailed);
  return {
    kind: 'rds',
    instance: server.instance,
    replica: isReplica(told),
    groups: groupsOf(told.VpcSecurityGroups),
    status: told.DBInstanceStatus ?? 'unknown',
  };
}

/** A promotion takes minutes, with a reboot: https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_ReadRepl.Promote.html */
async function promote(
  site: RdsSite,
  { waitMs, signal }: { waitMs: number; signal: AbortSignal },
): Promise<PromotionOutcome> {
  const begun = await beginPromotion(site, signal);
  const pace = { everyMs: 5_000, forMs: begun === 'done' ? 0 : waitMs, ...(site.pause && { pause: site.pause }) };
  const isDone = await askUntil(
    async () => ((await stateOf(site, signal)) === 'primary' ? true : undefined),
    pace,
    signal,
  );
  if (!isDone) return { done: false, timeline: null, lsn: null };
  const { connection } = site.server;
  const said = connection && (await askSiteServer(connection, { environment: site.environment, signal }));
  return said?.state === 'answers' && said.role === 'primary'
    ? { done: true, timeline: said.timeline, lsn: said.lsn }
    : { done: true, timeline: null, lsn: null };
}

async function beginPromotion(site: RdsSite, signal: AbortSignal): Promise<'done' | 'goes on'> {
  const state = await stateOf(site, signal);
  if (state === 'primary') return 'done';
  if (state === 'busy') return 'goes on';
  try {
    await site.rds.promote(state.retentionDays, signal);
    return 'goes on'; // and when RDS was busy with it, the next look tells by what
  } catch (failure) {
    // it may have happened all the same: whoever asks again looks first
    if (failure instanceof ConnectionFailed || signal.aborted) throw failure;
    throw refused(site.server, (failure as Error).message, failure);
  }
}

async function stateOf(
  { server, rds }: RdsSite,
  signal: AbortSignal,
): Promise<'primary' | 'busy' | { retentionDays: number | undefined }> {
  const told = await rds.describe(signal);
  if (!told) throw absent('promote', server, PromotionFailed);
  const status = told.DBInstanceStatus ?? 'unknown';
  if (hopeless.test(status)) throw refused(server, `RDS says it is ${status}`);
  if (!isReplica(told)) return serving.has(status) && status !== 'modifying' ? 'primary' : 'busy';
  // a promotion needs it so, and one that goes on has it otherwise
  return status === 'available' ? { retentionDays: told.BackupRetentionPeriod } : 'busy';
}

/** None of these ends by itself. */
const hopeless =
  /^(?:failed|stopped|stopping|deleting|storage-full|inaccessible-encryption-credentials|incompatible-.*|restore-error|insufficient-capacity)$/;

const refused = ({ instance, region }: RdsServer, why: string, cause?: unknown): PromotionFailed =>
  new PromotionFailed(`${instance} in ${region} cannot become the primary: ${why}`, {
    ...{ operation: 'promote', subject: instance, ...(cause !== undefined && { cause }) },
    hint: (cause as { hint?: string } | undefined)?.hint ?? 'look at its status and its events in the console of RDS',
  });

const absent = <T extends typeof FenceFailed | typeof PromotionFailed>(
  operation: string,
  { instance, region }: RdsServer,
  Kind: T,
) =>
  new Kind(`${placeOf(region)} has no instance ${instance}`, {
    ...{ operation, subject: instance },
    hint: 'check instance and region in the plan; an instance that was renamed has to be named as it is called now',
  });
