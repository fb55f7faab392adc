import {
  CreateTagsCommand,
  DescribeInstancesCommand,
  EC2Client,
  type Instance,
  StartInstancesCommand,
  StopInstancesCommand,
} from '@aws-sdk/client-ec2';
import type { Environment } from '#runtime/environment';
import { awsClientConfig } from './aws-client-config.ts';
import { unless } from './rds-instance.ts';
import { sendAws } from './send-aws.ts';

/** One machine of EC2, as a fence needs it. Every method @throws as sendAws does. */
export interface Ec2Instance {
  /** undefined: there is none; one that was terminated is forgotten after about an hour */
  describe(signal: AbortSignal): Promise<Instance | undefined>;
  /** false: it is in no state for that now */
  stop(options: { force: boolean }, signal: AbortSignal): Promise<boolean>;
  start(signal: AbortSignal): Promise<boolean>;
  tag(key: string, value: string, signal: AbortSignal): Promise<void>;
}

export function openEc2Instance(id: string, region: string, environment: Environment): Ec2Instance {
  const client = new EC2Client({ ...awsClientConfig(environment, 'ec2'), region });
  const call = (action: string) => ({ action: `ec2:${action}`, subject: id, place: `EC2 in ${region}` });
  const one = { InstanceIds: [id] };
  return {
    describe: (signal) =>
      unless('InvalidInstanceID.NotFound', undefined, async () => {
        const command = new DescribeInstancesCommand(one);
        const told = await sendAws(call('DescribeInstances'), signal, (how) => client.send(command, how));
        return told.Reservations?.[0]?.Instances?.[0];
      }),
    stop: ({ force }, signal) =>
      unless('IncorrectInstanceState', false, async () => {
        const command = new StopInstancesCommand({ ...one, ...(force && { Force: true }) });
        await sendAws(call('StopInstances'), signal, (how) => client.send(command, how));
        return true;
      }),
    start: (signal) =>
      unless('IncorrectInstanceState', false, async () => {
        const command = new StartInstancesCommand(one);
        await sendAws(call('StartInstances'), signal, (how) => client.send(command, how));
        return true;
      }),
    tag: async (Key, Value, signal) => {
      const command = new CreateTagsCommand({ Resources: [id], Tags: [{ Key, Value }] });
      await sendAws(call('CreateTags'), signal, (how) => client.send(command, how));
    },
  };
}
