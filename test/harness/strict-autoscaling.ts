import { AwsRefusal } from './strict-aws-signature.ts';
import { queryProtocol, type ServiceCall, type StrictService, startStrictService } from './strict-service.ts';

export interface ScaledGroup {
  min: number;
  max: number;
  desired: number;
  status?: string;
  suspended: string[];
  tags: Record<string, string>;
  instances: { state: string; health: string }[];
}

export interface StrictAutoscaling extends StrictService {
  /** `eu-west-1 web` */
  groups: Map<string, ScaledGroup>;
}

export const scaledGroup = (more: Partial<ScaledGroup> = {}): ScaledGroup => ({
  ...{ min: 0, max: 8, desired: 0, suspended: [], tags: {}, instances: [] },
  ...more,
});

/** https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_UpdateAutoScalingGroup.html */
export async function startStrictAutoscaling(): Promise<StrictAutoscaling> {
  const groups = new Map<string, ScaledGroup>();
  const protocol = queryProtocol('autoscaling', 'AWS_ENDPOINT_URL_AUTO_SCALING', '2011-01-01');
  return Object.assign(await startStrictService(protocol, (call) => answer(call, groups)), { groups });
}

function answer({ operation, given, region }: ServiceCall, groups: StrictAutoscaling['groups']): string {
  const asked = given as Record<string, string>;
  const wrong = (message: string) => new AwsRefusal(400, 'ValidationError', message);
  const named = (name: string | undefined): ScaledGroup => {
    const group = groups.get(`${region} ${name}`);
    if (!group) throw wrong('AutoScalingGroup name not found - AutoScalingGroup not found');
    return group;
  };
  switch (operation) {
    case 'DescribeAutoScalingGroups': {
      const name = asked['AutoScalingGroupNames.member.1']!;
      const group = groups.get(`${region} ${name}`);
      return `<AutoScalingGroups>${group ? print(name, group) : ''}</AutoScalingGroups>`;
    }
    case 'UpdateAutoScalingGroup': {
      const group = named(asked.AutoScalingGroupName);
      const min = asked.MinSize === undefined ? group.min : Number(asked.MinSize);
      const desired = Number(asked.DesiredCapacity);
      if (desired < min)
        throw wrong(`Desired capacity:${desired} must be between the specified min size:${min} and max`);
      if (desired > group.max) throw wrong(`Desired capacity:${desired} must not exceed max size:${group.max}`);
      Object.assign(group, { min, desired });
      return '';
    }
    case 'CreateOrUpdateTags': {
      if (asked['Tags.member.1.PropagateAtLaunch'] !== 'false') throw wrong('tags of instances');
      const { tags } = named(asked['Tags.member.1.ResourceId']);
      tags[asked['Tags.member.1.Key']!] = asked['Tags.member.1.Value']!;
      return '';
    }
    case 'DeleteTags': {
      const { tags } = named(asked['Tags.member.1.ResourceId']);
      delete tags[asked['Tags.member.1.Key']!];
      return '';
    }
    default:
      throw new AwsRefusal(400, 'InvalidAction', operation);
  }
}

const print = (name: string, { min, max, desired, status, suspended, tags, instances }: ScaledGroup): string => {
  const members = (list: string[]) => list.map((one) => `<member>${one}</member>`).join('');
  return `<member><AutoScalingGroupName>${name}</AutoScalingGroupName><MinSize>${min}</MinSize><MaxSize>${max}</MaxSize>
    <DesiredCapacity>${desired}</DesiredCapacity><DefaultCooldown>300</DefaultCooldown><HealthCheckType>EC2</HealthCheckType>
    <CreatedTime>2026-01-01T00:00:00.000Z</CreatedTime>${status ? `<Status>${status}</Status>` : ''}
    <Instances>${members(instances.map(({ state, health }, index) => `<InstanceId>i-${index}</InstanceId><LifecycleState>${state}</LifecycleState><HealthStatus>${health}</HealthStatus>`))}</Instances>
    <SuspendedProcesses>${members(suspended.map((process) => `<ProcessName>${process}</ProcessName>`))}</SuspendedProcesses>
    <Tags>${members(Object.entries(tags).map(([key, value]) => `<ResourceId>${name}</ResourceId><Key>${key}</Key><Value>${value}</Value>`))}</Tags></member>`;
};
