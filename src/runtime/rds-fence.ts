import type { DBInstance } from '@aws-sdk/client-rds';
import type { FenceFacts } from '#failover/site-facts';

/*
 * How an instance of RDS is kept from taking writes. It cannot be stopped: RDS does not stop what has a read replica, and starts
 * by itself after seven days what is stopped (https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_StopInstance.html).
 * So it gets one security group only, that of the plan, which lets nobody in; and since connections that are open live on
 * when a group changes (https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/security-group-connection-tracking.html), it is
 * rebooted after that. That it was cannot be asked of RDS later, so a tag says it: set last, removed first. The tag knows nothing of
 * who opened the groups since and closed them again: so a fence that is older than its execution may be is made anew.
 *
 * The replication of a read replica does not go through these groups: RDS has a way of its own for it
 * (https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_ReadRepl.XRgn.html). What works inside of the instance
 * (jobs of pg_cron, subscriptions) goes on behind the fence; nobody can see it, and it is lost with the instance.
 */

/** The instance has been rebooted behind the fence, when. */
export const fencedTag = 'lifeboat:fenced';
/** The security groups that it had before, with spaces between. */
export const groupsTag = 'lifeboat:groups-before';
/** Where its WAL ended when the last client was sent away. */
export const endTag = 'lifeboat:end';

/** What an instance tells of its fence; a replica has it by nature, while nothing is done to it that may be its promotion. */
export function rdsFence(instance: DBInstance, fenceGroup: string | undefined): FenceFacts {
  const { DBInstanceStatus: status = 'unknown' } = instance;
  if (isReplica(instance) && status !== 'available') {
    const how = `a read replica that is ${status}: it may be on the way to take writes`;
    return { strength: 'hard', fenced: false, possible: fenceGroup !== undefined, how };
  }
  if (isReplica(instance)) {
    const how = 'a read replica, which takes no writes until somebody promotes it';
    return { strength: 'hard', fenced: true, possible: true, how };
  }
  if (fenceGroup === undefined) {
    const how = 'it cannot be fenced: name a fenceGroup, a security group without rules, in the plan';
    return { strength: 'hard', fenced: false, possible: false, how };
  }
  const since = tagOf(instance, fencedTag);
  const isAlone = hasGroups(instance, [fenceGroup]);
  if (isAlone && since !== undefined) {
    const how = `nobody can connect: ${fenceGroup} is its only security group, and it was rebooted behind it at ${since}`;
    return { strength: 'hard', fenced: true, possible: true, how };
  }
  const how = isAlone
    ? `${fenceGroup} is its only security group, but connections from before may be open: it was not rebooted since`
    : `by ${fenceGroup} as its only security group, and a reboot`;
  return { strength: 'hard', fenced: false, possible: true, how };
}

/** Longer than a move takes from its fence to its promotion, with all that is tried again. */
const freshMs = 60 * 60_000;

/** Whether the reboot was so lately that it belongs to the move that is under way. */
export const isFresh = (instance: DBInstance, now: Date): boolean =>
  isReplica(instance) || now.getTime() - Date.parse(tagOf(instance, fencedTag) ?? '') < freshMs;

export const isReplica = (instance: DBInstance): boolean => Boolean(instance.ReadReplicaSourceDBInstanceIdentifier);

/** Whether it has exactly these by now: none that is being added or removed. */
export function hasGroups({ VpcSecurityGroups: told = [] }: DBInstance, wanted: readonly string[]): boolean {
  const active = told.every(({ Status }) => Status === 'active');
  const ids = new Set(groupsOf(told));
  return active && ids.size === wanted.length && wanted.every((id) => ids.has(id));
}

export const groupsOf = (told: DBInstance['VpcSecurityGroups'] = []): string[] =>
  told.flatMap(({ VpcSecurityGroupId: id }) => (id === undefined ? [] : [id])).sort();

export const tagOf = ({ TagList: tags = [] }: DBInstance, key: string): string | undefined =>
  tags.find(({ Key }) => Key === key)?.Value;
