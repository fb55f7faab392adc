import { AwsRefusal } from './strict-aws-signature.ts';
import { type StrictRegions, startStrictRegions } from './strict-regions.ts';

/** A machine of EC2. `looks`: how many it takes to stop; `hangs`: its operating system does not end. */
export interface KeptMachine {
  id: string;
  region: string;
  state: 'pending' | 'running' | 'stopping' | 'stopped' | 'terminated';
  tags: Record<string, string>;
  launched: Date;
  looks: number;
  hangs: boolean;
}

export interface StrictMachines extends StrictRegions {
  machines: KeptMachine[];
}

/** https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-instance-lifecycle.html */
export async function startStrictMachines(): Promise<StrictMachines> {
  const machines: KeptMachine[] = [];
  const stub = await startStrictRegions({
    ...{ service: 'ec2', variable: 'EC2', protocol: 'ec2', version: '2016-11-15' },
    answer: ({ region, action, given }) => {
      const { 'InstanceId.1': id, Force: force, ...rest } = given;
      if (action === 'CreateTags') return createTags(machines, region, given);
      if (Object.keys(rest).length > 0) throw new AwsRefusal(400, 'UnknownParameter', Object.keys(rest)[0]);
      const one = found(machines, region, id);
      if (action === 'DescribeInstances') return describe(one);
      if (action === 'StopInstances') return stop(one, force === 'true');
      if (action === 'StartInstances') return start(one);
      throw new AwsRefusal(400, 'InvalidAction', action);
    },
  });
  return { ...stub, machines };
}

function found(machines: KeptMachine[], region: string, id: unknown): KeptMachine {
  const one = machines.find((each) => each.region === region && each.id === id);
  if (!one) throw new AwsRefusal(400, 'InvalidInstanceID.NotFound', `The instance ID '${id}' does not exist`);
  return one;
}

function describe(one: KeptMachine): string {
  const tags = Object.entries(one.tags).map(([key, value]) => `<item><key>${key}</key><value>${value}</value></item>`);
  const told = `<reservationSet><item><instancesSet><item><instanceId>${one.id}</instanceId>
    <instanceState><code>0</code><name>${one.state}</name></instanceState><launchTime>${one.launched.toISOString()}</launchTime>
    <tagSet>${tags.join('')}</tagSet></item></instancesSet></item></reservationSet>`;
  if (one.state === 'stopping' && !one.hangs && --one.looks <= 0) one.state = 'stopped';
  if (one.state === 'pending') one.state = 'running';
  return told;
}

function stop(one: KeptMachine, force: boolean): string {
  if (one.state === 'pending' || one.state === 'terminated')
    throw new AwsRefusal(400, 'IncorrectInstanceState', `it is ${one.state}`);
  if (force) one.hangs = false;
  if (one.state === 'running') one.state = 'stopping';
  return '<instancesSet/>';
}

function start(one: KeptMachine): string {
  if (one.state !== 'stopped') throw new AwsRefusal(400, 'IncorrectInstanceState', `it is ${one.state}`);
  one.state = 'pending';
  one.launched = new Date(one.launched.getTime() + 60_000);
  return '<instancesSet/>';
}

function createTags(machines: KeptMachine[], region: string, given: Record<string, unknown>): string {
  const one = found(machines, region, given['ResourceId.1']);
  one.tags[String(given['Tag.1.Key'])] = String(given['Tag.1.Value']);
  return '<return>true</return>';
}
