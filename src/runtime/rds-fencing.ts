import type { DBInstance } from '@aws-sdk/client-rds';
import { FenceFailed } from '#failover/failures';
import type { FenceMemory, FenceOutcome } from '#failover/site-server';
import { formatLsn, type Lsn, parseLsn } from '#model/lsn';
import { askUntil } from './ask-until.ts';
import { openLastSession } from './last-session.ts';
import { endTag, fencedTag, groupsOf, groupsTag, hasGroups, isFresh, isReplica, rdsFence, tagOf } from './rds-fence.ts';
import type { RdsSite } from './rds-site.ts';

/** How long RDS may take for each step. */
const [everyMs, forMs] = [5_000, 10 * 60_000];

/**
 * Shut the door, send away who is inside, reboot, and see that it is so. A kill leaves it at one of these steps, and a second
 * call goes on there; none is taken twice in vain but the reboot.
 * @throws FenceFailed
 */
export async function fenceRds(
  site: RdsSite,
  { gently, signal }: { gently: boolean; signal: AbortSignal },
): Promise<FenceOutcome> {
  return asFenceFailed(site, signal, async () => {
    const before = await settled(site, signal);
    const facts = rdsFence(before, site.server.fenceGroup);
    if (!facts.possible) throw failed(site, facts.how);
    if (facts.fenced && !isFresh(before, new Date())) return await fenceAnew(site, before, { gently, signal });
    if (facts.fenced) return { strength: 'hard', how: facts.how, end: knownEnd(site, before, gently) };
    if (gently && !site.server.connection)
      throw failed(site, 'where its WAL ends can only be asked with a connection', 'give the site a connection');
    const end = gently ? await shutGently(site, before, signal) : await shut(site, before, signal);
    await reboot(site, signal);
    const arn = (await described(site, signal)).DBInstanceArn ?? '';
    await site.rds.tag(arn, { [fencedTag]: new Date().toISOString() }, signal);
    const after = rdsFence(await described(site, signal), site.server.fenceGroup);
    if (!after.fenced) throw failed(site, after.how);
    return { strength: 'hard', how: after.how, end };
  });
}

/** A replica that RDS works on may come out of it as a primary, whose groups nobody has stored. */
async function settled(site: RdsSite, signal: AbortSignal): Promise<DBInstance> {
  const told = await described(site, signal);
  if (!isReplica(told) || told.DBInstanceStatus === 'available') return told;
  const ask = async () => {
    const now = await described(site, signal);
    return !isReplica(now) || now.DBInstanceStatus === 'available' ? now : undefined;
  };
  const after = await within(site, 'become an available replica', ask, signal);
  if (isReplica(after)) return after;
  throw failed(site, 'somebody has promoted it meanwhile', 'see which of the two is the primary, and start again');
}

/** What the tags say is of another day: without them it counts as open, until it was rebooted. */
async function fenceAnew(
  site: RdsSite,
  before: DBInstance,
  how: { gently: boolean; signal: AbortSignal },
): Promise<FenceOutcome> {
  if (how.gently) throw failed(site, 'it was fenced long ago, and what was written since nobody can say', tryAgain);
  await site.rds.untag(before.DBInstanceArn ?? '', [fencedTag, endTag], how.signal);
  return fenceRds(site, how);
}

/** The end was written down before the reboot: after it nobody can ask any more. */
function knownEnd(site: RdsSite, instance: DBInstance, gently: boolean): Lsn | null {
  const end = tagOf(instance, endTag);
  if (end !== undefined) return parseLsn(end, endTag);
  if (!gently || isReplica(instance)) return null;
  throw failed(site, 'nobody can connect any more, and where its WAL ends was not written down', tryAgain);
}

const tryAgain = 'undo the fence, and start the switchover again';

async function shut(site: RdsSite, before: DBInstance, signal: AbortSignal): Promise<null> {
  const fenceGroup = site.server.fenceGroup!;
  if (hasGroups(before, [fenceGroup])) return null;
  const arn = before.DBInstanceArn ?? '';
  const stale = [fencedTag, endTag].filter((key) => tagOf(before, key) !== undefined);
  if (stale.length > 0) await site.rds.untag(arn, stale, signal);
  const groups = groupsOf(before.VpcSecurityGroups);
  // begun before: what it had then is known already
  if (!groups.includes(fenceGroup)) await site.rds.tag(arn, { [groupsTag]: groups.join(' ') }, signal);
  await changeGroups(site, [fenceGroup], signal);
  return null;
}

/**
 * The connection is opened before the door is shut, and outlives that: so there is a moment with no other client, and none can
 * come, at which the WAL's end is all that was ever committed.
 */
async function shutGently(site: RdsSite, before: DBInstance, signal: AbortSignal): Promise<Lsn> {
  const { connection, fenceGroup } = site.server;
  const end = tagOf(before, endTag);
  if (end !== undefined && hasGroups(before, [fenceGroup!])) return parseLsn(end, endTag);
  const session = await openLastSession(connection!, site.environment, { pause: site.pause });
  try {
    await shut(site, before, signal);
    const reached = await session.endOthers(signal);
    await site.rds.tag(before.DBInstanceArn ?? '', { [endTag]: formatLsn(reached) }, signal);
    return reached;
  } finally {
    session.close();
  }
}

/** It is seen to go down before it is seen to be up: RDS may tell the status of before for a moment. */
async function reboot(site: RdsSite, signal: AbortSignal): Promise<void> {
  const status = await within(site, 'take a reboot', () => site.rds.reboot(signal), signal);
  let down = status !== 'available';
  await within(
    site,
    'come up again',
    async () => {
      const { DBInstanceStatus: now } = await described(site, signal);
      if (now !== 'available') down = true;
      return down && now === 'available' ? true : undefined;
    },
    signal,
  );
}

async function changeGroups(site: RdsSite, groups: readonly string[], signal: AbortSignal): Promise<void> {
  const put = async () => ((await site.rds.putGroups(groups, signal)) ? true : undefined);
  await within(site, 'take other security groups', put, signal);
  const arePut = async () => (hasGroups(await described(site, signal), groups) ? true : undefined);
  await within(site, `have the security groups ${groups.join(', ')} only`, arePut, signal);
}

/**
 * Let clients in again: the same groups as before. What says that it is fenced goes first, so that it is never said of an open
 * instance. @throws FenceFailed
 */
export async function unfenceRds(site: RdsSite, memory: FenceMemory, signal: AbortSignal): Promise<void> {
  await asFenceFailed(site, signal, async () => {
    const groups = Array.isArray(memory.groups) ? memory.groups : [];
    if (memory.replica === true) return;
    if (groups.length === 0 || groups.every((id) => id === site.server.fenceGroup))
      throw failed(
        site,
        'what it had before the fence is not known',
        'put its security groups back in the console of RDS: the tag lifeboat:groups-before may name them',
      );
    const told = await described(site, signal);
    const tags = [fencedTag, endTag, groupsTag].filter((key) => tagOf(told, key) !== undefined);
    if (tags.length > 0) await site.rds.untag(told.DBInstanceArn ?? '', tags, signal);
    if (!hasGroups(told, groups)) await changeGroups(site, groups, signal);
  });
}

async function within<T>(
  site: RdsSite,
  what: string,
  ask: () => Promise<T | undefined>,
  signal: AbortSignal,
): Promise<T> {
  const answer = await askUntil(ask, { everyMs, forMs, ...(site.pause && { pause: site.pause }) }, signal);
  if (answer === undefined) throw failed(site, `it did not ${what} within ${forMs / 60_000} minutes`);
  return answer;
}

async function described({ server, rds }: RdsSite, signal: AbortSignal): Promise<DBInstance> {
  const told = await rds.describe(signal);
  if (told) return told;
  throw new FenceFailed(`RDS in ${server.region} has no instance ${server.instance}`, {
    ...{ operation: 'fence', subject: server.instance },
    hint: 'check instance and region in the plan; an instance that was renamed has to be named as it is called now',
  });
}

const failed = ({ name, server }: RdsSite, why: string, hint?: string): FenceFailed =>
  new FenceFailed(`${server.instance} at ${name} may still take writes: ${why}`, {
    ...{ operation: 'fence', subject: server.instance },
    hint: hint ?? 'look at its status and its events in the console of RDS',
  });

async function asFenceFailed<T>(site: RdsSite, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (failure) {
    if (failure instanceof FenceFailed || signal.aborted) throw failure;
    const { message, hint } = failure as { message: string; hint?: string };
    throw new FenceFailed(`${site.server.instance} at ${site.name} may still take writes: ${message}`, {
      ...{ operation: 'fence', subject: site.server.instance, cause: failure },
      ...(hint !== undefined && { hint }),
    });
  }
}
