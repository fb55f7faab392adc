import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { build } from 'esbuild';
import { checkout } from './packaged-template.ts';

/** The actions of IAM that a program's calls of the SDK take, of all sources that it may load. `entries`: functions/tell.ts */
export async function usedActions(entries: readonly string[]): Promise<Map<string, Set<string>>> {
  const { metafile } = await build({
    absWorkingDir: checkout,
    entryPoints: [...entries],
    outdir: 'nowhere',
    bundle: true,
    packages: 'external',
    platform: 'node',
    format: 'esm',
    metafile: true,
    write: false,
    logLevel: 'error',
  });
  const used = new Map<string, Set<string>>();
  for (const { entryPoint, inputs } of Object.values(metafile.outputs)) {
    const sources = await Promise.all(Object.keys(inputs).map((input) => readFile(join(checkout, input), 'utf8')));
    used.set(entryPoint!, new Set(sources.flatMap(actionsIn)));
  }
  return used;
}

/** @throws Error for a call that nobody has said the actions of */
export function actionsIn(source: string): string[] {
  const calls = [...source.matchAll(/\bnew (\w+)Command\(|\bpaginate(\w+)\(/g)].map(
    ([, command, page]) => command ?? page!,
  );
  // EKS is asked without its SDK: src/runtime/eks-cluster.ts
  const signed = [...source.matchAll(/\baction: '(eks:\w+)'/g)].map(([, action]) => action!);
  const used = calls.flatMap((call) => {
    const actions = actionsOf[call];
    if (actions === undefined)
      throw new Error(`${call}: say in test/stack/used-actions.ts which actions of IAM it takes`);
    return actions;
  });
  return [...used, ...signed];
}

/** What S3 encrypts and decrypts it asks KMS for, in the name of who puts and gets. */
const [reads, writes] = [
  ['kms:Decrypt'],
  ['kms:Decrypt', 'kms:GenerateDataKey', 's3:PutObject', 's3:PutObjectTagging'],
];

/** What RDS does with the key of a copy it does in the name of who copies. */
const encryptsCopies = ['kms:CreateGrant', 'kms:DescribeKey'];

/** https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-with-s3-policy-actions.html, and each service's own list */
const actionsOf: Readonly<Record<string, readonly string[]>> = {
  GetObject: ['s3:GetObject', 's3:GetObjectVersion', ...reads],
  HeadObject: ['s3:GetObject', ...reads],
  HeadBucket: ['s3:ListBucket'],
  ListObjectsV2: ['s3:ListBucket'],
  PutObject: writes,
  CreateMultipartUpload: writes,
  UploadPart: writes,
  CompleteMultipartUpload: writes,
  AbortMultipartUpload: ['s3:AbortMultipartUpload'],
  // retention alone: test/stack/roles.test.ts
  DeleteObject: ['s3:DeleteObject'],
  // of somebody who clears up with rights of his own: `abortStaleUploads`
  ListMultipartUploads: [],
  Decrypt: ['kms:Decrypt'],
  Encrypt: ['kms:Encrypt'],
  GenerateDataKey: ['kms:GenerateDataKey'],
  GetPublicKey: ['kms:GetPublicKey'],
  Sign: ['kms:Sign'],
  GetSecretValue: ['secretsmanager:GetSecretValue'],
  Publish: ['sns:Publish'],
  SendEmail: ['ses:SendEmail'],
  ListResourceRecordSets: ['route53:ListResourceRecordSets'],
  ChangeResourceRecordSets: ['route53:ChangeResourceRecordSets'],
  GetChange: ['route53:GetChange'],
  GetHostedZone: ['route53:GetHostedZone'],
  GetParameter: ['ssm:GetParameter'],
  PutParameter: ['ssm:PutParameter'],
  DeleteParameter: ['ssm:DeleteParameter'],
  PutSecretValue: ['secretsmanager:PutSecretValue'],
  GetHealthCheckStatus: ['route53:GetHealthCheckStatus'],
  DescribeAlarms: ['cloudwatch:DescribeAlarms'],
  SendCommand: ['ssm:SendCommand'],
  ListCommands: ['ssm:ListCommands'],
  GetCommandInvocation: ['ssm:GetCommandInvocation'],
  DescribeInstances: ['ec2:DescribeInstances'],
  StartInstances: ['ec2:StartInstances'],
  StopInstances: ['ec2:StopInstances'],
  CreateTags: ['ec2:CreateTags'],
  DescribeServices: ['ecs:DescribeServices'],
  UpdateService: ['ecs:UpdateService'],
  DescribeAutoScalingGroups: ['autoscaling:DescribeAutoScalingGroups'],
  UpdateAutoScalingGroup: ['autoscaling:UpdateAutoScalingGroup'],
  CreateOrUpdateTags: ['autoscaling:CreateOrUpdateTags'],
  DeleteTags: ['autoscaling:DeleteTags'],
  SendTaskSuccess: ['states:SendTaskSuccess'],
  StartExecution: ['states:StartExecution'],
  ListExecutions: ['states:ListExecutions'],
  DescribeDBInstances: ['rds:DescribeDBInstances'],
  DescribeDBClusters: ['rds:DescribeDBClusters'],
  DescribeDBInstanceAutomatedBackups: ['rds:DescribeDBInstanceAutomatedBackups'],
  DeleteDBSnapshot: ['rds:DeleteDBSnapshot'],
  DeleteDBClusterSnapshot: ['rds:DeleteDBClusterSnapshot'],
  DescribeDBSnapshots: ['rds:DescribeDBSnapshots'],
  DescribeDBClusterSnapshots: ['rds:DescribeDBClusterSnapshots'],
  ModifyDBInstance: ['rds:ModifyDBInstance'],
  RebootDBInstance: ['rds:RebootDBInstance'],
  PromoteReadReplica: ['rds:PromoteReadReplica'],
  CreateDBInstanceReadReplica: ['rds:CreateDBInstanceReadReplica'],
  AddTagsToResource: ['rds:AddTagsToResource'],
  RemoveTagsFromResource: ['rds:RemoveTagsFromResource'],
  DescribeGlobalClusters: ['rds:DescribeGlobalClusters'],
  FailoverGlobalCluster: ['rds:FailoverGlobalCluster'],
  SwitchoverGlobalCluster: ['rds:SwitchoverGlobalCluster'],
  CopyDBSnapshot: ['rds:AddTagsToResource', 'rds:CopyDBSnapshot', ...encryptsCopies],
  CopyDBClusterSnapshot: ['rds:AddTagsToResource', 'rds:CopyDBClusterSnapshot', ...encryptsCopies],
};
