import { functionNames } from '#stack/bundle-functions';
import { type MachineProperties, neededGrants } from './machine-calls.ts';
import { resourcesOf, type Template } from './packaged-template.ts';
import { listOf, nameOf, statementsOf } from './policy-grants.ts';
import { usedActions } from './used-actions.ts';

/** For each role of a template the actions that whoever has it may need; a role that nobody has is not in it. */
export async function neededActions(template: Template): Promise<Map<string, ReadonlySet<string>>> {
  const names = await functionNames();
  const used = await usedActions([...names.map((name) => `functions/${name}.ts`), 'tasks/run-task.ts']);
  const needed = new Map<string, ReadonlySet<string>>(Object.entries(ofServices));
  for (const [, { Role, Handler }] of resourcesOf(template, 'AWS::Lambda::Function')) {
    const code = used.get(`functions/${String(Handler).replace('.handler', '.ts')}`);
    needed.set(nameOf(Role).replace(/^\$\{(\w+)\.Arn\}$/, '$1'), new Set([...(code ?? []), ...ofLambda]));
  }
  for (const [, { TaskRoleArn }] of resourcesOf(template, 'AWS::ECS::TaskDefinition')) {
    if (TaskRoleArn !== undefined) needed.set(nameOf(TaskRoleArn), used.get('tasks/run-task.ts')!);
  }
  // what a machine hands to a task whose definition names no role
  for (const [role] of resourcesOf(template, 'AWS::IAM::Role'))
    if (/^Source\w+Role$/.test(role)) needed.set(role, used.get('tasks/run-task.ts')!);
  for (const [, properties] of resourcesOf(template, 'AWS::StepFunctions::StateMachine')) {
    const machine = nameOf(properties.StateMachineName).split('_')[1]!;
    const grants = neededGrants(template, machine, properties as unknown as MachineProperties);
    needed.set(nameOf(properties.RoleArn), new Set(grants.map((grant) => grant.split(' ')[0]!)));
  }
  return needed;
}

/** What is granted to a role and needed by nobody who has it. */
export function needless(template: Template, role: string, needed: ReadonlyMap<string, ReadonlySet<string>>): string[] {
  const use = needed.get(role);
  if (!use) return [`${role}: nobody has it`];
  const granted = statementsOf(template, role).filter(({ Effect }) => Effect === 'Allow');
  const actions = new Set(granted.flatMap(({ Action }) => listOf(Action)));
  return [...actions].filter((action) => !use.has(action)).map((action) => `${role}: ${action} is not needed`);
}

/** What Lambda does itself in a function's name. */
const ofLambda = [
  'ec2:AssignPrivateIpAddresses',
  'ec2:CreateNetworkInterface',
  'ec2:DeleteNetworkInterface',
  'ec2:DescribeNetworkInterfaces',
  'ec2:DescribeSubnets',
  'ec2:UnassignPrivateIpAddresses',
  'logs:CreateLogStream',
  'logs:PutLogEvents',
  'sqs:SendMessage',
  'xray:PutTelemetryRecords',
  'xray:PutTraceSegments',
];

/** Of services that run no code of ours. */
const ofServices: Readonly<Record<string, ReadonlySet<string>>> = {
  EventsRole: new Set(['states:StartExecution']),
  SchedulerRole: new Set(['lambda:InvokeFunction', 'sqs:SendMessage']),
  // https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task_execution_IAM_role.html
  TaskExecutionRole: new Set([
    'ecr:BatchCheckLayerAvailability',
    'ecr:BatchGetImage',
    'ecr:GetAuthorizationToken',
    'ecr:GetDownloadUrlForLayer',
    'logs:CreateLogStream',
    'logs:PutLogEvents',
  ]),
  // https://docs.aws.amazon.com/AmazonECS/latest/developerguide/infrastructure_IAM_role.html
  VolumeRole: new Set([
    'ec2:AttachVolume',
    'ec2:CreateTags',
    'ec2:CreateVolume',
    'ec2:DeleteVolume',
    'ec2:DescribeAvailabilityZones',
    'ec2:DescribeVolumes',
    'ec2:DetachVolume',
  ]),
  // https://docs.aws.amazon.com/AmazonS3/latest/userguide/setting-repl-config-perm-overview.html
  ReplicationRole: new Set([
    'kms:Decrypt',
    'kms:Encrypt',
    'kms:GenerateDataKey',
    's3:GetObjectLegalHold',
    's3:GetObjectRetention',
    's3:GetObjectVersionAcl',
    's3:GetObjectVersionForReplication',
    's3:GetObjectVersionTagging',
    's3:GetReplicationConfiguration',
    's3:ListBucket',
    's3:ObjectOwnerOverrideToBucketOwner',
    's3:ReplicateDelete',
    's3:ReplicateObject',
    's3:ReplicateTags',
  ]),
};
