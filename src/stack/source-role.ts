import type { DumpedSource } from '#model/choose-dumped';
import type { Connection } from '#model/postgres-source';
import { shortSourceName } from '#model/source-role';
import { arnOf, ownArn, ref, sub } from './intrinsics.ts';

/**
 * Who writes the backups, the WAL and the dumps of one source: reads and puts what is this source's, the results of its own
 * tasks, and what the catalog says of its backups. It deletes nothing (a lease is given back by a put), and finds no key of
 * another source's. Of a database that RDS runs, only its dumps are our own.
 */
export const sourceRole = (source: DumpedSource): object => ({
  Type: 'AWS::IAM::Role',
  Properties: {
    RoleName: sub(`\${AWS::StackName}-\${AWS::Region}-${shortSourceName(source.name)}`),
    Description: `backs up ${source.name}`,
    Tags: [{ Key: 'lifeboat:source', Value: source.name }],
    AssumeRolePolicyDocument: {
      Version: '2012-10-17',
      Statement: [
        {
          Effect: 'Allow',
          Principal: { Service: 'ecs-tasks.amazonaws.com' },
          Action: 'sts:AssumeRole',
          Condition: {
            StringEquals: { 'aws:SourceAccount': ref('AWS::AccountId') },
            ArnLike: { 'aws:SourceArn': ownArn('ecs', '*') },
          },
        },
      ],
    },
    Policies: [
      {
        PolicyName: 'write-backups',
        PolicyDocument: {
          Version: '2012-10-17',
          Statement: [...inBucket(keysOf(source)), ...ofKeys(source.name), ...ofSecret(source.connection)],
        },
      },
    ],
  },
});

/** Patterns of keys in the bucket. */
interface OwnKeys {
  /** what it writes for good, or again and again */
  own: string[];
  /** what else it writes: the catalog of its backups, and the results of its tasks with the failures beside them */
  puts: string[];
  /** what it looks at: what is known of its dumps */
  gets: string[];
}

function keysOf({ name, kind }: DumpedSource): OwnKeys {
  const gets = [`catalog/${name}/dump-proofs/*`];
  const ofDumps = [`catalog/${name}/dumps.json`, `executions/dump/*/dump-${name}.*`];
  if (kind === 'rds') return { own: [`${name}/dumps/*`, `${name}/leases/dump`], puts: ofDumps, gets };
  const ofBackups = [`catalog/${name}/backups.json`, `executions/backup/*/base-backup-${name}.*`];
  return { own: [`${name}/*`], puts: [...ofBackups, ...ofDumps], gets };
}

function inBucket({ own, puts, gets }: OwnKeys): object[] {
  const objects = (keys: string[]) => keys.map((key) => sub(`\${Bucket.Arn}/${key}`));
  return [
    { Effect: 'Allow', Action: ['s3:GetObject', 's3:PutObject'], Resource: objects([...own, ...puts]) },
    { Effect: 'Allow', Action: 's3:GetObject', Resource: objects(gets) },
    {
      Effect: 'Allow',
      Action: ['s3:AbortMultipartUpload', 's3:GetObjectVersion', 's3:PutObjectTagging'],
      Resource: objects(own),
    },
    // also what tells a missing object from a forbidden one: S3 then takes the object's key for the prefix
    {
      Effect: 'Allow',
      Action: 's3:ListBucket',
      Resource: arnOf('Bucket'),
      Condition: { StringLike: { 's3:prefix': [...own, ...puts, ...gets] } },
    },
  ];
}

const ofKeys = (source: string): object[] => [
  {
    Effect: 'Allow',
    Action: ['kms:Decrypt', 'kms:GenerateDataKey'],
    Resource: arnOf('BucketKey'),
    Condition: { StringEquals: { 'kms:ViaService': sub(`s3.\${AWS::Region}.\${AWS::URLSuffix}`) } },
  },
  {
    Effect: 'Allow',
    Action: ['kms:Decrypt', 'kms:GenerateDataKey'],
    Resource: arnOf('BackupKey'),
    Condition: { StringEquals: { 'kms:EncryptionContext:lifeboat:source': source } },
  },
];

/** Secrets Manager puts six characters behind the name: https://docs.aws.amazon.com/secretsmanager/latest/userguide/reference_iam-permissions.html */
const ofSecret = ({ password }: Connection): object[] =>
  password?.from === 'secret'
    ? [
        {
          Effect: 'Allow',
          Action: 'secretsmanager:GetSecretValue',
          Resource: ownArn('secretsmanager', `secret:${password.name}-??????`),
        },
      ]
    : [];
