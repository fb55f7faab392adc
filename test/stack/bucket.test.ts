import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { parsePlan } from '#model/plan';
import { storageOfPlan } from '#stack/storage';
import { backupsFolder, dumpsFolder, executionFolder, noticeTakenKey, walFolder } from '#store/bucket-layout';
import { at, differences, guarantee, type Resources, set, storageResources } from './guarantee.ts';
import { packagedTemplate } from './packaged-template.ts';

const bucket = 'Bucket.Properties';

describe('the bucket', () => {
  const kept = storageResources.filter((name) => name !== 'ReplicationRole');
  guarantee('stays with its policies and keys when the stack is deleted or replaces them', {
    check: (resources) =>
      kept.flatMap((name) =>
        differences(resources, {
          [`${name}.DeletionPolicy`]: name.endsWith('Key') ? 'Retain' : 'RetainExceptOnCreate',
          [`${name}.UpdateReplacePolicy`]: 'Retain',
        }),
      ),
    mistakes: {
      'the bucket of a first deployment that failed is in the way of the next': set('Bucket.DeletionPolicy', 'Retain'),
      'the bucket is deleted with the stack': set('Bucket.DeletionPolicy', 'Delete'),
      'the bucket is deleted when it is replaced': set('Bucket.UpdateReplacePolicy', undefined),
      'the key of the backups is deleted with the stack': set('BackupKey.DeletionPolicy', undefined),
    },
  });

  const name = 'lifeboat-prod-111122223333-eu-central-1';
  guarantee('is named after stack, account and region', {
    check: (resources) => differences(resources, { [`${bucket}.BucketName`]: name }),
    mistakes: { 'another name': set(`${bucket}.BucketName`, 'lifeboat') },
  });

  guarantee('keeps every version, locked as the plan says', {
    check: (resources) =>
      differences(resources, {
        [`${bucket}.VersioningConfiguration.Status`]: 'Enabled',
        [`${bucket}.ObjectLockEnabled`]: true,
        [`${bucket}.ObjectLockConfiguration.Rule.DefaultRetention`]: { Mode: 'GOVERNANCE', Days: 14 },
      }),
    mistakes: {
      'no versions': set(`${bucket}.VersioningConfiguration.Status`, 'Suspended'),
      'no lock': set(`${bucket}.ObjectLockEnabled`, undefined),
      'no default retention': set(`${bucket}.ObjectLockConfiguration.Rule`, undefined),
      'a shorter lock': set(`${bucket}.ObjectLockConfiguration.Rule.DefaultRetention.Days`, 1),
    },
  });

  const closed = 'PublicAccessBlockConfiguration';
  const closedDoors = ['BlockPublicAcls', 'BlockPublicPolicy', 'IgnorePublicAcls', 'RestrictPublicBuckets'];
  guarantee('and its access log are closed to the public, and own what is put into them', {
    check: (resources) =>
      ['Bucket', 'AccessLogBucket'].flatMap((which) =>
        differences(resources, {
          ...Object.fromEntries(closedDoors.map((door) => [`${which}.Properties.${closed}.${door}`, true])),
          [`${which}.Properties.OwnershipControls.Rules`]: [{ ObjectOwnership: 'BucketOwnerEnforced' }],
        }),
      ),
    mistakes: {
      'public policies': set(`${bucket}.${closed}.BlockPublicPolicy`, false),
      'nothing said of the public': set(`${bucket}.${closed}`, undefined),
      'access lists': set(`${bucket}.OwnershipControls`, undefined),
      'an open log': set(`AccessLogBucket.Properties.${closed}.RestrictPublicBuckets`, false),
    },
  });

  const encryption = `${bucket}.BucketEncryption.ServerSideEncryptionConfiguration.0`;
  guarantee('encrypts by its own key, and asks KMS for it once in a while instead of for each object', {
    check: (resources) =>
      differences(resources, {
        [`${encryption}.BucketKeyEnabled`]: true,
        [`${encryption}.ServerSideEncryptionByDefault`]: {
          SSEAlgorithm: 'aws:kms',
          KMSMasterKeyID: 'arn:aws:kms:eu-central-1:111122223333:key/bucketkey',
        },
      }),
    mistakes: {
      'a request to KMS for each object': set(`${encryption}.BucketKeyEnabled`, false),
      "S3's own key": set(`${encryption}.ServerSideEncryptionByDefault.SSEAlgorithm`, 'AES256'),
      "the account's own key": set(`${encryption}.ServerSideEncryptionByDefault.KMSMasterKeyID`, undefined),
    },
  });

  guarantee('tells EventBridge of what is put, and logs who asked for what', {
    check: (resources) =>
      differences(resources, {
        [`${bucket}.NotificationConfiguration.EventBridgeConfiguration.EventBridgeEnabled`]: true,
        [`${bucket}.LoggingConfiguration.DestinationBucketName`]: 'accesslogbucket',
      }),
    mistakes: {
      'no events': set(`${bucket}.NotificationConfiguration`, undefined),
      'no log': set(`${bucket}.LoggingConfiguration`, undefined),
      'a log of itself in itself': set(`${bucket}.LoggingConfiguration.DestinationBucketName`, name),
    },
  });

  const logs = 'AccessLogBucket.Properties';
  const logEncryption = `${logs}.BucketEncryption.ServerSideEncryptionConfiguration.0.ServerSideEncryptionByDefault`;
  guarantee('has a log that S3 can deliver to, and that does not grow for ever', {
    check: (resources) =>
      differences(resources, {
        [`${logEncryption}.SSEAlgorithm`]: 'AES256',
        [`${logs}.ObjectLockEnabled`]: undefined,
        [`${logs}.LifecycleConfiguration.Rules.0.ExpirationInDays`]: 365,
        [`${logs}.LifecycleConfiguration.Rules.0.Status`]: 'Enabled',
      }),
    mistakes: {
      'a key that log delivery cannot use': set(`${logEncryption}.SSEAlgorithm`, 'aws:kms'),
      'a lock that log delivery refuses': (resources) =>
        Object.assign(at(resources, logs) as object, { ObjectLockEnabled: true }),
      'logs for ever': set(`${logs}.LifecycleConfiguration.Rules.0.Status`, 'Disabled'),
    },
  });
});

interface Rule {
  Id: string;
  Status: string;
  Prefix?: string;
  TagFilters?: { Key: string; Value: string }[];
  Transitions?: { StorageClass: string; TransitionInDays: number }[];
  ExpirationInDays?: number;
  NoncurrentVersionExpiration?: { NoncurrentDays: number };
  AbortIncompleteMultipartUpload?: { DaysAfterInitiation: number };
}
const rulesPath = `${bucket}.LifecycleConfiguration.Rules`;
const rulesOf = (resources: Resources): Rule[] => at(resources, rulesPath) as Rule[];
const changeRule = (id: RegExp, change: Partial<Rule>) => (resources: Resources) => {
  const rule = rulesOf(resources).find(({ Id }) => id.test(Id));
  assert.ok(rule, `no rule is called ${id}`);
  Object.assign(rule, change);
};

describe('what S3 does by age', () => {
  guarantee('moves parts of backups and dumps, and WAL, to colder classes when the plan says, and nothing else', {
    check: (resources) => {
      const moving = rulesOf(resources).filter(({ Transitions }) => Transitions);
      const prefixes = moving.map(({ Prefix }) => Prefix).sort();
      const ours = ['billing', 'orders'].flatMap((source) => [backupsFolder(source), walFolder(source)]);
      // where a schedule takes dumps
      const expected = [...ours, dumpsFolder('ledger'), dumpsFolder('orders')].sort();
      const wrong = moving.filter(
        ({ Status, TagFilters, Transitions = [] }) =>
          Status !== 'Enabled' ||
          JSON.stringify(TagFilters) !== '[{"Key":"lifeboat-tier","Value":"cold"}]' ||
          Transitions.map((to) => `${to.StorageClass} ${to.TransitionInDays}`).join() !==
            'STANDARD_IA 30,GLACIER 90,DEEP_ARCHIVE 180',
      );
      return [
        ...wrong.map(({ Id }) => Id),
        ...(String(prefixes) === String(expected) ? [] : [`${prefixes} are moved, expected ${expected}`]),
      ];
    },
    mistakes: {
      'manifests are moved, too': changeRule(/^cold-orders-backups/, { TagFilters: [] }),
      'those of dumps, too': changeRule(/^cold-ledger-dumps/, { TagFilters: [] }),
      'another tag': changeRule(/^cold-orders-wal/, { TagFilters: [{ Key: 'tier', Value: 'cold' }] }),
      'everything of a source is moved': changeRule(/^cold-billing-wal/, { Prefix: 'billing/' }),
      'evidence is moved': changeRule(/^cold-billing-wal/, { Prefix: 'evidence/' }),
      'it is switched off': changeRule(/^cold-billing-wal/, { Status: 'Disabled' }),
      'at another time': changeRule(/^cold-orders-wal/, { Transitions: [] }),
    },
  });

  guarantee('leaves small objects where they are', {
    check: (resources) =>
      differences(resources, {
        [`${bucket}.LifecycleConfiguration.TransitionDefaultMinimumObjectSize`]: 'all_storage_classes_128K',
      }),
    mistakes: {
      'chunks of WAL are moved one by one': set(
        `${bucket}.LifecycleConfiguration.TransitionDefaultMinimumObjectSize`,
        'varies_by_storage_class',
      ),
    },
  });

  const mayExpire = [
    'approval-tokens/',
    executionFolder('backup', 'x').replace(/backup\/.*/, ''),
    noticeTakenKey('x', 'y').replace(/x\/.*/, ''),
  ];
  guarantee('lets the records of executions and notices expire after 90 days or more, and never a backup', {
    check: (resources) => {
      const expiring = rulesOf(resources).filter(({ ExpirationInDays }) => ExpirationInDays !== undefined);
      const wrong = expiring.filter(
        ({ Prefix = '', ExpirationInDays = 0 }) => !mayExpire.includes(Prefix) || ExpirationInDays < 90,
      );
      return [...wrong.map(({ Id }) => Id), ...mayExpire.slice(expiring.length)];
    },
    mistakes: {
      'everything expires': changeRule(/^records-notices/, { Prefix: '' }),
      'backups expire': changeRule(/^cold-orders-backups/, { ExpirationInDays: 400 }),
      'evidence expires': changeRule(/^records-notices/, { Prefix: 'evidence/' }),
      'results expire while their execution can still be redriven': changeRule(/^records-exec/, {
        ExpirationInDays: 7,
      }),
    },
  });

  guarantee('clears away what was overwritten or deleted when its lock has ended, and uploads that nobody ends', {
    check: (resources) => {
      const rules = rulesOf(resources).filter(({ Status, Prefix }) => Status === 'Enabled' && Prefix === undefined);
      const old = rules.flatMap(({ NoncurrentVersionExpiration }) => NoncurrentVersionExpiration?.NoncurrentDays ?? []);
      const days = rules.flatMap((rule) => rule.AbortIncompleteMultipartUpload?.DaysAfterInitiation ?? []);
      return [
        ...(String(old) === '14' ? [] : [`old versions go after ${old} days`]),
        ...(String(days) === '7' ? [] : [`uploads are aborted after ${days} days`]),
      ];
    },
    mistakes: {
      'old versions stay for ever': changeRule(/^overwritten/, { Status: 'Disabled' }),
      'what was deleted is gone tomorrow': changeRule(/^overwritten/, {
        NoncurrentVersionExpiration: { NoncurrentDays: 1 },
      }),
      'uploads stay for ever': changeRule(/^abandoned/, { Prefix: 'orders/' }),
    },
  });

  const planOf = (storage: string, sources = ['orders']) =>
    parsePlan(
      `bucket: /srv/b\nencryption: none\nsources:\n${sources.map((name) => `  ${name}: { connection: { host: h, user: u } }\n`).join('')}${storage}`,
      'plan.yml',
    );
  const storageOf = (storage: string, sources?: string[]) =>
    storageOfPlan(planOf(storage, sources), { stage: 'prod', primaryBackupKeyArn: '' });

  test('is only what the plan says: without tiers nothing is moved', () => {
    const { lifecycle, lock } = storageOf('storage: { lock: { mode: compliance, days: 400d } }\n');
    assert.deepEqual(lock.Rule.DefaultRetention, { Mode: 'COMPLIANCE', Days: 400 });
    const rules: Rule[] = lifecycle.Rules;
    assert.deepEqual(
      rules.map(({ Id }) => Id),
      [
        'abandoned-uploads',
        'overwritten-and-deleted',
        'records-approval-tokens',
        'records-executions',
        'records-notices',
      ],
    );
    assert.deepEqual(
      rules.map((rule) => rule.NoncurrentVersionExpiration?.NoncurrentDays ?? rule.ExpirationInDays),
      [undefined, 400, 400, 400, 400],
    );
  });

  test('skips the classes that the plan leaves out', () => {
    const rules: Rule[] = storageOf('storage: { tiers: { glacier: 7d } }\n').lifecycle.Rules;
    assert.deepEqual(rules.at(-1)?.Transitions, [{ StorageClass: 'GLACIER', TransitionInDays: 7 }]);
  });

  test('of more sources than a bucket has rules for is refused, and said where', () => {
    const sources = Array.from({ length: 499 }, (_, i) => `s${i}`);
    assert.equal(storageOf('storage: { tiers: { glacier: 7d } }\n', sources.slice(2)).lifecycle.Rules.length, 999);
    assert.equal(storageOf('', sources).lifecycle.Rules.length, 5);
    assert.throws(
      () => storageOf('storage: { tiers: { glacier: 7d } }\n', sources),
      /sources: "499 that make 998 lifecycle rules" is not allowed: expected at most 995 rules/,
    );
  });

  test('comes from the plan that is packaged', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'lifeboat-plan-'));
    const path = join(folder, 'plan.yml');
    const source = '{ connection: { host: h, user: u, password: "secret:x" } }';
    await writeFile(
      path,
      `bucket: stack\nencryption: { kmsKey: stack }\naws: { stack: lifeboat-prod, region: eu-central-1 }\nstorage: { tiers: { deepArchive: 9d } }\nsources: { only: ${source} }\n`,
    );
    try {
      const { Resources } = await packagedTemplate({ plan: path });
      const moved = rulesOf(Resources).filter(({ Transitions }) => Transitions);
      assert.deepEqual(
        moved.map(({ Prefix }) => Prefix),
        ['only/backups/', 'only/wal/'],
      );
      assert.deepEqual(moved[0]?.Transitions, [{ StorageClass: 'DEEP_ARCHIVE', TransitionInDays: 9 }]);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  test('needs a stage that can be in the name of a bucket', () => {
    const deploy = () => storageOfPlan(planOf(''), { stage: 'Prod', primaryBackupKeyArn: '' });
    assert.throws(deploy, /stage.*Prod.*capital letters/s);
  });
});
