import {
  AutoScalingClient,
  type AutoScalingGroup,
  CreateOrUpdateTagsCommand,
  DeleteTagsCommand,
  DescribeAutoScalingGroupsCommand,
  UpdateAutoScalingGroupCommand,
} from '@aws-sdk/client-auto-scaling';
import { capacityText, isEnough, parseCapacity, wasPutBack } from '#failover/capacity-text';
import { keptMinimum, minimumTag, sizesFor } from '#failover/group-sizes';
import type { Movable } from '#failover/movable';
import type { Capacity } from '#model/failover-capacity';
import { ServerUnsuitable } from '#model/failure';
import type { Environment } from '#runtime/environment';
import { awsClientConfig } from './aws-client-config.ts';
import { putBack } from './capacity-failure.ts';
import { answerOf, type Meanings, problemOf, problemsFrom } from './move-failure.ts';

type AutoscalingCapacity = Capacity & { kind: 'autoscaling' };

/**
 * How many instances an Auto Scaling group is to have. Its minimum is lowered where that is in the way, and kept in a tag of the
 * group (group-sizes.ts) until the number is back; its maximum is a limit that somebody has set, and is never raised.
 * `settled`: so many are in service and healthy, and for none also none is left.
 * https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_UpdateAutoScalingGroup.html
 */
export function autoscalingCapacity(one: AutoscalingCapacity, environment: Environment): Movable {
  const group = openGroup(one, environment);
  return {
    part: 'capacity',
    what: `auto scaling group ${one.group} in ${one.region}`,
    site: one.site,
    wanted: (primary) => capacityText(primary === one.site ? one.active : one.idle),
    read: async (signal) => {
      const found = await group.look(signal);
      return found ? capacityText(found.DesiredCapacity!) : null;
    },
    put: async (value, signal) => {
      // what is not there has no capacity to take away
      if (value === null) return null;
      const found = await group.look(signal);
      if (!found) throw missing(one);
      await changeSizes(one, group, found, parseCapacity(value), signal);
      return value;
    },
    settled: async (change, signal) => {
      const found = await group.look(signal);
      if (!found) throw missing(one);
      return isSettled(one, found, parseCapacity(change));
    },
    check: (signal) =>
      problemsFrom(async () => {
        const found = await group.look(signal);
        return found ? problemsOf(one, found) : [problemOf(missing(one))];
      }),
  };
}

interface Group {
  look(signal: AbortSignal): Promise<AutoScalingGroup | undefined>;
  update(sizes: { DesiredCapacity: number; MinSize?: number }, signal: AbortSignal): Promise<void>;
  keep(minimum: number, signal: AbortSignal): Promise<void>;
  forget(signal: AbortSignal): Promise<void>;
}

function openGroup(one: AutoscalingCapacity, environment: Environment): Group {
  const client = new AutoScalingClient({ ...awsClientConfig(environment, 'auto_scaling'), region: one.region });
  const AutoScalingGroupName = one.group;
  const call = (action: string) => ({
    ...{ action: `autoscaling:${action}`, subject: `the group ${one.group}` },
    place: `Auto Scaling in ${one.region}`,
  });
  const tag = { ResourceId: one.group, ResourceType: 'auto-scaling-group', Key: minimumTag };
  return {
    look: async (abortSignal) => {
      const command = new DescribeAutoScalingGroupsCommand({ AutoScalingGroupNames: [one.group] });
      const asked = client.send(command, { abortSignal });
      const { AutoScalingGroups = [] } = await answerOf(asked, call('DescribeAutoScalingGroups'), meanings);
      // a status is only told of one that is being deleted
      return AutoScalingGroups.find(({ Status }) => Status === undefined);
    },
    update: async (sizes, abortSignal) => {
      const command = new UpdateAutoScalingGroupCommand({ AutoScalingGroupName, ...sizes });
      await answerOf(client.send(command, { abortSignal }), call('UpdateAutoScalingGroup'), meanings);
    },
    keep: async (minimum, abortSignal) => {
      const Tags = [{ ...tag, Value: String(minimum), PropagateAtLaunch: false }];
      const asked = client.send(new CreateOrUpdateTagsCommand({ Tags }), { abortSignal });
      await answerOf(asked, call('CreateOrUpdateTags'), meanings);
    },
    forget: async (abortSignal) => {
      const asked = client.send(new DeleteTagsCommand({ Tags: [tag] }), { abortSignal });
      await answerOf(asked, call('DeleteTags'), meanings);
    },
  };
}

/** Kept before it is lowered, and forgotten after it is back: whenever this is stopped, the next one goes on. */
async function changeSizes(
  one: AutoscalingCapacity,
  group: Group,
  found: AutoScalingGroup,
  desired: number,
  signal: AbortSignal,
): Promise<void> {
  const { MinSize = 0, MaxSize = 0, DesiredCapacity } = found;
  if (desired > MaxSize) throw aboveMaximum(one, desired, MaxSize);
  const kept = keptMinimum(tagsOf(found));
  const { minimum, keep, forget } = sizesFor({ desired, minimum: MinSize, kept });
  if (keep !== undefined && keep !== kept) await group.keep(keep, signal);
  if (desired !== DesiredCapacity || minimum !== MinSize)
    await group.update({ DesiredCapacity: desired, ...(minimum === MinSize ? {} : { MinSize: minimum }) }, signal);
  if (forget) await group.forget(signal);
}

const tagsOf = ({ Tags = [] }: AutoScalingGroup): Record<string, string> =>
  Object.fromEntries(Tags.map(({ Key = '', Value = '' }) => [Key, Value]));

/** @throws TrafficNotMoved when somebody else changed the number */
function isSettled(
  one: AutoscalingCapacity,
  { DesiredCapacity = 0, Instances = [] }: AutoScalingGroup,
  wanted: number,
) {
  if (wasPutBack(wanted, DesiredCapacity)) throw putBack(`the group ${one.group}`, wanted, DesiredCapacity);
  const inService = Instances.filter(
    ({ LifecycleState, HealthStatus }) => LifecycleState === 'InService' && HealthStatus === 'Healthy',
  );
  // https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-lifecycle.html
  const left = Instances.filter(({ LifecycleState = '' }) => !/^Warmed|^Standby$|^Detach/.test(LifecycleState));
  return wanted === 0 ? left.length === 0 : isEnough(wanted, inService.length);
}

function problemsOf(one: AutoscalingCapacity, { MaxSize = 0, SuspendedProcesses = [] }: AutoScalingGroup): string[] {
  const suspended = SuspendedProcesses.map(({ ProcessName = '' }) => ProcessName).filter((name) => stopping.has(name));
  const most = Math.max(one.active, one.idle);
  return [
    ...(most > MaxSize ? [problemOf(aboveMaximum(one, most, MaxSize))] : []),
    ...(suspended.length > 0
      ? [
          `processes of the group ${one.group} are suspended: ${suspended.join(', ')}; resume them, or nothing is started`,
        ]
      : []),
  ];
}

/** https://docs.aws.amazon.com/autoscaling/ec2/userguide/as-suspend-resume-processes.html */
const stopping = new Set(['Launch', 'Terminate']);

const aboveMaximum = ({ group, region }: AutoscalingCapacity, wanted: number, maximum: number): ServerUnsuitable =>
  new ServerUnsuitable(
    `the group ${group} in ${region} may have ${maximum} instances at most, and ${wanted} are wanted`,
    {
      ...{ operation: 'autoscaling:UpdateAutoScalingGroup', subject: group },
      hint: 'raise its maximum size, or lower the number in the plan',
    },
  );

const missing = ({ group, region }: AutoscalingCapacity): ServerUnsuitable =>
  new ServerUnsuitable(`there is no Auto Scaling group ${group} in ${region}`, {
    ...{ operation: 'autoscaling:DescribeAutoScalingGroups', subject: group },
    hint: 'make it there, with a desired capacity of 0 if need be, or take it out of the plan',
  });

/** https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_UpdateAutoScalingGroup.html#API_UpdateAutoScalingGroup_Errors */
const meanings: Meanings = {
  ScalingActivityInProgressFault: { hint: 'it is being scaled: try again in a minute', passes: true },
  ResourceContentionFault: { hint: 'another change of it goes on: try again in a minute', passes: true },
  ServiceLinkedRoleFailure: { hint: 'its role is just being made: try again in a minute', passes: true },
  ResourceInUseFault: { hint: 'it is in use by another operation: try again in a minute', passes: true },
  AlreadyExistsFault: { hint: 'somebody else tags it at the same moment: try again', passes: true },
  LimitExceededFault: { hint: `it has as many tags as it may: delete one that nobody needs` },
  InvalidNextToken: { hint: 'try again', passes: true },
  ValidationError: { hint: 'see what it says of the group, and of the numbers in the plan' },
};
