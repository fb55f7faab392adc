import { NotReady } from '#failover/failures';
import { rebuiltByHand } from '#failover/rebuilt-by-hand';
import type { SiteFacts } from '#failover/site-facts';
import type { FailoverGroup } from '#model/failover-group';
import type { Site } from '#model/failover-site';

export interface FailbackDecision {
  /** where the primary belongs */
  to: string;
  /** where it is; when it is at home, the other site */
  from: string;
  /** whose server is, or has to be made, a standby of the primary */
  standby: string;
  /** whether it has to be made one first */
  rebuild: boolean;
  /** false: the primary is at home, and only lacks a standby */
  switchover: boolean;
  /** in words, for people */
  planText: string;
}

/** What leads the primary back home, or gives it a standby when it is there. @throws NotReady when nothing safe does */
export function decideFailback(group: FailoverGroup, home: SiteFacts, recovery: SiteFacts): FailbackDecision {
  const [to, from] = [group.home.name, group.recovery.name];
  if (isPrimary(home) && isPrimary(recovery))
    throw notReady(group, `${to} and ${from} are both primaries`, `stop one of them now, and keep its files`);
  if (isPrimary(home)) return decideStandby(group, home, recovery);
  if (!isPrimary(recovery))
    throw notReady(
      group,
      `${from} has no primary: ${describe(recovery)}`,
      `look at ${from}: lifeboat failover ${group.name}`,
    );
  const rebuild = !isStandbyOf(home, recovery);
  if (rebuild) refuseRebuild(group, group.home, home);
  const first = rebuild
    ? `${to} is made a standby of ${from} again: ${describe(home)}`
    : `${to} is a standby of ${from} already`;
  const planText = [
    `failback of ${group.name}: the primary of ${group.source} goes from ${from} back to ${to}`,
    `  1. ${first}`,
    `  2. ${to} catches up until it is at most ${group.limits.lagBytes} bytes behind`,
    `  3. a switchover that loses nothing and waits for a yes of its own: names, capacity and settings follow`,
  ].join('\n');
  return { to, from, standby: to, rebuild, switchover: true, planText };
}

/** After a move home that nobody could have planned, the other site is fenced, or gone. */
function decideStandby(group: FailoverGroup, home: SiteFacts, recovery: SiteFacts): FailbackDecision {
  const [to, from] = [group.home.name, group.recovery.name];
  if (isStandbyOf(recovery, home))
    throw notReady(
      group,
      `the primary is at ${to} already, and ${from} is its standby`,
      'there is nothing to bring back',
    );
  refuseRebuild(group, group.recovery, recovery);
  const planText = [
    `failback of ${group.name}: the primary of ${group.source} is at ${to} already, and has no standby`,
    `  1. ${from} is made a standby of ${to} again: ${describe(recovery)}`,
    `  2. ${from} catches up until it is at most ${group.limits.lagBytes} bytes behind; nothing else moves`,
  ].join('\n');
  return { to, from, standby: from, rebuild: true, switchover: false, planText };
}

const isPrimary = ({ server }: SiteFacts): boolean => server.state === 'answers' && server.role === 'primary';

function isStandbyOf({ server: standby }: SiteFacts, { server: primary }: SiteFacts): boolean {
  if (standby.state !== 'answers' || primary.state !== 'answers' || standby.role !== 'standby') return false;
  return standby.streams;
}

/** What may still take writes, or cannot be reached by what would rebuild it, is left as it is. */
function refuseRebuild(group: FailoverGroup, site: Site, facts: SiteFacts): void {
  const byHand = rebuiltByHand(site);
  if (byHand !== undefined) {
    throw notReady(
      group,
      `${facts.site} cannot be rebuilt from here: ${byHand}`,
      'make it a standby by hand, and start this again',
    );
  }
  if (facts.server.state !== 'silent' || facts.fence.fenced || facts.fence.possible) return;
  throw notReady(
    group,
    `${facts.site} does not answer, and is neither fenced nor can be: ${facts.fence.how}`,
    `see that ${facts.site} is stopped or healthy, and start this again`,
  );
}

function describe({ server, fence }: SiteFacts): string {
  if (server.state === 'absent') return 'it has no server';
  if (server.state === 'silent')
    return fence.fenced ? `it does not answer; ${fence.how}` : `it does not answer (${server.why})`;
  return server.role === 'primary'
    ? 'it is a primary'
    : `it is a standby that ${server.streams ? 'streams' : 'does not stream'}`;
}

const notReady = (group: FailoverGroup, why: string, hint: string): NotReady =>
  new NotReady(`${group.name} cannot be brought home: ${why}`, {
    operation: 'plan failback',
    subject: group.name,
    hint,
  });
