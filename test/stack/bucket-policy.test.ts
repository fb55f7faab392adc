import assert from 'node:assert/strict';
import { describe } from 'node:test';
import { type Access, judgeAccess, type PolicyDocument, type Statement } from '#harness/judge-access';
import { backupId } from '#model/backup-id';
import { dumpId } from '#model/dump-id';
import * as layout from '#store/bucket-layout';
import { at, guarantee, type Resources } from './guarantee.ts';

const bucket = 'arn:aws:s3:::lifeboat-prod-111122223333-eu-central-1';
const bucketKey = 'arn:aws:kms:eu-central-1:111122223333:key/bucketkey';
const retention = 'arn:aws:iam::111122223333:role/retentiontaskrole';
const replication = 'arn:aws:iam::444455556666:role/lifeboat-prod-eu-central-1_replication';

const id = backupId(new Date('2026-11-20T05:13:45.123Z'), 'full');
const [part, segment] = [`orders/backups/${id}/base.tar.000000`, 'orders/wal/7571/00000001/000000010000000000000003'];

const dump = dumpId(new Date('2026-11-20T05:13:45.123Z'), 'dump');
const dumpPart = layout.dumpObjectKey('orders', dump, layout.dumpPartName(0, 0));

/** A role of this account, by TLS 1.3. */
const caller = {
  'aws:securetransport': 'true',
  's3:tlsversion': '1.3',
  'aws:principalaccount': '111122223333',
  'aws:principalarn': 'arn:aws:iam::111122223333:role/writer',
  'aws:principalisawsservice': 'false',
};
const once = { 's3:if-none-match': '*', 's3:objectcreationoperation': 'true' };
const blind = { 's3:objectcreationoperation': 'true' };

interface Asked {
  action: string;
  key?: string;
  context?: Record<string, string>;
}
const accessTo = ({ action, key = part, context = {} }: Asked): Access => {
  const resource = key === '' ? bucket : `${bucket}/${key}`;
  return { action: `s3:${action}`, resource, context: { ...caller, ...context } };
};
const put = (context: Record<string, string>, key = part): Asked => ({ action: 'PutObject', key, context });

const policyOf = (resources: Resources, name = 'BucketPolicy') =>
  at(resources, `${name}.Properties.PolicyDocument`) as PolicyDocument;
const isDenied = (resources: Resources, asked: Asked): boolean =>
  judgeAccess(policyOf(resources), accessTo(asked)).denied.length > 0;
const toldOf = (asked: Asked): string => JSON.stringify(asked);

/** What of it is not answered as it should be. */
const judged = (resources: Resources, { denied = [], admitted = [] }: { denied?: Asked[]; admitted?: Asked[] }) => [
  ...denied.filter((asked) => !isDenied(resources, asked)).map((asked) => `admitted: ${toldOf(asked)}`),
  ...admitted.filter((asked) => isDenied(resources, asked)).map((asked) => `denied: ${toldOf(asked)}`),
];

const statement = (resources: Resources, sid: string): Statement => {
  const found = policyOf(resources).Statement.find(({ Sid }) => Sid === sid);
  assert.ok(found, `there is no ${sid}`);
  return found;
};
const without = (sid: string) => (resources: Resources) => {
  const policy = policyOf(resources);
  policy.Statement = policy.Statement.filter((each) => each !== statement(resources, sid));
};
const changed = (sid: string, change: Partial<Statement>) => (resources: Resources) =>
  void Object.assign(statement(resources, sid), change);

describe('the policy of the bucket', () => {
  const reading: Asked[] = [{ action: 'GetObject' }, { action: 'ListBucket', key: '' }];
  const by = (context: Record<string, string>): Asked[] => reading.map((asked) => ({ ...asked, context }));
  guarantee('lets nobody in without TLS 1.2', {
    check: (resources) =>
      judged(resources, {
        denied: [...by({ 'aws:securetransport': 'false' }), ...by({ 's3:tlsversion': '1.1' })],
        admitted: [...by({}), ...by({ 's3:tlsversion': '1.2' })],
      }),
    mistakes: {
      'plain http': without('DenyPlainHttp'),
      'old TLS': without('DenyOldTls'),
      'of objects only': changed('DenyOldTls', { Resource: `${bucket}/*` }),
    },
  });

  const stranger = { 'aws:principalaccount': '999999999999', 'aws:principalarn': 'arn:aws:iam::999999999999:role/x' };
  const service = { 'aws:principalisawsservice': 'true', 'aws:principalaccount': '999999999999' };
  guarantee('lets no other account in, not even to copy into it', {
    check: (resources) =>
      judged(resources, {
        denied: [...by(stranger), { action: 'ReplicateObject', context: stranger }, put({ ...once, ...stranger })],
        admitted: by(service),
      }),
    mistakes: {
      'any account': without('DenyOtherAccounts'),
      'the account is not looked at': changed('DenyOtherAccounts', {
        Condition: { Bool: { 'aws:PrincipalIsAWSService': 'true' } },
      }),
    },
  });

  const sse = (name: string, keyId?: string) => ({
    ...once,
    's3:x-amz-server-side-encryption': name,
    ...(keyId && { 's3:x-amz-server-side-encryption-aws-kms-key-id': keyId }),
  });
  guarantee("takes nothing that is not encrypted by the bucket's key; a put that names none gets that", {
    check: (resources) =>
      judged(resources, {
        denied: [
          put(sse('AES256')),
          put(sse('aws:kms')),
          put(sse('aws:kms', 'arn:aws:kms:eu-central-1:111122223333:key/other')),
          put(sse('aws:kms:dsse', bucketKey)),
          put({ ...once, 's3:x-amz-server-side-encryption-customer-algorithm': 'AES256' }),
        ],
        admitted: [put(once), put(sse('aws:kms', bucketKey))],
      }),
    mistakes: {
      'another kind of encryption': without('DenyOtherEncryption'),
      'another key': without('DenyOtherKeys'),
      'a key that S3 does not know': without('DenyCustomerKeys'),
      'a put that names none is refused': changed('DenyOtherKeys', {
        Condition: { ArnNotEqualsIfExists: { 's3:x-amz-server-side-encryption-aws-kms-key-id': bucketKey } },
      }),
      'kms without a key is taken': changed('DenyOtherKeys', {
        Condition: { ArnNotEquals: { 's3:x-amz-server-side-encryption-aws-kms-key-id': [bucketKey, ''] } },
      }),
    },
  });

  const [execution, digest, now] = ['20261120', '0'.repeat(32), new Date(0)];
  const writtenOnce = [
    part,
    segment,
    layout.manifestKey('orders', id),
    layout.historyKey('orders', '7571', 2),
    layout.backupObjectKey('orders', id, layout.indexName),
    layout.backupObjectKey('orders', id, layout.serverManifestName),
    layout.rewrapKey('orders', digest, 'kms-mrk-1'),
    layout.snapshotKey('orders', 'lifeboat-orders-x'),
    dumpPart,
    layout.dumpManifestKey('orders', dump),
    layout.dumpObjectKey('orders', dump, layout.globalsName),
    layout.dumpProofKey('orders', dump, now),
    layout.taskResultKey('dump', execution, 'dump-orders'),
    layout.taskResultKey('backup', execution, 'base-backup-orders'),
    layout.taskFailureKey(layout.taskResultKey('backup', execution, 'base-backup-orders'), now),
    layout.verifiedKey('orders', segment, digest.slice(16)),
    layout.verificationKey('orders', id, now),
    layout.proofKey('orders', id, now),
    layout.questionKey('restore', execution, 1),
    layout.answerKey('restore', execution, 2),
    layout.answerKey('restore', execution, 1, 2),
    layout.approvalTokenKey(digest),
    layout.evidenceKey(1),
    layout.evidenceIdKey(digest),
    layout.noticeTakenKey(digest, 'slack'),
    // what was before a step of a move
    layout.taskResultKey('failover', execution, 'names-before'),
    layout.taskResultKey('system-recovery', execution, 'settings-before'),
  ];
  const rewritten = [
    layout.leaseKey('orders', 'backup'),
    layout.leaseKey('orders', 'dump'),
    layout.leaseKey('orders', 'failover'),
    layout.leaseKey('orders', 'receive-wal'),
    layout.dumpCatalogKey('orders'),
    layout.catalogKey('orders'),
    layout.verifiedWalKey('orders'),
    layout.standingKey('orders'),
    layout.exposureKey('orders'),
    layout.managedKey('orders'),
    layout.failoverStandingKey('shop'),
    layout.openQuestionsKey,
    layout.evidenceEndKey,
  ];
  const seen = { 's3:if-match': '"etag"', 's3:objectcreationoperation': 'true' };
  guarantee('takes what is written once only if there is none', {
    check: (resources) =>
      judged(resources, {
        denied: writtenOnce.flatMap((key) => [put(blind, key), put(seen, key)]),
        admitted: writtenOnce.map((key) => put(once, key)),
      }),
    mistakes: {
      'it can be overwritten': without('DenyOverwrites'),
      'parts can be overwritten': changed('DenyOverwrites', { NotResource: [`${bucket}/*/backups/*`] }),
      'proofs can be overwritten': changed('DenyOverwrites', { NotResource: [`${bucket}/catalog/*`] }),
      'only what is put at once is looked at': changed('DenyOverwrites', {
        Condition: { Null: { 's3:if-none-match': 'true', 's3:objectcreationoperation': 'true' } },
      }),
    },
  });

  guarantee('takes what is written again only from who has seen what it replaces', {
    check: (resources) =>
      judged(resources, {
        denied: rewritten.map((key) => put(blind, key)),
        admitted: [
          ...rewritten.flatMap((key) => [put(once, key), put(seen, key)]),
          put(blind, layout.noticeToldKey(digest)),
        ],
      }),
    mistakes: {
      'one writer undoes what another one wrote': without('DenyLostUpdates'),
      'a lease cannot be renewed': changed('DenyOverwrites', { NotResource: [`${bucket}/catalog/*`] }),
      'it can be put once only': changed('DenyLostUpdates', { Condition: { Null: { 's3:if-none-match': 'true' } } }),
    },
  });

  const beginning = { 's3:objectcreationoperation': 'false' };
  guarantee('takes the beginning and the pieces of an upload, which can bring no condition', {
    check: (resources) => judged(resources, { admitted: [put(beginning), put(beginning, segment)] }),
    mistakes: {
      'no large part can be put': changed('DenyOverwrites', { Condition: { Null: { 's3:if-none-match': 'true' } } }),
      'no large projection can be put': changed('DenyLostUpdates', {
        Condition: { Null: { 's3:if-none-match': 'true', 's3:if-match': 'true' } },
      }),
    },
  });

  const deleting = { action: 'DeleteObject' };
  const erasing = [
    'PutObjectRetention',
    'PutObjectLegalHold',
    'DeleteObjectVersion',
    'BypassGovernanceRetention',
    'DeleteObjectTagging',
    'DeleteObjectVersionTagging',
    'PutObjectVersionTagging',
  ].map((action) => ({ action }));
  const root = { 'aws:principalarn': 'arn:aws:iam::111122223333:root' };
  const asRoot = ({ action }: Asked): Asked => ({ action, context: root });
  const asRetention = ({ action }: Asked): Asked => ({ action, context: { 'aws:principalarn': retention } });
  guarantee('lets only the retention task delete, and leaves the version to S3 until its lock has ended', {
    check: (resources) =>
      judged(resources, {
        denied: [deleting, asRoot(deleting), ...erasing, ...erasing.map(asRoot), ...erasing.map(asRetention)],
        admitted: [asRetention(deleting)],
      }),
    mistakes: {
      'everybody may': without('DenyDeletes'),
      'a role of a like name may': changed('DenyDeletes', {
        Condition: { ArnNotLike: { 'aws:PrincipalArn': 'arn:aws:iam::111122223333:ro*' } },
      }),
      'nobody may': changed('DenyDeletes', { Condition: {} }),
      'it may erase': without('DenyErasing'),
      'root may erase': changed('DenyErasing', {
        Condition: { ArnNotEquals: { 'aws:PrincipalArn': root['aws:principalarn'] } },
      }),
    },
  });

  const token = layout.approvalTokenKey('0'.repeat(64));
  const readToken = (by: string, action = 'GetObject'): Asked => ({
    ...{ action, key: token },
    context: { 'aws:principalarn': `arn:aws:iam::111122223333:${by}` },
  });
  const readers = ['role/askapprovalrole', 'role/answerapprovalrole'];
  const others = ['role/writer', 'role/planrestorerole', 'role/retentiontaskrole', 'user/ada', 'root'];
  guarantee('lets nobody read the token of a question but who asks it and who brings the answer', {
    check: (resources) =>
      judged(resources, {
        denied: others.flatMap((by) => [readToken(by), readToken(by, 'GetObjectVersion')]),
        admitted: [
          ...readers.map((by) => readToken(by)),
          // the rest of approvals, and copies of everything
          { action: 'GetObject', key: layout.questionKey('restore', execution, 1) },
          readToken('role/lifeboat-prod-eu-central-1_replication', 'GetObjectVersionForReplication'),
          put(once, token),
        ],
      }),
    mistakes: {
      'everybody who reads the bucket': without('DenyReadingTokens'),
      'earlier versions': changed('DenyReadingTokens', { Action: 's3:GetObject' }),
      'any role of approvals': changed('DenyReadingTokens', {
        Condition: { ArnNotLike: { 'aws:PrincipalArn': 'arn:aws:iam::111122223333:role/*' } },
      }),
      'nobody at all': changed('DenyReadingTokens', { Condition: {} }),
      'no copies': changed('DenyReadingTokens', { Action: 's3:*' }),
    },
  });

  const tagging = (key: string, tier?: string): Asked => ({
    action: 'PutObjectTagging',
    key,
    context: tier === undefined ? {} : { 's3:requestobjecttag/lifeboat-tier': tier },
  });
  guarantee('lets only parts and WAL have the tag that moves them to a colder class, and no other tag', {
    check: (resources) =>
      judged(resources, {
        denied: [
          ...writtenOnce.filter((key) => ![part, dumpPart, segment].includes(key) && !key.includes('/wal/')),
          ...rewritten,
        ]
          .map((key) => tagging(key, 'cold'))
          .concat(tagging(part, 'warm'), tagging(part)),
        admitted: [
          tagging(part, 'cold'),
          tagging(dumpPart, 'cold'),
          tagging(segment, 'cold'),
          tagging(`${segment}.00000000-00001000`, 'cold'),
        ],
      }),
    mistakes: {
      'a manifest can be moved to an archive': without('DenyColdIndices'),
      'any tag': without('DenyOtherTags'),
      'everything of a backup': changed('DenyColdIndices', {
        NotResource: [`${bucket}/*/backups/*`, `${bucket}/*/wal/*`],
      }),
    },
  });

  const replicating = { 'aws:principalaccount': '444455556666', 'aws:principalarn': replication };
  const other = { ...replicating, 'aws:principalarn': 'arn:aws:iam::444455556666:role/other' };
  const copying = ['ReplicateObject', 'ReplicateTags', 'ReplicateDelete', 'ObjectOwnerOverrideToBucketOwner'];
  const allowed = (resources: Resources, action: string, context: Record<string, string>, key = part) => {
    const verdict = judgeAccess(policyOf(resources), accessTo({ action, key, context }));
    return verdict.denied.length === 0 && verdict.allowed.length > 0;
  };
  guarantee('takes copies from the replication role of the first stack, and nothing else from its account', {
    deployment: { parameters: { PrimaryReplicationRoleArn: replication } },
    check: (resources) => [
      ...copying.filter((action) => !allowed(resources, action, replicating)),
      ...['PutObject', 'GetObject', 'DeleteObject', 'DeleteObjectVersion'].filter((action) =>
        allowed(resources, action, { ...replicating, ...once }),
      ),
      ...copying.filter(
        (action) => judgeAccess(policyOf(resources), accessTo({ action, context: other })).allowed.length,
      ),
      ...(JSON.stringify(statement(resources, 'AllowReplicas').Principal) === '{"AWS":"arn:aws:iam::444455556666:root"}'
        ? []
        : ['another principal']),
    ],
    mistakes: {
      'it is not let in': (resources) => {
        const { Condition } = statement(resources, 'DenyOtherAccounts');
        delete Condition?.ArnNotEqualsIfExists;
      },
      'any role of that account': changed('AllowReplicas', { Condition: {} }),
      'the whole world': changed('AllowReplicas', { Principal: '*' }),
      'it may delete': changed('AllowReplicas', { Action: 's3:Replicate*' }),
      'it may put': changed('AllowReplicas', { Action: [...copying.map((name) => `s3:${name}`), 's3:PutObject'] }),
    },
  });

  guarantee('takes no copies where no first stack is named', {
    check: (resources) => [
      ...copying.filter((action) => allowed(resources, action, replicating)),
      ...policyOf(resources).Statement.flatMap(({ Effect, Sid }) => (Effect === 'Allow' ? [String(Sid)] : [])),
    ],
    mistakes: {
      'an open door': (resources) => {
        const open: Statement = {
          Effect: 'Allow',
          Principal: '*',
          Action: 's3:ReplicateObject',
          Resource: `${bucket}/*`,
        };
        policyOf(resources).Statement.push(open);
      },
    },
  });
});

describe('the policy of the access log', () => {
  const logs = 'arn:aws:s3:::accesslogbucket';
  const delivery = { 'aws:sourceaccount': '111122223333', 'aws:sourcearn': bucket, 'aws:securetransport': 'true' };
  const logged = (resources: Resources, action: string, context: Record<string, string> = {}) =>
    judgeAccess(policyOf(resources, 'AccessLogBucketPolicy'), {
      action,
      resource: `${logs}/x`,
      context: { ...delivery, ...context },
    });
  const logStatement = (resources: Resources, effect: string) =>
    policyOf(resources, 'AccessLogBucketPolicy').Statement.find(({ Effect }) => Effect === effect)!;
  guarantee('takes what S3 delivers for this bucket of this account, by TLS, and lets nobody delete it', {
    check: (resources) => {
      const isTaken = (context?: Record<string, string>) => {
        const { denied, allowed } = logged(resources, 's3:PutObject', context);
        return denied.length === 0 && allowed.length > 0;
      };
      const { Principal } = logStatement(resources, 'Allow');
      return [
        ...(isTaken() ? [] : ['S3 cannot deliver']),
        ...(isTaken({ 'aws:sourceaccount': '999999999999' }) ? ['for another account'] : []),
        ...(isTaken({ 'aws:sourcearn': 'arn:aws:s3:::other' }) ? ['for another bucket'] : []),
        ...(isTaken({ 'aws:securetransport': 'false' }) ? ['without TLS'] : []),
        ...['s3:DeleteObject', 's3:DeleteObjectVersion'].filter((action) => !logged(resources, action).denied.length),
        ...(JSON.stringify(Principal) === '{"Service":"logging.s3.amazonaws.com"}' ? [] : ['for somebody else']),
      ];
    },
    mistakes: {
      'for everybody': (resources) => {
        logStatement(resources, 'Allow').Principal = '*';
      },
      'for every bucket': (resources) => {
        delete logStatement(resources, 'Allow').Condition?.ArnEquals;
      },
      'without TLS, and deleted': (resources) => {
        const policy = policyOf(resources, 'AccessLogBucketPolicy');
        policy.Statement = policy.Statement.filter(({ Effect }) => Effect === 'Allow');
      },
    },
  });
});
