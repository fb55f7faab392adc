import { NotReady } from '#failover/failures';
import type { SiteFacts } from '#failover/site-facts';
import type { FailoverGroup } from '#model/failover-group';

export interface FailbackDecision {
  /** where the primary belongs */
  to: string;
  /** where it is */
  from: string;
  /** whether the server at `to` has to be made a standby first */
  rebuild: boolean;
  /** in words, for people */
  planText: string;
}

/** What leads the primary back home. @throws NotReady when nothing safe does */
export function decideFailback(group: FailoverGroup, home: SiteFacts, recovery: SiteFacts): FailbackDecision {
  const [to, from] = [group.home.name, group.recovery.name];
  if (isPrimary(home) && isPrimary(recovery))
    throw notReady(group, `${to} and ${from} are both primaries`, `stop one of them now, and keep its files`);
  if (isPrimary(home)) throw notReady(group, `the primary is at ${to} already`, 'there is nothing to bring back');
  if (!isPrimary(recovery))
    throw notReady(
      group,
      `${from} has no primary: ${describe(recovery)}`,
      `look at ${from}: lifeboat failover ${group.name}`,
    );
  const rebuild = !isStandbyOf(home, recovery);
  if (rebuild) refuseRebuild(group, home);
  const first = rebuild
    ? `${to} is made a standby of ${from} again: ${describe(home)}`
    : `${to} is a standby of ${from} already`;
  const planText = [
    `failback of ${group.name}: the primary of ${group.source} goes from ${from} back to ${to}`,
    `  1. ${first}`,
    `  2. ${to} catches up until it is at most ${group.limits.lagBytes} bytes behind`,
    `  3. a switchover that loses nothing and waits for a yes of its own: names, capacity and settings follow`,
  ].join('\n');
  return { to, from, rebuild, planText };
}

const isPrimary = ({ server }: SiteFacts): boolean => server.state === 'answers' && server.role === 'primary';

function isStandbyOf({ server: standby }: SiteFacts, { server: primary }: SiteFacts): boolean {
  if (standby.state !== 'answers' || primary.state !== 'answers' || standby.role !== 'standby') return false;
  return standby.streams;
}

/** What may still take writes, or cannot be reached by what would rebuild it, is left as it is. */
function refuseRebuild(group: FailoverGroup, home: SiteFacts): void {
  const { server } = group.home;
  const bySql = server.kind === 'postgres' && server.control.kind === 'sql';
  const byHand = server.kind === 'postgres' && server.control.kind === 'ec2' && !server.control.rebuildDocument;
  if (bySql || byHand) {
    const why = bySql ? 'control is sql' : 'the plan names no rebuildDocument';
    throw notReady(
      group,
      `${home.site} cannot be rebuilt from here: ${why}`,
      'make it a standby by hand, and start this again',
    );
  }
  if (home.server.state !== 'silent' || home.fence.fenced || home.fence.possible) return;
  throw notReady(
    group,
    `${home.site} does not answer, and is neither fenced nor can be: ${home.fence.how}`,
    `see that ${home.site} is stopped or healthy, and start this again`,
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
