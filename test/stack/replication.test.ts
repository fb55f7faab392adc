import assert from 'node:assert/strict';
import { describe } from 'node:test';
import { judgeAccess, type PolicyDocument } from '#harness/judge-access';
import { at, differences, guarantee, type Resources, set } from './guarantee.ts';

const bucket = 'arn:aws:s3:::lifeboat-prod-111122223333-eu-central-1';
const replica = 'arn:aws:s3:::lifeboat-prod-444455556666-eu-west-1';
const replicaKey = 'arn:aws:kms:eu-west-1:444455556666:key/replica';
const bucketKey = 'arn:aws:kms:eu-central-1:111122223333:key/bucketkey';
const parameters = { ReplicaBucketArn: replica, ReplicaKeyArn: replicaKey, ReplicaAccountId: '444455556666' };
const sameAccount = { ...parameters, ReplicaAccountId: '111122223333' };

const configuration = 'Bucket.Properties.ReplicationConfiguration';
const rule = `${configuration}.Rules.0`;
const destination = `${rule}.Destination`;
const policies = 'ReplicationRole.Properties.Policies';
const policyOf = (resources: Resources) => at(resources, `${policies}.0.PolicyDocument`) as PolicyDocument;

describe('replication', () => {
  guarantee('is none where no other bucket is named', {
    check: (resources) =>
      [at(resources, configuration), resources.ReplicationRole].flatMap((found) => (found ? [String(found)] : [])),
    mistakes: { 'a copy that nobody asked for': (resources) => set(configuration, {})(withField(resources)) },
  });

  guarantee(
    'copies everything, and the markers of what was deleted, in 15 minutes, to the bucket and by the key that are named',
    {
      deployment: { parameters },
      check: (resources) =>
        differences(resources, {
          [`${configuration}.Role`]: 'arn:aws:iam::111122223333:role/lifeboat-prod-eu-central-1_replication',
          [`${configuration}.Rules.length`]: 1,
          [`${rule}.Status`]: 'Enabled',
          [`${rule}.Filter`]: { Prefix: '' },
          [`${rule}.DeleteMarkerReplication.Status`]: 'Enabled',
          [`${rule}.SourceSelectionCriteria.SseKmsEncryptedObjects.Status`]: 'Enabled',
          [`${destination}.Bucket`]: replica,
          [`${destination}.EncryptionConfiguration.ReplicaKmsKeyID`]: replicaKey,
          [`${destination}.Metrics`]: { Status: 'Enabled', EventThreshold: { Minutes: 15 } },
          [`${destination}.ReplicationTime`]: { Status: 'Enabled', Time: { Minutes: 15 } },
        }),
      mistakes: {
        'a copy that grows for ever': set(`${rule}.DeleteMarkerReplication.Status`, 'Disabled'),
        'nothing that is encrypted': set(`${rule}.SourceSelectionCriteria`, undefined),
        'backups only': set(`${rule}.Filter`, { Prefix: 'orders/' }),
        'by the key of the other region': set(`${destination}.EncryptionConfiguration.ReplicaKmsKeyID`, bucketKey),
        'without a promise of time': set(`${destination}.ReplicationTime`, undefined),
        'without metrics': set(`${destination}.Metrics`, undefined),
        'switched off': set(`${rule}.Status`, 'Disabled'),
      },
    },
  );

  const owner = `${destination}.AccessControlTranslation`;
  guarantee('gives the copies to the other account where there is one', {
    deployment: { parameters },
    check: (resources) =>
      differences(resources, { [`${destination}.Account`]: '444455556666', [owner]: { Owner: 'Destination' } }),
    mistakes: { 'the copies stay ours': set(owner, undefined), 'to anybody': set(`${destination}.Account`, undefined) },
  });

  // S3 does not check it: https://docs.aws.amazon.com/AmazonS3/latest/userguide/replication-change-owner.html
  guarantee('changes no owner within one account', {
    deployment: { parameters: sameAccount },
    check: (resources) => [
      ...differences(resources, { [`${destination}.Account`]: undefined, [owner]: undefined }),
      ...(isAllowed(resources, 's3:ObjectOwnerOverrideToBucketOwner', `${replica}/x`) ? ['it may'] : []),
    ],
    mistakes: {
      'it does': (resources) =>
        void Object.assign(at(resources, destination) as object, {
          AccessControlTranslation: { Owner: 'Destination' },
        }),
      'it may': (resources) =>
        policyOf(resources).Statement.push({
          Effect: 'Allow',
          Action: 's3:ObjectOwnerOverrideToBucketOwner',
          Resource: `${replica}/*`,
        }),
    },
  });

  const from = { 'kms:viaservice': 's3.eu-central-1.amazonaws.com', 'kms:encryptioncontext:aws:s3:arn': bucket };
  const to = { 'kms:viaservice': 's3.eu-west-1.amazonaws.com', 'kms:encryptioncontext:aws:s3:arn': replica };
  const needed: [action: string, resource: string, context?: Record<string, string>][] = [
    ['s3:GetReplicationConfiguration', bucket],
    ['s3:ListBucket', bucket],
    ['s3:GetObjectVersionForReplication', `${bucket}/x`],
    ['s3:GetObjectVersionAcl', `${bucket}/x`],
    ['s3:GetObjectVersionTagging', `${bucket}/x`],
    ['s3:GetObjectRetention', `${bucket}/x`],
    ['s3:GetObjectLegalHold', `${bucket}/x`],
    ['s3:ReplicateObject', `${replica}/x`],
    ['s3:ReplicateTags', `${replica}/x`],
    ['s3:ReplicateDelete', `${replica}/x`],
    ['s3:ObjectOwnerOverrideToBucketOwner', `${replica}/x`],
    ['kms:Decrypt', bucketKey, from],
    ['kms:Encrypt', replicaKey, to],
    ['kms:GenerateDataKey', replicaKey, to],
  ];
  const tooMuch: typeof needed = [
    ['s3:GetObject', `${bucket}/x`],
    ['s3:PutObject', `${replica}/x`],
    ['s3:DeleteObject', `${replica}/x`],
    ['s3:DeleteObjectVersion', `${replica}/x`],
    ['s3:ReplicateDelete', `${bucket}/x`],
    ['s3:ReplicateObject', `${bucket}/x`],
    ['s3:ReplicateObject', 'arn:aws:s3:::other/x'],
    ['kms:Decrypt', bucketKey],
    ['kms:Decrypt', bucketKey, to],
    ['kms:Decrypt', replicaKey, to],
    ['kms:Encrypt', replicaKey, from],
  ];
  guarantee('has a role that can copy, and nothing more', {
    deployment: { parameters },
    check: (resources) => [
      ...needed.filter((access) => !isAllowed(resources, ...access)).map((access) => `cannot ${access}`),
      ...tooMuch.filter((access) => isAllowed(resources, ...access)).map((access) => `can ${access}`),
      ...policyOf(resources)
        .Statement.flatMap(({ Action }) => Action)
        .filter((action) => action.includes('*')),
      ...(at(resources, `${policies}.length`) === 1 ? [] : ['more policies']),
    ],
    mistakes: {
      'it reads and writes as it likes': (resources) =>
        policyOf(resources).Statement.push({ Effect: 'Allow', Action: 's3:*', Resource: '*' }),
      'tags are not copied': changedStatement('s3:ReplicateTags', (statement) => {
        statement.Action = ['s3:ReplicateObject', 's3:ReplicateDelete'];
      }),
      'markers are not copied': changedStatement('s3:ReplicateDelete', (statement) => {
        statement.Action = ['s3:ReplicateObject', 's3:ReplicateTags'];
      }),
      'locks are not copied': changedStatement('s3:GetObjectRetention', (statement) => {
        statement.Action = [
          's3:GetObjectVersionForReplication',
          's3:GetObjectVersionAcl',
          's3:GetObjectVersionTagging',
        ];
      }),
      'the keys for everything': changedStatement('kms:Decrypt', (statement) => {
        delete statement.Condition;
      }),
      'into any bucket': changedStatement('s3:ReplicateObject', (statement) => {
        statement.Resource = 'arn:aws:s3:::*/*';
      }),
    },
  });

  const trust = 'ReplicationRole.Properties.AssumeRolePolicyDocument.Statement';
  guarantee('has a role that S3 alone takes, for this bucket where it says for which', {
    deployment: { parameters },
    check: (resources) =>
      differences(resources, {
        [`${trust}.length`]: 1,
        [`${trust}.0.Principal`]: { Service: 's3.amazonaws.com' },
        [`${trust}.0.Condition`]: {
          StringEqualsIfExists: { 'aws:SourceAccount': '111122223333' },
          ArnEqualsIfExists: { 'aws:SourceArn': bucket },
        },
      }),
    mistakes: {
      'anybody takes it': set(`${trust}.0.Principal`, '*'),
      'S3 takes it for anybody': set(`${trust}.0.Condition`, undefined),
    },
  });
});

function isAllowed(
  resources: Resources,
  action: string,
  resource: string,
  context: Record<string, string> = {},
): boolean {
  return judgeAccess(policyOf(resources), { action, resource, context }).allowed.length > 0;
}

type Statement = PolicyDocument['Statement'][number];

function changedStatement(action: string, change: (statement: Statement) => void) {
  return (resources: Resources): void => {
    const found = policyOf(resources).Statement.find(({ Action }) => [Action].flat().includes(action));
    assert.ok(found, `nothing allows ${action}`);
    change(found);
  };
}

function withField(resources: Resources): Resources {
  Object.assign(at(resources, 'Bucket.Properties') as object, { ReplicationConfiguration: undefined });
  return resources;
}
