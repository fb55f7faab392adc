import { judgeSite, type LookedAt } from '#cli/site-readiness';
import type { Movable } from '#failover/movable';
import { observePrimary } from '#failover/observe-primary';
import type { SiteFacts } from '#failover/site-facts';
import { type FailoverGroup, sitesOf } from '#model/failover-group';
import type { Site } from '#model/failover-site';
import type { Finding } from '#postgres/readiness';
import type { Environment } from '#runtime/environment';
import { knownInTime } from '#runtime/known-in-time';
import { lookAtSites } from '#runtime/look-at-sites';
import { openMovables } from '#runtime/open-movables';
import { openSiteServer } from '#runtime/open-site-server';
import { siteAbilities } from '#runtime/site-abilities';

export interface GroupReadiness {
  group: string;
  findings: Finding[];
}

const askMs = 15_000;

/** What a move of each group would find at this moment, by what can be seen and done from here; nothing is changed. */
export const checkGroups = (groups: readonly FailoverGroup[], environment: Environment): Promise<GroupReadiness[]> =>
  Promise.all(groups.map(async (group) => ({ group: group.name, findings: await checkGroup(group, environment) })));

async function checkGroup(group: FailoverGroup, environment: Environment): Promise<Finding[]> {
  const server = async (name: string) =>
    openSiteServer(sitesOf(group).find((site) => site.name === name)!, { environment, group });
  const [facts, movables] = await Promise.all([lookAtSites({ group, server }), checkMovables(group, environment)]);
  const sites = await Promise.all(sitesOf(group).map((site, index) => lookedAt(site, facts[index]!, environment)));
  const [home, recovery] = sites as [LookedAt, LookedAt];
  const ofSites = [...judgeSite(home, recovery, group), ...judgeSite(recovery, home, group)];
  return [judgePrimary(group, facts), ...ofSites, ...movables];
}

async function lookedAt(site: Site, facts: SiteFacts, environment: Environment): Promise<LookedAt> {
  const { server } = site;
  if (server.kind !== 'postgres' || facts.server.state !== 'answers') return { site, facts };
  const can = await knownInTime(askMs, (signal) => siteAbilities(server.connection, { environment, signal }));
  return can.known ? { site, facts, can: can.value } : { site, facts, whyNot: can.why };
}

function judgePrimary({ name }: FailoverGroup, facts: readonly [SiteFacts, SiteFacts]): Finding {
  const subject = 'primary';
  const seen = observePrimary(facts);
  if (seen.primary === 'two')
    return {
      subject,
      status: 'failed',
      found: 'both sites take writes',
      hint: 'stop one of them now, and keep its files',
    };
  if (seen.primary === 'one') return { subject, status: 'ok', found: `at ${seen.site}` };
  return {
    subject,
    status: 'failed',
    found: 'none is seen',
    hint: `lifeboat groups ${name}; then lifeboat failover ${name}`,
  };
}

async function checkMovables(group: FailoverGroup, environment: Environment): Promise<Finding[]> {
  const opened = await knownInTime(askMs, () => openMovables(group, environment));
  if (!opened.known) return [{ subject: 'names', status: 'failed', found: opened.why, hint: 'correct it in the plan' }];
  return Promise.all(opened.value.map(checkMovable));
}

async function checkMovable(one: Movable): Promise<Finding> {
  const { part, what } = one;
  const problems = await knownInTime(askMs, (signal) => one.check(signal));
  const found = problems.known ? problems.value : [problems.why];
  if (found.length === 0) return { subject: part, status: 'ok', found: `${what} can be put` };
  const hint = `let who runs this change it, or correct ${part} in the plan`;
  return { subject: part, status: 'failed', found: `${what}: ${found.join('; ')}`, hint };
}
