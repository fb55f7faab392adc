import { stateWords } from '#failover/move-blockers';
import type { WitnessFacts } from '#failover/move-facts';
import { type Observed, observePrimary, stateOf } from '#failover/observe-primary';
import type { SiteFacts } from '#failover/site-facts';
import { formatDuration } from '#model/duration';
import { executionName } from '#model/execution-name';
import { type FailoverGroup, otherSite } from '#model/failover-group';
import {
  type FailoverStanding,
  looksInARow,
  type PrimaryAlone,
  type PrimaryGone,
  unbrokenRow,
  wasMovedSince,
} from '#model/failover-standing';
import type { Finding, FindingKind } from '#model/finding';
import { type FindingChanges, findingChanges } from '#model/finding-changes';

/** One look at a group. */
export interface PrimaryLook {
  sites: readonly [SiteFacts, SiteFacts];
  witnesses: readonly WitnessFacts[];
  /** the execution that moves the group just now, for what it does on its way is no trouble; null: none does */
  moving: string | null;
  /** names, and the sites that each leads to as it is now; null: some could not be read */
  names: readonly { what: string; leadsTo: readonly string[] }[] | null;
}

export interface Judged {
  standing: FailoverStanding;
  changes: FindingChanges;
  /** somebody is asked now whether to move */
  proposal: Proposal | undefined;
}

export interface Proposal {
  /** the same for the same outage */
  execution: string;
  reason: string;
}

/**
 * An outage is a row of looks in which no site was seen to have a primary that takes writes:
 *
 *     there --not seen--> counted --3 looks in a row--> told --proposeAfter has passed--> proposed, once
 *     any of them --a primary is seen--> there
 *     counted, told --nobody looked for 5 minutes, or an execution moved the group--> counted, from the beginning
 *
 * While an execution moves the group nothing is counted, nor does an outage begin; two primaries are told whoever moves what.
 */
export function judgePrimary(
  group: FailoverGroup,
  before: FailoverStanding | undefined,
  look: PrimaryLook,
  now: Date,
): Judged {
  const observed = observePrimary(look.sites);
  const row = observed.primary === 'none' ? goneOf(before, look, now) : null;
  const proposal = row && look.moving === null ? proposalOf(group, before, look, row, now) : undefined;
  const gone = row && { ...row, proposed: row.proposed ?? proposal?.execution ?? null };
  const found = [
    ...twoPrimaries(group, look, now),
    ...(look.moving !== null ? [] : [...primaryGone(group, before, gone, now), ...namesAstray(group, look, now)]),
  ];
  const changes = findingChanges(before?.findings ?? [], found, unjudged(look));
  const moved = look.moving === null ? before?.moved : { at: now.toISOString(), execution: look.moving };
  const standing: FailoverStanding = {
    ...{ format: 'lifeboat-failover/1', group: group.name, at: now.toISOString() },
    primary: observed.primary === 'one' ? observed.site : (before?.primary ?? null),
    sites: look.sites.map((one) => ({ site: one.site, state: stateOf(one), why: whyOf(one) })),
    gone,
    alone: aloneOf(before, look, observed, now),
    witnesses: look.witnesses.map(({ what, kind, says, detail }) => ({ what, kind, says, detail })),
    findings: changes.current,
    ...(moved && { moved }),
    automatic: before?.automatic ?? null,
    plans: before?.plans ?? [],
  };
  return { standing, changes, proposal };
}

const whyOf = ({ server }: SiteFacts): string | null => (server.state === 'silent' ? server.why : null);

function unjudged({ moving, names }: PrimaryLook): FindingKind[] {
  if (moving !== null) return ['primary-gone', 'names-astray'];
  return names === null ? ['names-astray'] : [];
}

/** What was proposed stays so, whoever moved and however long nobody looked: one outage is proposed once. */
function goneOf(before: FailoverStanding | undefined, look: PrimaryLook, now: Date): PrimaryGone | null {
  const known = before?.gone ?? null;
  if (look.moving !== null) return known;
  const why = look.sites.map((one) => `${one.site} ${stateWords(one)}`).join('; ');
  const row = unbrokenRow(before, { now });
  if (row) return { ...row, why, looks: row.looks + 1 };
  const isPaused = known?.proposed != null && before !== undefined && !wasMovedSince(before);
  const since = isPaused ? known.since : now.toISOString();
  return { since, looks: 1, why, proposed: known?.proposed ?? null };
}

/** Nobody is told of it but who asks: right after a move it is so, and a standby may start anew. */
function aloneOf(
  before: FailoverStanding | undefined,
  { sites }: PrimaryLook,
  observed: Observed,
  now: Date,
): PrimaryAlone | null {
  if (observed.primary !== 'one') return null;
  const other = sites.find(({ site }) => site === observed.other)!;
  const { server } = other;
  const isStandby = server.state === 'answers' && stateOf(other) === 'standby';
  if (isStandby && server.streams) return null;
  const known = before?.alone?.site === other.site ? before.alone : undefined;
  const still = isStandby ? `, and does not stream${server.readsBucket ? ': it reads what is in the bucket' : ''}` : '';
  return { since: known?.since ?? now.toISOString(), site: other.site, why: `${stateWords(other)}${still}` };
}

function proposalOf(
  group: FailoverGroup,
  before: FailoverStanding | undefined,
  look: PrimaryLook,
  { since, looks, proposed }: PrimaryGone,
  now: Date,
): Proposal | undefined {
  const lastedMs = now.getTime() - Date.parse(since);
  const isDue = group.proposeAfterMs !== undefined && lastedMs >= group.proposeAfterMs && looks >= looksInARow;
  if (!isDue || proposed !== null || !canTakeOver(group, before, look)) return undefined;
  const says = look.witnesses.map(({ what, says }) => `${what} says ${says}`);
  return {
    execution: executionName('propose', group.name, since.replace(/[-:]|\.\d+/g, '')),
    reason: [`no primary was seen for ${formatDuration(lastedMs)}, ${looks} looks in a row`, ...says]
      .join('; ')
      .slice(0, 500),
  };
}

/** A question that nobody could say yes to is not asked: that the primary is gone is told all the same. */
function canTakeOver(group: FailoverGroup, before: FailoverStanding | undefined, { sites }: PrimaryLook): boolean {
  if (sites.some((one) => stateOf(one) === 'standby')) return true;
  if (before?.primary == null) return false;
  const other = otherSite(group, before.primary);
  const { server } = other;
  const restorable = server.kind === 'postgres' && server.control.kind === 'local';
  return restorable && sites.some((one) => one.site === other.name && stateOf(one) === 'absent');
}

function twoPrimaries({ name, source, home, recovery }: FailoverGroup, { sites }: PrimaryLook, now: Date): Finding[] {
  if (observePrimary(sites).primary !== 'two') return [];
  return [
    {
      ...{ kind: 'two-primaries', source, since: now.toISOString(), dedupe: `two-primaries ${name}` },
      what: `${home.name} and ${recovery.name} both take writes as the primary of ${name}: with each write their data differ more`,
      todo: `decide which one clients write to, stop the server of the other one at once and keep its data; then \`lifeboat failback ${name}\``,
    },
  ];
}

function primaryGone(
  { name, source, proposeAfterMs }: FailoverGroup,
  before: FailoverStanding | undefined,
  gone: PrimaryGone | null,
  now: Date,
): Finding[] {
  if (!gone || gone.looks < looksInARow) {
    // a row that was broken by a pause is still the same trouble
    return gone ? (before?.findings.filter(({ kind }) => kind === 'primary-gone') ?? []) : [];
  }
  const lasted = formatDuration(now.getTime() - Date.parse(gone.since));
  const next =
    gone.proposed !== null
      ? `approve or reject what is proposed: \`lifeboat executions ${gone.proposed}\``
      : `look at the server; where it is lost: \`lifeboat failover ${name}\``;
  const asked = proposeAfterMs === undefined ? '' : ` (proposed by itself after ${formatDuration(proposeAfterMs)})`;
  return [
    {
      ...{ kind: 'primary-gone', source, since: gone.since, dedupe: `primary-gone ${name}` },
      what: `${name} has no primary that takes writes for ${lasted}: ${gone.why}`,
      todo: `${next}${gone.proposed === null ? asked : ''}`,
    },
  ];
}

function namesAstray(group: FailoverGroup, { sites, names }: PrimaryLook, now: Date): Finding[] {
  const observed = observePrimary(sites);
  if (observed.primary !== 'one' || names === null) return [];
  const astray = names.filter(({ leadsTo }) => leadsTo.length > 0 && !leadsTo.includes(observed.site));
  if (astray.length === 0) return [];
  const other = sites.find(({ site }) => site === observed.other)!;
  const fenced = other.fence.fenced ? `${other.site}, which is fenced` : other.site;
  return [
    {
      ...{ kind: 'names-astray', source: group.source, since: now.toISOString(), dedupe: `names-astray ${group.name}` },
      what: `${astray.map(({ what }) => what).join(', ')} lead clients of ${group.name} to ${fenced}, and the primary is at ${observed.site}`,
      todo: `lifeboat failover ${group.name} --to ${observed.site}`,
    },
  ];
}
