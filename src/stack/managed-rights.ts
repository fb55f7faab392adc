import type { Plan } from '#model/plan';
import { snapshotPrefix } from '#model/snapshot-name';
import { ownArn, ref, sub } from './intrinsics.ts';

/*
 * Who may do what with the databases that RDS runs. Only what the plan names is snapshot, and only what bears our tags is
 * made; what has to be looked at may be any, for a name that is taken is only found by looking.
 * https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonrds.html
 */

export interface RdsStatement {
  Sid: string;
  Effect: 'Allow';
  Action: string[];
  Resource: unknown;
  Condition?: object;
}

const rds = (rest: string) => ownArn('rds', rest);

/** Of functions that ask RDS; none where the plan has no such databases. Lists are of a database, and of what they list. */
export const lookingAtRds = ({ managed }: Plan): RdsStatement[] =>
  managed.length === 0
    ? []
    : [
        looking('Instances', ['DescribeDBInstances'], ['db']),
        looking('Clusters', ['DescribeDBClusters'], ['cluster']),
        looking('Backups', ['DescribeDBInstanceAutomatedBackups'], ['auto-backup', 'db']),
        looking('Snapshots', ['DescribeDBSnapshots'], ['db', 'snapshot']),
        looking('ClusterSnapshots', ['DescribeDBClusterSnapshots'], ['cluster', 'cluster-snapshot']),
        ...copyRegions(managed).flatMap(({ region }, index) => [
          looking(`Copies${index + 1}`, ['DescribeDBSnapshots'], ['db', 'snapshot'], region),
          looking(`ClusterCopies${index + 1}`, ['DescribeDBClusterSnapshots'], ['cluster', 'cluster-snapshot'], region),
        ]),
      ];

const looking = (
  what: string,
  actions: readonly string[],
  types: readonly string[],
  region = `\${AWS::Region}`,
): RdsStatement => ({
  Sid: `LookAt${what}`,
  Effect: 'Allow',
  Action: actions.map((action) => `rds:${action}`),
  Resource: types.map((type) => sub(`arn:\${AWS::Partition}:rds:${region}:\${AWS::AccountId}:${type}:*`)),
});

/** Of the function that copies: out of this region, into those of the plan, under the keys that it names there. */
export const copyingSnapshots = ({ managed }: Plan): RdsStatement[] =>
  copyRegions(managed).flatMap(({ region, keys }, index): RdsStatement[] => [
    ...(['snapshot', 'cluster-snapshot'] as const).map(
      (type): RdsStatement => ({
        Sid: `Copy${type === 'snapshot' ? 'Snapshots' : 'ClusterSnapshots'}${index + 1}`,
        Effect: 'Allow',
        Action: [type === 'snapshot' ? 'rds:CopyDBSnapshot' : 'rds:CopyDBClusterSnapshot'],
        Resource: [copyIn(region, type), rds(`${type}:lifeboat-*`)],
      }),
    ),
    {
      Sid: `TagCopies${index + 1}`,
      Effect: 'Allow',
      Action: ['rds:AddTagsToResource'],
      Resource: [copyIn(region, 'cluster-snapshot'), copyIn(region, 'snapshot')],
    },
    ...(keys.length === 0
      ? []
      : [
          {
            Sid: `EncryptCopies${index + 1}`,
            Effect: 'Allow' as const,
            // https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/Overview.Encryption.Keys.html
            Action: ['kms:CreateGrant', 'kms:DescribeKey'],
            Resource: keys,
            Condition: { StringEquals: { 'kms:ViaService': sub(`rds.${region}.\${AWS::URLSuffix}`) } },
          },
        ]),
  ]);

/**
 * Of the function that deletes: by name and tag only what was made of a source that has rules for it, and nothing that is held,
 * whatever the function thinks.
 */
export function deletingSnapshots({ managed, retention }: Plan): RdsStatement[] {
  const sources = managed.filter((source) => source.retention ?? retention);
  const types = [
    ['instance', 'snapshot', 'DeleteDBSnapshot'],
    ['cluster', 'cluster-snapshot', 'DeleteDBClusterSnapshot'],
  ] as const;
  return types.flatMap(([of, type, action]): RdsStatement[] => {
    const some = sources.filter(({ database }) => database.type === of);
    if (some.length === 0) return [];
    return [
      {
        Sid: action.replace('DB', ''),
        Effect: 'Allow',
        Action: [`rds:${action}`],
        Resource: some.flatMap(({ name, copyTo }) => {
          const named = `${type}:${snapshotPrefix(name)}*`;
          const here = rds(named);
          return copyTo
            ? [here, sub(`arn:\${AWS::Partition}:rds:${copyTo.region}:\${AWS::AccountId}:${named}`)]
            : [here];
        }),
        Condition: {
          StringEquals: { 'aws:ResourceTag/lifeboat:source': some.map(({ name }) => name) },
          Null: { 'aws:ResourceTag/lifeboat:execution': 'false', 'aws:ResourceTag/lifeboat:hold': 'true' },
        },
      },
    ];
  });
}

const copyIn = (region: string, type: 'snapshot' | 'cluster-snapshot') =>
  sub(`arn:\${AWS::Partition}:rds:${region}:\${AWS::AccountId}:${type}:lifeboat-*`);

function copyRegions(managed: Plan['managed']): { region: string; keys: string[] }[] {
  const copies = managed.flatMap(({ copyTo }) => (copyTo ? [copyTo] : []));
  return [...Map.groupBy(copies, ({ region }) => region)].map(([region, of]) => ({
    region,
    keys: [...new Set(of.flatMap(({ kmsKey }) => (kmsKey === undefined ? [] : [kmsKey])))],
  }));
}

/** What the machines of RDS may do, beside what they call otherwise: attached to their roles, since the plan decides it. */
export function managedRights({ managed }: Plan): Record<string, object> {
  if (managed.length === 0) return {};
  const databases = managed.map(({ database: { type, id } }) => rds(`${type === 'instance' ? 'db' : 'cluster'}:${id}`));
  const tagged = { StringEquals: { 'aws:RequestTag/lifeboat:source': managed.map(({ name }) => name) } };
  const ownSnapshots = [rds('cluster-snapshot:lifeboat-*'), rds('snapshot:lifeboat-*')];
  return {
    TakeSnapshots: policy('RdsSnapshotStateMachineRole', 'take-snapshots', [
      { Action: ['rds:CreateDBClusterSnapshot', 'rds:CreateDBSnapshot'], Resource: [...databases, ...ownSnapshots] },
      { Action: ['rds:AddTagsToResource'], Resource: ownSnapshots },
      { Action: ['rds:DescribeDBClusterSnapshots', 'rds:DescribeDBSnapshots'], Resource: ownSnapshots },
    ]),
    MakeDatabases: policy('RdsRestoreStateMachineRole', 'make-databases', [
      // out of these, beside what is there
      { Action: restores, Resource: [...databases, rds('cluster-snapshot:*'), rds('snapshot:*'), ...surroundings] },
      // and nothing that is not tagged
      { Action: [...restores, 'rds:CreateDBInstance'], Resource: [rds('cluster:*'), rds('db:*')], Condition: tagged },
      { Action: ['rds:CreateDBInstance'], Resource: surroundings },
      { Action: ['rds:AddTagsToResource'], Resource: [rds('cluster:*'), rds('db:*')], Condition: tagged },
      { Action: ['rds:DescribeDBClusters', 'rds:DescribeDBInstances'], Resource: [rds('cluster:*'), rds('db:*')] },
    ]),
  };
}

const restores = [
  'rds:RestoreDBClusterFromSnapshot',
  'rds:RestoreDBClusterToPointInTime',
  'rds:RestoreDBInstanceFromDBSnapshot',
  'rds:RestoreDBInstanceToPointInTime',
];

/** What a database is made in and with. */
const surroundings = ['cluster-pg', 'og', 'pg', 'subgrp'].map((type) => rds(`${type}:*`));

const policy = (role: string, name: string, statements: Omit<RdsStatement, 'Sid' | 'Effect'>[]): object => ({
  Type: 'AWS::IAM::Policy',
  Properties: {
    PolicyName: name,
    Roles: [ref(role)],
    PolicyDocument: { Version: '2012-10-17', Statement: statements.map((one) => ({ Effect: 'Allow', ...one })) },
  },
});
