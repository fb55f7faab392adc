import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, test } from 'node:test';
import { resolveResources } from '#harness/resolve-template';
import { taskNames } from '#tasks/task-table';
import { checkout, packagedTemplate, type Template } from './packaged-template.ts';
import { listOf, nameOf, type Statement, statementsOf } from './policy-grants.ts';

interface Definition {
  Family: string;
  Cpu: string;
  Memory: string;
  NetworkMode: string;
  RequiresCompatibilities: string[];
  RuntimePlatform: object;
  EphemeralStorage?: { SizeInGiB: number };
  ExecutionRoleArn: string;
  TaskRoleArn?: string;
  Volumes: { Name: string; ConfiguredAtLaunch?: boolean }[];
  ContainerDefinitions: Container[];
}

interface Container {
  Name: string;
  Image: string;
  Command: string[];
  Cpu: number;
  Memory: number;
  User: string;
  Privileged?: boolean;
  ReadonlyRootFilesystem: boolean;
  LinuxParameters: { InitProcessEnabled?: boolean };
  StopTimeout: number;
  MountPoints: { SourceVolume: string; ContainerPath: string }[];
  HealthCheck: { Command: string[] };
  Environment: { Name: string; Value: string }[];
  LogConfiguration: { LogDriver: string; Options: Record<string, string> };
}

let template: Template;
before(async () => {
  template = await packagedTemplate();
});

const namesOf = (from: Template) =>
  Object.keys(from.Resources).filter((name) => from.Resources[name]!.Type === 'AWS::ECS::TaskDefinition');
const definitionsOf = (from: Template): Record<string, Definition> =>
  Object.fromEntries(
    Object.entries(resolveResources(from, namesOf(from), { parameters: { ImageTag: '7' } })).map(([name, resource]) => [
      name,
      resource.Properties as unknown as Definition,
    ]),
  );

/** What Fargate takes: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-cpu-memory-error.html */
const sizes: Record<string, (memory: number) => boolean> = {
  256: (memory) => [512, 1024, 2048].includes(memory),
  512: (memory) => memory % 1024 === 0 && memory >= 1024 && memory <= 4096,
  1024: (memory) => memory % 1024 === 0 && memory >= 2048 && memory <= 8192,
  2048: (memory) => memory % 1024 === 0 && memory >= 4096 && memory <= 16384,
  4096: (memory) => memory % 1024 === 0 && memory >= 8192 && memory <= 30720,
};

const dockerfile = readFileSync(join(checkout, 'tasks/Dockerfile'), 'utf8');
const volumes: string[] = JSON.parse(/^VOLUME (.*)$/m.exec(dockerfile)![1]!);
const user = /^USER (.*)$/m.exec(dockerfile)![1]!;

/** What is wrong with a task definition. */
function problemsOf({ ContainerDefinitions, ...task }: Definition): string[] {
  const [container, ...others] = ContainerDefinitions as [Container, ...Container[]];
  const healthCheck = container.HealthCheck?.Command.at(-1) ?? '';
  const mounted = container.MountPoints.map(({ ContainerPath }) => ContainerPath).sort();
  const environment = JSON.stringify(container.Environment);
  const held: Record<string, boolean> = {
    'one container, called task': others.length === 0 && container.Name === 'task',
    'Fargate, in the network of the VPC':
      task.NetworkMode === 'awsvpc' && task.RequiresCompatibilities.join() === 'FARGATE',
    ARM64: JSON.stringify(task.RuntimePlatform).includes('ARM64'),
    'a size that there is': sizes[task.Cpu]?.(Number(task.Memory)) === true,
    'the container has all of it': container.Cpu === Number(task.Cpu) && container.Memory === Number(task.Memory),
    'a command that is a task': container.Command.length === 1 && taskNames.includes(container.Command[0]!),
    'the image with the tag that is deployed': container.Image.endsWith(':7'),
    'nobody special, as in the image': container.User === user && container.User !== '0:0' && !container.Privileged,
    'a root that nobody writes to': container.ReadonlyRootFilesystem === true,
    'room where the image has it': mounted.join() === [...volumes].sort().join(),
    'room that there is': container.MountPoints.every((at) =>
      task.Volumes.some(({ Name }) => Name === at.SourceVolume),
    ),
    'an init': container.LinuxParameters?.InitProcessEnabled === true,
    'two minutes to end in order': container.StopTimeout === 120,
    'a health check that is in the image':
      healthCheck.startsWith('/lifeboat/src/') && existsSync(join(checkout, healthCheck.replace('/lifeboat/', ''))),
    'a log':
      container.LogConfiguration?.LogDriver === 'awslogs' && container.LogConfiguration.Options.mode === 'non-blocking',
    'pulled and logged by the execution role': task.ExecutionRoleArn.includes('taskexecutionrole'),
    'its plan, bucket and key': ['PLAN_DATA', 'BUCKET', 'KMS_KEY', 'STACK'].every((name) =>
      environment.includes(`"LIFEBOAT_${name}"`),
    ),
    'no secret': !/password|secret|token/i.test(environment.replaceAll(/"Value":"H4s[^"]*"/g, '')),
    'less than a task definition holds': JSON.stringify({ ...task, ContainerDefinitions }).length < 64 << 10,
  };
  return Object.keys(held).filter((what) => !held[what]);
}

test('there is a task definition for each kind of work, and none for another', () => {
  const commands = Object.values(definitionsOf(template)).map(({ ContainerDefinitions: [one] }) => one!.Command[0]!);
  assert.deepEqual([...new Set(commands)].sort(), [...taskNames].sort());
});

test('each of them is what it has to be', () => {
  for (const [name, definition] of Object.entries(definitionsOf(template)))
    assert.deepEqual(problemsOf(definition), [], name);
});

describe('a mistake in a task definition is seen:', () => {
  const container = (change: Partial<Container>) => (task: Definition) =>
    Object.assign(task.ContainerDefinitions[0]!, change);
  const mistakes: Record<string, (task: Definition) => unknown> = {
    'it runs as root': container({ User: '0:0' }),
    'its root can be written to': container({ ReadonlyRootFilesystem: false }),
    'it is privileged': container({ Privileged: true }),
    'it has a second of mercy': container({ StopTimeout: 1 }),
    'a task that there is not': container({ Command: ['backup'] }),
    'a health check that there is not': container({ HealthCheck: { Command: ['CMD', 'node', '/lifeboat/src/x.mjs'] } }),
    'no room for temporary files': (task) => task.ContainerDefinitions[0]!.MountPoints.shift(),
    'a volume that is none': (task) => task.Volumes.pop(),
    'a password beside the plan': (task) =>
      task.ContainerDefinitions[0]!.Environment.push({ Name: 'PGPASSWORD', Value: 'x' }),
    'a size that Fargate has not': (task) => Object.assign(task, { Memory: '3000' }),
    'another processor': (task) => Object.assign(task, { RuntimePlatform: { CpuArchitecture: 'X86_64' } }),
    'the network of the host': (task) => Object.assign(task, { NetworkMode: 'host' }),
  };
  for (const [mistake, plant] of Object.entries(mistakes)) {
    test(mistake, () => {
      const broken = structuredClone(definitionsOf(template).RestoreTask!);
      plant(broken);
      assert.notDeepEqual(problemsOf(broken), []);
    });
  }
});

test('what streams has no disk, drills have what Fargate has, and what is larger or has to stay is on a volume', () => {
  const { BaseBackupTask, VerifyPartTask, DrillTask, DrillVolumeTask, RestoreTask, ...others } =
    definitionsOf(template);
  const { DumpTask, ProveDumpTask, ProveDumpVolumeTask } = others;
  const looks = [DrillTask, DrillVolumeTask, ProveDumpTask, ProveDumpVolumeTask];
  const disks = [BaseBackupTask, VerifyPartTask, DumpTask, ...looks, RestoreTask].map((task) => [
    task!.EphemeralStorage?.SizeInGiB,
    task!.Volumes.filter(({ ConfiguredAtLaunch }) => ConfiguredAtLaunch).map(({ Name }) => Name),
  ]);
  assert.deepEqual(disks, [
    [undefined, []],
    [undefined, []],
    [undefined, []],
    [200, []],
    [undefined, ['work']],
    [200, []],
    [undefined, ['work']],
    [undefined, ['work']],
  ]);
  assert.deepEqual([ProveDumpTask!.Cpu, ProveDumpTask!.Memory], [DrillTask!.Cpu, DrillTask!.Memory]);
  assert.deepEqual([DrillVolumeTask!.Cpu, DrillVolumeTask!.Memory], [RestoreTask!.Cpu, RestoreTask!.Memory]);
  assert.deepEqual(
    [DrillTask!.Cpu, DrillTask!.Memory],
    [RestoreTask!.Cpu, RestoreTask!.Memory],
    'a drill measures a restore',
  );
});

test('a revision that executions began with still runs when a deployment has made the next one', () => {
  const ofMachines = namesOf(template).filter((name) => !name.startsWith('ReceiveWal'));
  assert.equal(ofMachines.length, 10);
  for (const name of ofMachines) assert.equal(template.Resources[name]!.UpdateReplacePolicy, 'Retain', name);
});

test('a base backup and a dump have no role of their own to fall back to, the others have one each', () => {
  const roles = Object.entries(definitionsOf(template)).map(([name, { TaskRoleArn }]) => [name, TaskRoleArn]);
  const { BaseBackupTask, DumpTask, ...others } = Object.fromEntries(roles);
  assert.deepEqual([BaseBackupTask, DumpTask], [undefined, undefined]);
  assert.ok(Object.values(others).every(Boolean));
  assert.notEqual(others.VerifyPartTask, others.DrillTask);
  assert.notEqual(others.DrillTask, others.RestoreTask);
  assert.notEqual(others.DrillTask, others.ProveDumpTask);
  assert.equal(others.ProveDumpVolumeTask, others.ProveDumpTask);
});

describe('the roles of tasks', () => {
  const rolesOf = (from: Template) =>
    Object.entries(from.Resources).flatMap(([name, { Type, Properties }]) =>
      Type === 'AWS::IAM::Role' &&
      /"ecs(-tasks)?\.amazonaws\.com"/.test(JSON.stringify(Properties!.AssumeRolePolicyDocument))
        ? [name]
        : [],
    );

  /** Actions that no resource can be named for. */
  const withoutResource: Record<string, string> = {
    'ecr:GetAuthorizationToken':
      'https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonelasticcontainerregistry.html',
    'ssm:GetCommandInvocation':
      'https://docs.aws.amazon.com/service-authorization/latest/reference/list_awssystemsmanager.html',
    'ssm:ListCommands':
      'https://docs.aws.amazon.com/service-authorization/latest/reference/list_awssystemsmanager.html',
    'ec2:DescribeVolumes': 'https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonec2.html',
    'ec2:DescribeAvailabilityZones':
      'https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonec2.html',
  };

  function problems(from: Template): string[] {
    return rolesOf(from).flatMap((role) =>
      statementsOf(from, role).flatMap(({ Effect, Action, Resource, Condition }: Statement) =>
        listOf(Action).flatMap((action) => {
          const say = (what: string) => `${role}: ${action} ${what}`;
          const everything = listOf(Resource).some((resource) => nameOf(resource) === '*');
          return [
            ...(Effect === 'Allow' && action.includes('*') ? [say('is a wildcard')] : []),
            ...(/delete|bypass|retention|legalhold/i.test(action) && action !== 'ec2:DeleteVolume'
              ? [say('deletes')]
              : []),
            ...(everything && !(action in withoutResource) ? [say('is for every resource')] : []),
            ...(action.startsWith('kms:') && !Condition ? [say('has no condition')] : []),
            ...(action === 's3:ListBucket' && !Condition ? [say('lists everything')] : []),
            ...(/^ec2:(Create|Delete)/.test(action) && !Condition ? [say('is for volumes of others, too')] : []),
          ];
        }),
      ),
    );
  }

  test('name what they are for, delete nothing but for retention, and are taken in this account alone', () => {
    assert.deepEqual(rolesOf(template).sort(), [
      'DrillTaskRole',
      'ProveDumpTaskRole',
      'RebuildStandbyTaskRole',
      'RestoreTaskRole',
      'RetentionTaskRole',
      'SourceBillingRole',
      'SourceLedgerRole',
      'SourceOrdersRole',
      'TaskExecutionRole',
      'VerifyPartTaskRole',
      'VolumeRole',
    ]);
    assert.deepEqual(problems(template), ['RetentionTaskRole: s3:DeleteObject deletes']);
    for (const role of rolesOf(template)) {
      const { Condition } = (
        template.Resources[role]!.Properties!.AssumeRolePolicyDocument as {
          Statement: [{ Condition: Record<string, object> }];
        }
      ).Statement[0];
      // of ECS itself, which makes volumes and pulls the image, it is not known whether it says for whom
      const ifSaid = ['VolumeRole', 'TaskExecutionRole'].includes(role) ? 'IfExists' : '';
      assert.deepEqual(Object.keys(Condition).sort(), [`ArnLike${ifSaid}`, `StringEquals${ifSaid}`], role);
    }
  });

  for (const [mistake, statement] of Object.entries({
    'an action that is a wildcard': { Action: 's3:*', Resource: { Ref: 'Bucket' } },
    'the right to delete': { Action: 's3:DeleteObject', Resource: { Ref: 'Bucket' } },
    'every secret there is': { Action: 'secretsmanager:GetSecretValue', Resource: '*' },
    'a key for everything': { Action: 'kms:Decrypt', Resource: { Ref: 'BackupKey' } },
    'a listing of the whole bucket': { Action: 's3:ListBucket', Resource: { Ref: 'Bucket' } },
  })) {
    test(`${mistake} is seen`, () => {
      const broken = structuredClone(template);
      const [policy] = broken.Resources.DrillTaskRole!.Properties!.Policies as [
        { PolicyDocument: { Statement: object[] } },
      ];
      policy.PolicyDocument.Statement.push({ Effect: 'Allow', ...statement });
      assert.notDeepEqual(problems(broken), []);
    });
  }
});

test('images are scanned, cannot be replaced, and are pulled from our own repository alone', () => {
  const { ImageTagMutability, ImageScanningConfiguration, EmptyOnDelete, LifecyclePolicy } =
    template.Resources.Repository!.Properties!;
  assert.deepEqual([ImageTagMutability, ImageScanningConfiguration], ['IMMUTABLE', { ScanOnPush: true }]);
  assert.equal(EmptyOnDelete, true, 'a stack with images can be deleted');
  const { rules } = JSON.parse((LifecyclePolicy as { LifecyclePolicyText: string }).LifecyclePolicyText);
  assert.deepEqual(
    rules.map((rule: { selection: { tagStatus: string } }) => rule.selection.tagStatus),
    ['untagged', 'any'],
  );
  const pulls = statementsOf(template, 'TaskExecutionRole').filter(({ Action }) =>
    listOf(Action).includes('ecr:BatchGetImage'),
  );
  assert.deepEqual(
    pulls.map(({ Resource }) => nameOf(Resource)),
    ['Repository'],
  );
});
