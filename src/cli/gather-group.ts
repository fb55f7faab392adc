import { readFailoverStanding } from '#catalog/failover-standing';
import { readLease } from '#catalog/lease';
import { askingNow, type RunningNow } from '#cli/asking-now';
import type { CommandContext } from '#cli/command';
import type { GroupReport, MovedReport, SiteReport } from '#cli/group-report';
import type { Movable } from '#failover/movable';
import { stateOf } from '#failover/observe-primary';
import type { SiteFacts } from '#failover/site-facts';
import { standbyState } from '#failover/standby-state';
import { executionArn, stackOf } from '#model/arn';
import { type FailoverGroup, sitesOf } from '#model/failover-group';
import type { Site } from '#model/failover-site';
import { formatLsn } from '#model/lsn';
import { openMovables } from '#runtime/open-movables';
import { openSiteServer } from '#runtime/open-site-server';
import { leaseKey } from '#store/bucket-layout';
import type { ObjectStore } from '#store/object-store';

/** Who has not answered by then is silent. */
const patienceMs = 10_000;

/** Look at a group's sites and at all that follows its primary, from here; and read what the bucket knows of it. */
export async function gatherGroup(
  group: FailoverGroup,
  store: ObjectStore,
  running: RunningNow | undefined,
  context: CommandContext,
): Promise<GroupReport> {
  const now = context.now();
  const signal = AbortSignal.any([context.signal, AbortSignal.timeout(patienceMs)]);
  const [facts, moved, lease, questions, standing] = await Promise.all([
    Promise.all(sitesOf(group).map((site) => lookAt(site, group, signal, context))),
    lookAtMoved(group, signal, context),
    readLease(store, leaseKey(group.source, 'failover')),
    askingNow(store, now, running),
    readFailoverStanding(store, group.name),
  ]);
  const isHeld = lease && !lease.state.released && now < new Date(lease.state.expiresAt);
  const held = isHeld && !hasEnded(lease.state.execution, running) ? lease.state : undefined;
  const { host, pid, acquiredAt: since, expiresAt: until, execution = null } = held ?? {};
  return {
    group: group.name,
    source: group.source,
    home: group.home.name,
    sites: facts.map((one, index) => siteReport(one, facts[1 - index]!, group)),
    moved,
    lease: held ? { execution, host: host!, pid: pid!, since: since!, until: until! } : null,
    questions: questions.filter(({ machine, source }) => machine === 'failover' && source === group.source),
    standing,
  };
}

/** What was stopped holds its lease until the next one takes it, and moves nothing. Where nobody can say, it moves. */
function hasEnded(execution: string | undefined, running: RunningNow | undefined): boolean {
  if (execution === undefined || running === undefined) return false;
  const isOfDaemon = stackOf(execution) === stackOf(executionArn('failover', 'any'));
  const isOfPlace = isOfDaemon === (running.kind === 'daemon');
  return isOfPlace && !running.executions.some(({ arn }) => arn === execution);
}

/** A place that cannot be looked at, whyever, is one that says nothing. */
async function lookAt(
  site: Site,
  group: FailoverGroup,
  signal: AbortSignal,
  { environment, signal: stop }: CommandContext,
): Promise<SiteFacts> {
  try {
    const server = await openSiteServer(site, { environment, group });
    return await server.look(signal);
  } catch (failure) {
    stop.throwIfAborted();
    const why = signal.aborted ? `no answer within ${patienceMs / 1000} s` : (failure as Error).message;
    const fence = { strength: 'soft', fenced: false, possible: false, how: why } as const;
    return { site: site.name, server: { state: 'silent', why }, fence };
  }
}

function siteReport(facts: SiteFacts, other: SiteFacts, group: FailoverGroup): SiteReport {
  const { site, server, fence } = facts;
  const found = { site, state: stateOf(facts), fence };
  if (server.state !== 'answers') {
    const detail = server.state === 'silent' ? server.why : 'there is no server and no data directory';
    return { ...found, detail, timeline: null, lsn: null, lagBytes: null, replayedAt: null };
  }
  const standby = server.role === 'standby' ? standbyState(facts, other, group.limits.lagBytes) : undefined;
  return {
    ...found,
    detail: standby ? standby.state : null,
    timeline: server.timeline,
    lsn: server.lsn && formatLsn(server.lsn),
    lagBytes: standby ? standby.lagBytes : null,
    replayedAt: standby && server.replayedAt ? server.replayedAt.toISOString() : null,
  };
}

async function lookAtMoved(
  group: FailoverGroup,
  signal: AbortSignal,
  { environment, signal: stop }: CommandContext,
): Promise<MovedReport[]> {
  const sites = sitesOf(group).map(({ name }) => name);
  const look = async (one: Movable): Promise<MovedReport> => {
    const { part, what } = one;
    try {
      const value = await one.read(signal);
      return { part, what, value, of: sites.filter((site) => one.wanted(site) === value), problem: null };
    } catch (failure) {
      stop.throwIfAborted();
      return { part, what, value: null, of: [], problem: (failure as Error).message };
    }
  };
  return Promise.all((await openMovables(group, environment)).map(look));
}
