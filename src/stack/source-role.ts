import type { PostgresSource } from '#model/postgres-source';
import { shortSourceName } from '#model/source-role';
import { arnOf, ownArn, ref, sub } from './intrinsics.ts';

/**
 * Who writes the backups and the WAL of one source: reads and puts what is this source's, the results of its own tasks, and
 * what the catalog says of its backups. It deletes nothing (a lease is given back by a put), and finds no key of another source's.
 */
export const sourceRole = ({ name, connection }: PostgresSource): object => ({
  Type: 'AWS::IAM::Role',
  Properties: {
    RoleName: sub(`\${AWS::StackName}-\${AWS::Region}-${shortSourceName(name)}`),
    Description: `backs up ${name}`,
    Tags: [{ Key: 'lifeboat:source', Value: name }],
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
          Statement: [...ofBucket(name), ...ofKeys(name), ...ofSecret(connection)],
        },
      },
    ],
  },
});

/** The results of its base backups, and the failures beside them (statemachines/backup.asl.json). */
const resultsOf = (source: string): string => `executions/backup/*/base-backup-${source}.*`;

function ofBucket(source: string): object[] {
  const inBucket = (...keys: string[]) => keys.map((key) => sub(`\${Bucket.Arn}/${key}`));
  const [own, catalog, results] = [`${source}/*`, `catalog/${source}/backups.json`, resultsOf(source)];
  return [
    { Effect: 'Allow', Action: ['s3:GetObject', 's3:PutObject'], Resource: inBucket(own, catalog, results) },
    {
      Effect: 'Allow',
      Action: ['s3:AbortMultipartUpload', 's3:GetObjectVersion', 's3:PutObjectTagging'],
      Resource: inBucket(own),
    },
    // also what tells a missing object from a forbidden one: S3 then takes the object's key for the prefix
    {
      Effect: 'Allow',
      Action: 's3:ListBucket',
      Resource: arnOf('Bucket'),
      Condition: { StringLike: { 's3:prefix': [own, catalog, results] } },
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
const ofSecret = ({ password }: PostgresSource['connection']): object[] =>
  password?.from === 'secret'
    ? [
        {
          Effect: 'Allow',
          Action: 'secretsmanager:GetSecretValue',
          Resource: ownArn('secretsmanager', `secret:${password.name}-??????`),
        },
      ]
    : [];
