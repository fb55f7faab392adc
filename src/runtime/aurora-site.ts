import type { DBCluster, GlobalCluster, GlobalClusterMember } from '@aws-sdk/client-rds';
import { FenceFailed, PromotionFailed } from '#failover/failures';
import type { FenceFacts, ServerAnswer, SiteFacts } from '#failover/site-facts';
import type { FenceMemory, FenceOutcome, PromotionOutcome, SiteServer } from '#failover/site-server';
import { type FailoverGroup, sitesOf } from '#model/failover-group';
import type { Site } from '#model/failover-site';
import { ConnectionFailed } from '#model/failure';
import type { Environment } from '#runtime/environment';
import { askUntil, type Pause } from './ask-until.ts';
import { type AuroraGlobal, openAuroraGlobal } from './global-cluster.ts';
import { awsErrorOf } from './send-aws.ts';

export type AuroraServer = Extract<Site['server'], { kind: 'aurora' }>;

/*
 * A member of an Aurora global database. It has one writer, and Aurora itself moves it, so a fence is not a step of ours:
 *
 *   fence      changes nothing; it sees that the cluster is a member, for what is no member any more Aurora cannot fence
 *   promote    gently: SwitchoverGlobalCluster, which first stops the writes of the primary and brings the target up to it;
 *              else FailoverGlobalCluster with AllowDataLoss, which stops writes at the old primary's storage as soon as Aurora
 *              reaches that: a region that is cut off may take writes until then, and they are lost
 *   unfence    changes nothing
 *
 * `strength` says which of the two it would be: hard while the region of the cluster answers, soft while it does not.
 * https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/aurora-global-database-disaster-recovery.html
 */

interface AuroraSite {
  name: string;
  server: AuroraServer;
  /** the site's own first */
  regions: string[];
  global: AuroraGlobal;
  pause: Pause | undefined;
}

export function openAuroraSite(
  { name, server }: { name: string; server: AuroraServer },
  { environment, group, pause }: { environment: Environment; group: FailoverGroup; pause?: Pause },
): SiteServer {
  const all = sitesOf(group).flatMap((one) => (one.server.kind === 'aurora' ? [one.server.region] : []));
  const regions = [...new Set([server.region, ...all])];
  const site = { name, server, regions, global: openAuroraGlobal(server.globalCluster, environment), pause };
  return {
    site: name,
    switchesItself: true,
    look: (signal) => look(site, signal),
    beforeFence: async (signal) => memoryOf(await membership(site, FenceFailed, signal)),
    fence: ({ signal }) => fence(site, signal),
    unfence: (_memory, signal) => unfence(site, signal),
    promote: (options) => promote(site, options),
  };
}

async function look({ name, server, regions, global }: AuroraSite, signal: AbortSignal): Promise<SiteFacts> {
  const failed = (failure: Error) => failure;
  const [whole, own] = await Promise.all([
    global.describe(regions, signal).catch(failed),
    global.cluster(server.region, server.cluster, signal).catch(failed),
  ]);
  return { site: name, server: answerOf(server, whole, own), fence: fenceOf(server, whole, own) };
}

type Told<T> = T | Error | undefined;

function answerOf(server: AuroraServer, whole: Told<GlobalCluster>, own: Told<DBCluster>): ServerAnswer {
  if (own === undefined) return { state: 'absent' };
  const silent = (why: string): ServerAnswer => ({ state: 'silent', why });
  if (own instanceof Error) return silent(own.message);
  if (whole instanceof Error) return silent(whole.message);
  const member = memberOf(server, whole);
  if (!whole || !member) return silent(`it is no member of the global database ${server.globalCluster}`);
  if (!serving.has(own.Status ?? '')) return silent(`Aurora says it is ${own.Status ?? 'unknown'}`);
  const isWriter = member.IsWriter === true;
  return {
    ...{ state: 'answers', systemId: whole.GlobalClusterResourceId ?? server.globalCluster },
    ...{ role: isWriter ? 'primary' : 'standby', timeline: null, lsn: null, received: null, replayedAt: null },
    ...{ streams: !isWriter && member.SynchronizationStatus === 'connected', readsBucket: false },
    clock: new Date(), // Aurora tells none
  };
}

/** https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/accessing-monitoring.html */
const serving = new Set(['available', 'backing-up', 'modifying', 'maintenance', 'switching-over', 'promoting']);

function fenceOf(server: AuroraServer, whole: Told<GlobalCluster>, own: Told<DBCluster>): FenceFacts {
  if (whole instanceof Error) return { strength: 'soft', fenced: false, possible: false, how: whole.message };
  if (!memberOf(server, whole)) {
    const how = `it is no member of the global database ${server.globalCluster}, so Aurora does not end its writes`;
    return { strength: 'soft', fenced: false, possible: false, how };
  }
  const reached = 'Aurora moves its one writer itself, and stops the writes of the old one';
  const cutOff = `${reached} at its storage as soon as it reaches that; the region is silent, so it may take writes until then, which are lost`;
  const strength = own instanceof Error || own === undefined ? 'soft' : 'hard';
  return { strength, fenced: true, possible: true, how: strength === 'hard' ? reached : cutOff };
}

const memberOf = (server: AuroraServer, whole: GlobalCluster | undefined): GlobalClusterMember | undefined =>
  whole?.GlobalClusterMembers?.find(({ DBClusterArn: arn = '' }) => isOf(arn, server));

const isOf = (arn: string, { region, cluster }: AuroraServer): boolean => {
  const [, , , told, , , ...name] = arn.split(':');
  return told === region && name.join(':') === cluster;
};

type Kind = typeof FenceFailed | typeof PromotionFailed;

async function membership(
  { server, regions, global }: AuroraSite,
  Kind: Kind,
  signal: AbortSignal,
): Promise<{ whole: GlobalCluster; member: GlobalClusterMember }> {
  const whole = await global.describe(regions, signal);
  const member = memberOf(server, whole);
  if (whole && member) return { whole, member };
  const what = whole ? `no member ${server.cluster} in ${server.region}` : 'gone';
  throw new Kind(`the global database ${server.globalCluster} is ${whole ? `without it: ${what}` : what}`, {
    ...{ operation: 'move the writer', subject: server.cluster },
    hint: 'check globalCluster, cluster and region in the plan; what was detached has to be fenced and promoted by hand',
  });
}

const memoryOf = ({ whole, member }: { whole: GlobalCluster; member: GlobalClusterMember }): FenceMemory => ({
  kind: 'aurora',
  cluster: member.DBClusterArn ?? '',
  writer: member.IsWriter === true,
  status: whole.Status ?? 'unknown',
});

async function fence(site: AuroraSite, signal: AbortSignal): Promise<FenceOutcome> {
  const { fence: facts } = await look(site, signal);
  signal.throwIfAborted();
  if (facts.fenced) return { strength: facts.strength, how: facts.how, end: null };
  throw new FenceFailed(`${site.server.cluster} at ${site.name} may still take writes: ${facts.how}`, {
    ...{ operation: 'fence', subject: site.server.cluster },
    hint: 'look at the global database in the console of RDS, from a region that answers',
  });
}

/** It never stopped taking writes, unless a promotion has begun: then there is nothing to go back to. */
async function unfence(site: AuroraSite, signal: AbortSignal): Promise<void> {
  const { whole, member } = await membership(site, FenceFailed, signal);
  const to = whole.FailoverState?.ToDbClusterArn;
  if (member.IsWriter === true && to === undefined) return;
  const why = to === undefined ? 'another cluster is the writer' : `the writer moves to ${to}`;
  throw new FenceFailed(`${site.server.cluster} at ${site.name} does not take writes: ${why}`, {
    ...{ operation: 'undo the fence', subject: site.server.cluster },
    hint: 'let it end, and switch over again',
  });
}

async function promote(
  site: AuroraSite,
  { gently, waitMs, signal }: { gently: boolean; waitMs: number; signal: AbortSignal },
): Promise<PromotionOutcome> {
  const first = await stateOf(site, signal);
  if (typeof first === 'object') await begin(site, first, gently, signal);
  const pace = { everyMs: 5_000, forMs: first === 'writer' ? 0 : waitMs, ...(site.pause && { pause: site.pause }) };
  const look = async () => ((await stateOf(site, signal)) === 'writer' ? true : undefined);
  const done = first === 'writer' || (await askUntil(look, pace, signal)) === true;
  return { done, timeline: null, lsn: null };
}

/** Where it may be asked for: what the writer is, and where. */
interface Movable {
  target: string;
  writerRegion: string;
}

async function stateOf(site: AuroraSite, signal: AbortSignal): Promise<'writer' | 'moves' | Movable> {
  const { whole, member } = await membership(site, PromotionFailed, signal);
  const { Status: status, ToDbClusterArn: to } = whole.FailoverState ?? {};
  if (to !== undefined && to !== member.DBClusterArn && status !== 'cancelling')
    throw refused(site, `the writer moves to ${to} (${status})`);
  if (status !== undefined) return 'moves';
  if (member.IsWriter === true) return 'writer';
  if (whole.Status !== 'available') return 'moves';
  const writer = whole.GlobalClusterMembers?.find(({ IsWriter }) => IsWriter)?.DBClusterArn;
  return { target: member.DBClusterArn ?? '', writerRegion: writer?.split(':')[3] ?? site.server.region };
}

/** A state that AWS refuses it in may be that of a promotion whose answer was lost: who looks again sees. */
async function begin(site: AuroraSite, { target, writerRegion }: Movable, gently: boolean, signal: AbortSignal) {
  try {
    if (gently) await site.global.switchover(writerRegion, target, signal);
    else await site.global.failover(site.server.region, target, signal);
  } catch (failure) {
    if (failure instanceof ConnectionFailed || signal.aborted) throw failure;
    const isState = /^Invalid(?:Global|DB)ClusterStateFault$/.test(awsErrorOf(failure) ?? '');
    if (isState && typeof (await stateOf(site, signal)) === 'string') return;
    throw refused(site, (failure as Error).message, failure);
  }
}

const refused = ({ name, server }: AuroraSite, why: string, cause?: unknown): PromotionFailed =>
  new PromotionFailed(`${server.cluster} at ${name} does not become the writer: ${why}`, {
    ...{ operation: 'promote', subject: server.cluster, ...(cause !== undefined && { cause }) },
    hint: (cause as { hint?: string } | undefined)?.hint ?? 'look at the global database in the console of RDS',
  });
