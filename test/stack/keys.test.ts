import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { judgeAccess, type PolicyDocument, type Statement } from '#harness/judge-access';
import { parsePlan } from '#model/plan';
import { storageOfPlan } from '#stack/storage';
import { at, differences, guarantee, type Resources, set } from './guarantee.ts';
import { packagedTemplate } from './packaged-template.ts';

const bucket = 'arn:aws:s3:::lifeboat-prod-111122223333-eu-central-1';
const primaryKey = 'arn:aws:kms:us-east-1:111122223333:key/mrk-0123456789abcdef0123456789abcdef';
const replication = 'arn:aws:iam::444455556666:role/lifeboat-prod-us-east-1_replication';

const policyOf = (resources: Resources, key: string) => at(resources, `${key}.Properties.KeyPolicy`) as PolicyDocument;
const isAllowed = (resources: Resources, key: string, action: string, context: Record<string, string> = {}): boolean =>
  judgeAccess(policyOf(resources, key), { action: `kms:${action}`, resource: 'this key', context }).allowed.length > 0;
const statement = (resources: Resources, key: string, sid: string): Statement => {
  const found = policyOf(resources, key).Statement.find(({ Sid }) => Sid === sid);
  assert.ok(found, `there is no ${sid}`);
  return found;
};
const changed = (key: string, sid: string, change: Partial<Statement>) => (resources: Resources) =>
  void Object.assign(statement(resources, key, sid), change);

const using = [
  'Decrypt',
  'Encrypt',
  'GenerateDataKey',
  'GenerateDataKeyWithoutPlaintext',
  'ReEncryptFrom',
  'ReEncryptTo',
];
const account = '{"AWS":"arn:aws:iam::111122223333:root"}';

/** What of it is true although it should not be, and the other way round. */
const verdicts = (expected: Record<string, [is: boolean, should: boolean]>): string[] =>
  Object.entries(expected).flatMap(([what, [is, should]]) => (is === should ? [] : [`${what} is ${is}`]));

describe('the keys', () => {
  for (const key of ['BackupKey', 'BucketKey']) {
    guarantee(`${key} is looked after by the account, action by action, and granted to nobody`, {
      check: (resources) => {
        const statements = policyOf(resources, key).Statement;
        const actions = statements.flatMap(({ Action }) => Action);
        return [
          ...actions.filter((action) => action.includes('*')),
          ...statements.flatMap(({ Principal }) => (JSON.stringify(Principal) === account ? [] : [String(Principal)])),
          ...verdicts({
            'it can be administered': [isAllowed(resources, key, 'PutKeyPolicy'), true],
            'a grant': [isAllowed(resources, key, 'CreateGrant'), false],
            'use without saying what for': [using.some((action) => isAllowed(resources, key, action)), false],
          }),
        ];
      },
      mistakes: {
        'the account may do everything': changed(key, 'Administer', { Action: 'kms:*' }),
        'everybody administers': changed(key, 'Administer', { Principal: '*' }),
        'nobody administers': changed(key, 'Administer', { Effect: 'Deny' }),
        'administrators decrypt': changed(key, 'Administer', { Action: ['kms:PutKeyPolicy', 'kms:Decrypt'] }),
      },
    });
  }

  const forOneBackup = { 'kms:encryptioncontext:lifeboat:source': 'orders', 'kms:encryptioncontext:lifeboat:for': 'x' };
  guarantee('BackupKey is used for one backup at a time, which is told', {
    check: (resources) => {
      const may = (action: string, context: Record<string, string>) =>
        isAllowed(resources, 'BackupKey', action, context);
      const { 'kms:encryptioncontext:lifeboat:for': _, ...half } = forOneBackup;
      return verdicts({
        'Decrypt with a context': [may('Decrypt', forOneBackup), true],
        'GenerateDataKey with a context': [may('GenerateDataKey', forOneBackup), true],
        'Encrypt with a context': [may('Encrypt', forOneBackup), true],
        'ReEncryptFrom, which can change the context': [may('ReEncryptFrom', forOneBackup), false],
        'Decrypt with half a context': [may('Decrypt', half), false],
        'Decrypt with none': [may('Decrypt', {}), false],
      });
    },
    mistakes: {
      'any context': changed('BackupKey', 'UseForOneBackup', { Condition: {} }),
      'nobody can read a backup': changed('BackupKey', 'UseForOneBackup', { Action: 'kms:GenerateDataKey' }),
    },
  });

  const through = { 'kms:viaservice': 's3.eu-central-1.amazonaws.com', 'kms:encryptioncontext:aws:s3:arn': bucket };
  guarantee('BucketKey is used through S3 and for this bucket alone', {
    check: (resources) => {
      const may = (context: Record<string, string>) => isAllowed(resources, 'BucketKey', 'Decrypt', context);
      return verdicts({
        'Decrypt through the bucket': [may(through), true],
        'Decrypt through another bucket': [
          may({ ...through, 'kms:encryptioncontext:aws:s3:arn': 'arn:aws:s3:::x' }),
          false,
        ],
        'Decrypt through another service': [
          may({ ...through, 'kms:viaservice': 'sqs.eu-central-1.amazonaws.com' }),
          false,
        ],
        'Encrypt, which only replication needs': [isAllowed(resources, 'BucketKey', 'Encrypt', through), false],
      });
    },
    mistakes: {
      'any service': changed('BucketKey', 'UseThroughTheBucket', {
        Condition: { StringEquals: { 'kms:EncryptionContext:aws:s3:arn': bucket } },
      }),
      'any bucket': changed('BucketKey', 'UseThroughTheBucket', {
        Condition: { StringEquals: { 'kms:ViaService': 's3.eu-central-1.amazonaws.com' } },
      }),
      'nobody can read': changed('BucketKey', 'UseThroughTheBucket', { Effect: 'Deny' }),
    },
  });

  guarantee('both rotate, and are gone 30 days after somebody deletes them; BackupKey can be had in another region', {
    check: (resources) =>
      differences(resources, {
        'BackupKey.Type': 'AWS::KMS::Key',
        'BackupKey.Properties.MultiRegion': true,
        'BackupKey.Properties.EnableKeyRotation': true,
        'BackupKey.Properties.PendingWindowInDays': 30,
        'BucketKey.Properties.EnableKeyRotation': true,
        'BucketKey.Properties.PendingWindowInDays': 30,
      }),
    mistakes: {
      'backups can be read in one region only': set('BackupKey.Properties.MultiRegion', false),
      'the same key for ever': set('BackupKey.Properties.EnableKeyRotation', false),
      'gone in a week': set('BackupKey.Properties.PendingWindowInDays', 7),
    },
  });

  const signer = 'arn:aws:iam::111122223333:role/lifeboat-prod-SignEvidenceRole-1A2B3C4D5E6F';
  guarantee('EvidenceKey signs, for one function alone, and everybody here may have its public half', {
    check: (resources) => {
      const may = (action: string, who: string, algorithm = 'ECDSA_SHA_256') =>
        isAllowed(resources, 'EvidenceKey', action, {
          'aws:principalarn': who,
          'kms:signingalgorithm': algorithm,
        });
      const somebody = 'arn:aws:iam::111122223333:role/lifeboat-prod-RecordEvidenceRole-1A2B3C4D5E6F';
      return [
        ...differences(resources, {
          'EvidenceKey.Properties.KeySpec': 'ECC_NIST_P256',
          'EvidenceKey.Properties.KeyUsage': 'SIGN_VERIFY',
          'EvidenceKey.DeletionPolicy': 'Retain',
          'EvidenceKeyAlias.Properties.AliasName': 'alias/lifeboat-prod-evidence',
        }),
        ...verdicts({
          'the function signs': [may('Sign', signer), true],
          'the function signs in another way': [may('Sign', signer, 'ECDSA_SHA_512'), false],
          'another function signs': [may('Sign', somebody), false],
          'somebody has the public key': [may('GetPublicKey', somebody), true],
          'it can be administered': [may('PutKeyPolicy', somebody), true],
          'a grant': [may('CreateGrant', signer), false],
        }),
      ];
    },
    mistakes: {
      'everybody here signs': changed('EvidenceKey', 'SignTheEvidence', { Condition: {} }),
      'nobody verifies': changed('EvidenceKey', 'VerifyTheEvidence', { Effect: 'Deny' }),
      'a key that encrypts': set('EvidenceKey.Properties.KeySpec', 'SYMMETRIC_DEFAULT'),
      'gone with the stack': set('EvidenceKey.DeletionPolicy', 'Delete'),
    },
  });

  const inOtherRegion = { packaging: { params: { primaryBackupKeyArn: primaryKey, standby: 'yes' } } };
  guarantee("BackupKey of a second stack is a replica of the first one's", {
    ...inOtherRegion,
    check: (resources) =>
      differences(resources, {
        'BackupKey.Type': 'AWS::KMS::ReplicaKey',
        'BackupKey.Properties.PrimaryKeyArn': primaryKey,
        'BackupKey.DeletionPolicy': 'Retain',
      }),
    mistakes: { 'a key of its own, which unwraps nothing': set('BackupKey.Type', 'AWS::KMS::Key') },
  });

  test('a second stack is not packaged with what is no key that has replicas', () => {
    const plan = parsePlan(
      'bucket: /b\nencryption: none\nsources: { a: { connection: { host: h, user: u } } }',
      'plan.yml',
    );
    const ofKey = (primaryBackupKeyArn: string) => () => storageOfPlan(plan, { stage: 'prod', primaryBackupKeyArn });
    assert.equal(ofKey(primaryKey)().backupKey, 'replica');
    assert.throws(ofKey('arn:aws:kms:us-east-1:111122223333:key/0123'), /primaryBackupKeyArn.*multi-Region key/s);
    assert.throws(ofKey('mrk-0123'), /primaryBackupKeyArn/);
  });

  test('a replica has the same policy as the key', async () => {
    const [first, second] = [await packagedTemplate(), await packagedTemplate(inOtherRegion.packaging)];
    const policy = ({ Resources }: typeof first) => at(Resources, 'BackupKey.Properties.KeyPolicy');
    assert.ok(policy(first));
    assert.deepEqual(policy(second), policy(first));
  });

  guarantee('BackupKey of a second stack lets the first account wrap for it, and read nothing', {
    deployment: { parameters: { PrimaryReplicationRoleArn: replication } },
    check: (resources) => {
      const { Action, Principal } = statement(resources, 'BackupKey', 'WrapForThisStack');
      return verdicts({
        'Encrypt with a context': [isAllowed(resources, 'BackupKey', 'Encrypt', forOneBackup), true],
        'Encrypt without': [isAllowed(resources, 'BackupKey', 'Encrypt'), false],
        'more than Encrypt': [String(Action) !== 'kms:Encrypt', false],
        'another account': [JSON.stringify(Principal) !== '{"AWS":"arn:aws:iam::444455556666:root"}', false],
      });
    },
    mistakes: {
      'it may read': changed('BackupKey', 'WrapForThisStack', { Action: ['kms:Encrypt', 'kms:Decrypt'] }),
      'everybody wraps': changed('BackupKey', 'WrapForThisStack', { Principal: '*' }),
      'it wraps for anything': changed('BackupKey', 'WrapForThisStack', { Condition: {} }),
    },
  });

  const replicating = { ...through, 'aws:principalarn': replication };
  const other = { ...through, 'aws:principalarn': 'arn:aws:iam::444455556666:role/other' };
  guarantee('BucketKey of a second stack encrypts what the replication role of the first one brings', {
    deployment: { parameters: { PrimaryReplicationRoleArn: replication } },
    check: (resources) => {
      const may = (action: string, context: Record<string, string>) =>
        isAllowed(resources, 'BucketKey', action, context);
      const { Principal } = statement(resources, 'BucketKey', 'TakeReplicas');
      return verdicts({
        'Encrypt for replication': [may('Encrypt', replicating), true],
        'Encrypt for another role': [may('Encrypt', other), false],
        'Encrypt past S3': [may('Encrypt', { 'aws:principalarn': replication }), false],
        'another account': [JSON.stringify(Principal) !== '{"AWS":"arn:aws:iam::444455556666:root"}', false],
      });
    },
    mistakes: {
      'any role of that account': changed('BucketKey', 'TakeReplicas', { Condition: { StringEquals: {} } }),
      'all accounts': changed('BucketKey', 'TakeReplicas', { Principal: '*' }),
      'replicas cannot be encrypted': changed('BucketKey', 'TakeReplicas', { Action: 'kms:Decrypt' }),
    },
  });
});
